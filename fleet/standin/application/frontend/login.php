<?php

/** The login of the front end. */

defined('_IN_PHM_') || exit;

Settings::ensureSalt();
$logins = new Logins($database, 'user');
if (isset($_REQUEST['give_otp'])) {
    header('Content-Type: application/json; charset=utf-8');
    die(Settings::isOnline() ? $logins->hint((string) ($_REQUEST['un'] ?? '')) : json_encode(['error' => Text::of('offline')]));
}
$error = '';
if (isset($_REQUEST['user'], $_REQUEST['pass'])) {
    $name = (string) $_REQUEST['user'];
    [$uid, $isRight] = $logins->check($name, (string) $_REQUEST['pass'], (string) ($_REQUEST['digest'] ?? ''));
    $isLocked = $logins->isLocked($uid, $isRight);
    if (!Settings::isOnline()) {
        $error = Text::of('offline');
    } elseif ($isLocked) {
        $error = Text::of('locked');
    } elseif ($isRight) {
        $logins->entered($uid);
        $facts = ['phM_uid' => $uid, 'phM_username' => $name, 'phM_privs' => (new Groups($database))->rights($uid)];
        Session::open($facts, Settings::get('auth', 'session_cookie', '1') !== '0');
        Session::redirect();
    } else {
        $error = Text::of('wrong');
        sleep((int) (Settings::get('auth', 'waitonfail') ?: 5));
    }
}
Template::page(Settings::path('frontend') . '/templates/login.tpl', [
    'title' => Settings::get('core', 'provider_name') ?: 'phlyMail',
    'error' => $error,
    'action' => Session::link(),
    'user' => (string) ($_REQUEST['user'] ?? ''),
    'msg_user' => Text::of('user'),
    'msg_password' => Text::of('password'),
    'msg_login' => Text::of('login'),
]);
