<?php

/** Config: where administrators log in and set up the instance. */

define('_IN_PHM_', true);

require __DIR__ . '/shared/start.php';

$folder = Settings::path('admin') ?: 'config';
Session::start();
$database = Gate::back($folder);
$action = basename((string) ($_REQUEST['action'] ?? ''));
if ($action === 'logout') {
    (new Logins($database, 'admin'))->left(Session::uid());
    $_SESSION = [];
    Session::redirect();
}
if (Session::uid() === 0 || !isset($_SESSION['phM_adminsession'])) {
    require "$folder/login.php";
    exit;
}
$screens = ['home', 'advanced', 'users', 'groups', 'quotas', 'security', 'config.users'];
$screen = in_array($action, $screens, true) ? $action : 'home';
require "$folder/screens/$screen.php";
