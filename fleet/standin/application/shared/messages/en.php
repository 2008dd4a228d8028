<?php

defined('_IN_PHM_') || exit;

return [
    'language' => 'English',
    'zone' => 'Europe/London',
    'offline' => 'The system is currently offline. Please come back later.',
    'wrong' => 'User name or password is wrong.',
    'locked' => 'Too many failed logins. Please wait.',
    'login' => 'Log in',
    'user' => 'User',
    'password' => 'Password',
    'logout' => 'Log out',
    'inbox' => 'Inbox',
    'files' => 'Files',
    'none' => 'Nothing here.',
    'full' => 'Quota exceeded',
    'saved' => 'Saved.',
];
