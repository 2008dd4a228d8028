<?php

defined('_IN_PHM_') || exit;

return [
    'language' => 'Deutsch (Du)',
    'zone' => 'Europe/Berlin',
    'offline' => 'Das System ist derzeit offline. Bitte versuche es später noch einmal.',
    'wrong' => 'Benutzername oder Passwort ist falsch.',
    'locked' => 'Zu viele Fehlversuche. Bitte warten.',
    'login' => 'Anmelden',
    'user' => 'Benutzer',
    'password' => 'Passwort',
    'logout' => 'Abmelden',
    'inbox' => 'Posteingang',
    'files' => 'Dateien',
    'none' => 'Nichts vorhanden.',
    'full' => 'Kontingent überschritten',
    'saved' => 'Gespeichert.',
];
