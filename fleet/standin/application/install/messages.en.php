<?php

defined('_IN_PHM_') || exit;

return [
    'zone' => 'Europe/London',
    'title' => 'Installation',
    'problems' => 'storage/ or install/ can not be written by PHP: give both to its user.',
    'unwritten' => 'This file could not be written:',
    'folder' => 'Removing the folder of the installer',
    'script' => 'Removing the installer',
    'success' => 'SUCCESS',
    'failed' => 'FAILED',
    'done' => 'Installed. Go on with the Config:',
];
