<?php

defined('_IN_PHM_') || exit;

return [
    'language' => 'English',
    'zone' => 'Europe/London',
    'wrong' => 'User name or password is wrong.',
    'locked' => 'Too many failed logins. Please wait.',
    'login' => 'Log in',
    'user' => 'User',
    'password' => 'Password',
    'noaccess' => 'You have no access to this screen.',
    'saved' => 'Saved.',
    'unsaved' => 'Not saved.',
    'exists' => 'This name is taken. ',
    'nopassword' => 'Please define a password. ',
    'noname' => 'Please define a user name. ',
    'differ' => 'The two passwords differ. ',
    'group' => 'Default group',
    'groupname' => 'A group name has 1 to 32 characters and is used once.',
    'online' => 'The front end is online.',
    'offline' => 'The front end is offline.',
    'cron' => 'The jobs in the background did not run for an hour.',
    'runonce' => 'The update is done, but runonce.php could not be deleted: please delete it.',
    'rootonly' => 'Only a super administrator may do this.',
    'address' => 'Your address is not allowed here.',
];
