<?php

defined('_IN_PHM_') || exit;

/** A page from a *.tpl file: `{name}` is shown escaped, `{!name}` as it is. The file's text is cached in tplcache. */
final class Template
{
    /** @param array<string, string|int|null> $values */
    public static function render(string $file, array $values): string
    {
        return preg_replace_callback(
            '/\{(!?)(\w+)\}/',
            static function (array $found) use ($values): string {
                $value = (string) ($values[$found[2]] ?? '');
                return $found[1] === '!' ? $value : htmlspecialchars($value);
            },
            self::text($file),
        );
    }

    /** Shows a page with the usual frame around it. */
    public static function page(string $file, array $values): never
    {
        header('Content-Type: text/html; charset=UTF-8');
        echo self::render(Settings::path('frontend') . '/templates/frame.tpl', [
            'title' => $values['title'] ?? 'phlyMail',
            'css' => rtrim(dirname(Session::script()), '/') . '/' . Settings::path('frontend') . '/css/standin.css',
            'body' => self::render($file, $values),
        ]);
        exit;
    }

    private static function text(string $file): string
    {
        $cache = Settings::path('tplcache') . '/' . md5($file) . '.tpl';
        $stamp = filemtime($file);
        $kept = is_readable($cache) ? @unserialize(file_get_contents($cache), ['allowed_classes' => false]) : false;
        if (is_array($kept) && ($kept['stamp'] ?? null) === $stamp) {
            return $kept['text'];
        }
        $text = file_get_contents($file);
        @file_put_contents($cache, serialize(['stamp' => $stamp, 'text' => $text]));
        return $text;
    }
}
