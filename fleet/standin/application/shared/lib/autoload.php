<?php

/** Finds a class in the folder that `path.lib` names at that moment. */

defined('_IN_PHM_') || exit;

require_once __DIR__ . '/Settings.php';

spl_autoload_register(static function (string $class): void {
    $file = Settings::path('lib') . '/' . $class . '.php';
    if (!is_file($file)) {
        throw new RuntimeException("There is no class $class in " . Settings::path('lib') . '.');
    }
    require_once $file;
});
