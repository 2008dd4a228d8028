<?php

defined('_IN_PHM_') || exit;

/** What is said to people, in the language of the settings; a language without its file ends the request (500). */
final class Text
{
    /** @var array<string, string> */
    private static array $texts = [];

    public static function load(string $file): void
    {
        self::$texts = array_replace(self::$texts, require $file);
        $zone = Settings::get('core', 'timezone', self::$texts['zone'] ?? 'UTC');
        @date_default_timezone_set($zone) || date_default_timezone_set('UTC');
    }

    public static function of(string $key): string
    {
        return self::$texts[$key] ?? $key;
    }
}
