<?php

/** The rules of logging in. */

defined('_IN_PHM_') || exit;

$keys = ['countonfail', 'waitonfail', 'lockonfail', 'force_ssl', 'session_cookie'];
Screen::require(Screen::mayRead('security_'));
$shown = [];
foreach ($keys as $key) {
    $shown[$key] = Settings::get('auth', $key);
}
Screen::show('security', Screen::table(array_map(null, array_keys($shown), array_values($shown))));
