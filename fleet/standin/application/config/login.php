<?php

/** The login of Config; whoever comes here without a session runs what a release left to be run once. */

defined('_IN_PHM_') || exit;

$error = '';
if (!isset($_REQUEST['ignore_runonce']) && is_readable('runonce.php')) {
    require 'runonce.php';
    if (!@unlink('runonce.php')) {
        $error = Text::of('runonce');
    }
}
Settings::ensureSalt();
$logins = new Logins($database, 'admin');
if (isset($_REQUEST['give_otp'])) {
    header('Content-Type: application/json; charset=utf-8');
    die($logins->hint((string) ($_REQUEST['un'] ?? '')));
}
if (isset($_REQUEST['user'], $_REQUEST['pass'])) {
    $name = (string) $_REQUEST['user'];
    [$uid, $isRight] = $logins->check($name, (string) $_REQUEST['pass'], (string) ($_REQUEST['digest'] ?? ''));
    if ($logins->isLocked($uid, $isRight)) {
        $error = Text::of('locked');
    } elseif ($isRight) {
        $logins->entered($uid);
        Session::open((new Admins($database))->session($uid), true);
        Session::redirect();
    } else {
        $error = Text::of('wrong');
        sleep((int) Settings::get('auth', 'waitonfail', '5'));
    }
}
Template::page("$folder/templates/login.tpl", [
    'title' => 'phlyMail Config',
    'error' => $error,
    'action' => Session::link(empty($_REQUEST['nossl']) ? '' : 'nossl=1'),
    'user' => '',
    'msg_user' => Text::of('user'),
    'msg_password' => Text::of('password'),
    'msg_login' => Text::of('login'),
]);
