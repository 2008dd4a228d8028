<?php

defined('_IN_PHM_') || exit;

return [
    'language' => 'Français',
    'zone' => 'Europe/Paris',
    'wrong' => 'Nom ou mot de passe incorrect.',
    'locked' => 'Trop de tentatives. Veuillez patienter.',
    'login' => 'Connexion',
    'user' => 'Utilisateur',
    'password' => 'Mot de passe',
    'noaccess' => 'Accès refusé.',
    'saved' => 'Enregistré.',
    'unsaved' => 'Non enregistré.',
    'exists' => 'Ce nom existe déjà. ',
    'nopassword' => 'Mot de passe manquant. ',
    'noname' => 'Nom manquant. ',
    'differ' => 'Les mots de passe diffèrent. ',
    'group' => 'Groupe par défaut',
    'groupname' => 'Un nom de groupe a 1 à 32 caractères et est unique.',
    'online' => 'Le frontend est en ligne.',
    'offline' => 'Le frontend est hors ligne.',
    'cron' => 'Les tâches de fond ne tournent plus.',
    'runonce' => 'Mise à jour faite, veuillez supprimer runonce.php.',
    'rootonly' => 'Réservé au super-administrateur.',
    'address' => 'Adresse non autorisée.',
];
