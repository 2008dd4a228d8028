<?php

defined('_IN_PHM_') || exit;

return [
    'zone' => 'Europe/Berlin',
    'title' => 'Installation',
    'problems' => 'storage/ oder install/ ist für PHP nicht beschreibbar: beide müssen seinem Benutzer gehören.',
    'unwritten' => 'Diese Datei ließ sich nicht schreiben:',
    'folder' => 'Ordner des Installers löschen',
    'script' => 'Installer löschen',
    'success' => 'ERFOLG',
    'failed' => 'FEHLER',
    'done' => 'Eingerichtet. Weiter geht es im Config:',
];
