<?php

defined('_IN_PHM_') || exit;

return [
    'language' => 'Français',
    'zone' => 'Europe/Paris',
    'offline' => 'Le système est actuellement hors ligne. Merci de revenir plus tard.',
    'wrong' => 'Nom ou mot de passe incorrect.',
    'locked' => 'Trop de tentatives. Veuillez patienter.',
    'login' => 'Connexion',
    'user' => 'Utilisateur',
    'password' => 'Mot de passe',
    'logout' => 'Déconnexion',
    'inbox' => 'Boîte de réception',
    'files' => 'Fichiers',
    'none' => 'Rien ici.',
    'full' => 'Quota dépassé',
    'saved' => 'Enregistré.',
];
