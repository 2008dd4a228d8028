<?php

defined('_IN_PHM_') || exit;

return [
    'language' => 'Slovenčina',
    'zone' => 'Europe/Bratislava',
    'offline' => 'Systém je momentálne offline. Skúste to neskôr.',
    'wrong' => 'Nesprávne meno alebo heslo.',
    'locked' => 'Príliš veľa pokusov. Počkajte.',
    'login' => 'Prihlásiť',
    'user' => 'Používateľ',
    'password' => 'Heslo',
    'logout' => 'Odhlásiť',
    'inbox' => 'Doručené',
    'files' => 'Súbory',
    'none' => 'Nič tu nie je.',
    'full' => 'Kvóta prekročená',
    'saved' => 'Uložené.',
];
