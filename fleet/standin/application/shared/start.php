<?php

/**
 * Starts a request: the basic settings, the classes, then the settings of storage, which win.
 *
 * Paths are relative to the folder of the entry point, as the settings state them.
 */

defined('_IN_PHM_') || exit;

$settings = [];
foreach (['defaults.ini.php', 'choices.ini.php'] as $layer) {
    if (is_readable($layer)) {
        $settings = array_replace_recursive($settings, parse_ini_file($layer, true));
    }
}
if ($settings === []) {
    die('The settings can not be read: is defaults.ini.php missing?');
}
require_once $settings['path']['lib'] . '/autoload.php';
Settings::$values = $settings;
unset($settings, $layer);
