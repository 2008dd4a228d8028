<?php

defined('_IN_PHM_') || exit;

/** The settings of the instance: defaults < ./choices.ini.php < storage/config/choices.ini.php. */
final class Settings
{
    /** @var array<string, array<string, mixed>> section => key => value */
    public static array $values = [];

    public static function get(string $section, string $key, string $otherwise = ''): string
    {
        $value = self::$values[$section][$key] ?? $otherwise;
        return is_scalar($value) ? (string) $value : $otherwise;
    }

    public static function path(string $key): string
    {
        return rtrim(self::get('path', $key), '/');
    }

    public static function isOnline(): bool
    {
        return self::get('core', 'online_status') !== '' && self::get('core', 'online_status') !== '0';
    }

    /** Lays the settings of storage over the basic ones; an old global file is first merged into them. */
    public static function addChoices(): void
    {
        $file = self::path('conf') . '/choices.ini.php';
        $old = self::path('conf') . '/global.choices.ini.php';
        if (is_file($old)) {
            self::save($file, parse_ini_file($old, true) ?: []);
            unlink($old);
        }
        if (is_file($file)) {
            self::overlay(parse_ini_file($file, true) ?: []);
        }
        if (self::get('core', 'debugging_level') === 'enabled') {
            ini_set('display_errors', 'On');
            error_reporting(E_ALL);
        }
    }

    /** @param array<string, mixed> $more sections and keys that win */
    public static function overlay(array $more): void
    {
        self::$values = array_replace_recursive(self::$values, $more);
    }

    /**
     * Writes values over what a file already holds: in place, so that a link stays a link, and unescaped.
     *
     * @param array<string, mixed> $changes
     */
    public static function save(string $file, array $changes): bool
    {
        $known = is_readable($file) ? (parse_ini_file($file, true) ?: []) : [];
        $lines = [';<?php die(); ?>'];
        foreach (array_replace_recursive($known, $changes) as $name => $value) {
            if (!is_array($value)) {
                $lines[] = self::line((string) $name, $value);
                continue;
            }
            $lines[] = "[$name]";
            foreach (array_filter($value, 'is_scalar') as $key => $entry) {
                $lines[] = self::line((string) $key, $entry);
            }
        }
        $handle = @fopen($file, 'w');
        if ($handle === false) {
            return false;
        }
        flock($handle, LOCK_EX);
        fwrite($handle, implode("\n", $lines) . "\n");
        return fclose($handle);
    }

    private static function line(string $key, mixed $value): string
    {
        $value = $value === false ? '' : (string) $value;
        return $key . ' = ' . (preg_match('/[^0-9]/', $value) ? "\"$value\"" : $value);
    }

    /** A salt of this installation, made when there is none; it belongs to the passwords in the database. */
    public static function ensureSalt(): void
    {
        if (self::get('auth', 'system_salt') === '') {
            self::overlay(['auth' => ['system_salt' => uniqid()]]);
            self::save('./choices.ini.php', ['auth' => ['system_salt' => self::get('auth', 'system_salt')]]);
        }
    }
}
