<?php

/** The rules of logging in, and how the passwords of mail accounts lie in the database. */

defined('_IN_PHM_') || exit;

$keys = ['countonfail', 'waitonfail', 'lockonfail', 'force_ssl', 'session_cookie'];
Screen::require(Screen::mayRead('security_'));
if (($_REQUEST['whattodo'] ?? '') === 'confuse') {
    Screen::require(Screen::mayWrite('security_'));
    (new AccountPasswords($database))->disguise();
    Settings::save(Settings::path('conf') . '/choices.ini.php', ['core' => ['accountpass_security' => 'confused']]);
    Session::redirect('action=security');
}
$shown = [];
foreach ($keys as $key) {
    $shown[$key] = Settings::get('auth', $key);
}
Screen::show('security', Screen::table(array_map(null, array_keys($shown), array_values($shown))));
