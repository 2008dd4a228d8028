<?php

defined('_IN_PHM_') || exit;

/** A file on its way to the browser, always as an attachment. */
final class Download
{
    public static function send(?string $file, string $type, string $name): never
    {
        if ($file === null || !is_file($file)) {
            Gate::refuse(404, 'Not found');
        }
        session_write_close();
        header('Content-Type: ' . ($type ?: 'application/octet-stream'));
        header('Content-Disposition: attachment; filename="' . str_replace(['"', "\r", "\n"], '', basename($name)) . '"');
        header('Content-Length: ' . filesize($file));
        readfile($file);
        exit;
    }
}
