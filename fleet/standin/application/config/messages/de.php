<?php

defined('_IN_PHM_') || exit;

return [
    'language' => 'Deutsch',
    'zone' => 'Europe/Berlin',
    'wrong' => 'Benutzername oder Passwort ist falsch.',
    'locked' => 'Zu viele Fehlversuche. Bitte warten.',
    'login' => 'Anmelden',
    'user' => 'Benutzer',
    'password' => 'Passwort',
    'noaccess' => 'Sie haben keinen Zugriff auf diese Seite.',
    'saved' => 'Gespeichert.',
    'unsaved' => 'Nicht gespeichert.',
    'exists' => 'Dieser Name ist vergeben. ',
    'nopassword' => 'Bitte ein Passwort angeben. ',
    'noname' => 'Bitte einen Benutzernamen angeben. ',
    'differ' => 'Die beiden Passwörter sind verschieden. ',
    'group' => 'Standardgruppe',
    'groupname' => 'Ein Gruppenname hat 1 bis 32 Zeichen und kommt nur einmal vor.',
    'online' => 'Das Frontend ist online.',
    'offline' => 'Das Frontend ist offline.',
    'cron' => 'Die Hintergrundaufgaben liefen seit einer Stunde nicht.',
    'runonce' => 'Die Aktualisierung ist fertig, aber runonce.php ließ sich nicht löschen: bitte löschen.',
    'rootonly' => 'Das darf nur ein Superadministrator.',
    'address' => 'Ihre Adresse ist hier nicht zugelassen.',
];
