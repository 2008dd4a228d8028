<?php

/** Exports for other programs, by Basic authentication and without a session. */

define('_IN_PHM_', true);
define('PHM_NO_SESSION', true);

require __DIR__ . '/shared/start.php';

$database = Gate::front();
Gate::requireOnline();
if (isset($_REQUEST['XNA'])) {
    require __DIR__ . '/shared/share.php';
    exit;
}
$name = $_SERVER['PHP_AUTH_USER'] ?? null;
$password = (string) ($_SERVER['PHP_AUTH_PW'] ?? '');
if ($name === null && preg_match('/Basic\s+(.*)$/i', (string) ($_GET['RewriteFakeAuth'] ?? ''), $found)) {
    [$name, $password] = explode(':', (string) base64_decode($found[1]), 2) + [1 => ''];
}
if ($name === null) {
    header('WWW-Authenticate: Basic realm="phlyMail Web API"');
    Gate::refuse(401, 'Please login to use this service');
}
$logins = new Logins($database, 'user');
[$uid, $isRight] = $logins->check($name, $password);
if ($uid === 0) {
    Gate::refuse(403, 'Unknown user');
}
if ($logins->isLocked($uid, $isRight)) {
    Gate::refuse(403, 'Too many failed logins');
}
if (!$isRight) {
    Gate::refuse(403, 'Username or password wrong');
}
$handler = basename((string) ($_REQUEST['handler'] ?? $_REQUEST['h'] ?? ''));
if ($handler === '') {
    Gate::refuse(400, 'Missing parameter');
}
$export = Settings::path('handler') . "/$handler/webapi.php";
if (!is_file($export)) {
    Gate::refuse(415, 'Wrong type of service');
}
require $export;
