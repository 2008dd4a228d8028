<?php

defined('_IN_PHM_') || exit;

/** A screen of Config: who may see it, and how it looks. */
final class Screen
{
    private const MENU = ['home', 'advanced', 'users', 'groups', 'quotas', 'security', 'config.users', 'logout'];

    public static function isRoot(): bool
    {
        return !empty($_SESSION['phM_superroot']);
    }

    public static function mayRead(string $entry): bool
    {
        return self::isRoot() || isset($_SESSION['phM_perm_read'][$entry]);
    }

    public static function mayWrite(string $entry): bool
    {
        return self::isRoot() || isset($_SESSION['phM_perm_write'][$entry]);
    }

    public static function require(bool $isAllowed): void
    {
        if (!$isAllowed) {
            self::show('phlyMail Config', '', Text::of('noaccess'));
        }
    }

    /** @param list<list<string>> $rows cells that are escaped here, links are made of [text, query] */
    public static function table(array $rows): string
    {
        $html = '';
        foreach ($rows as $cells) {
            $html .= '<tr>';
            foreach ($cells as $cell) {
                $html .= '<td>' . (is_array($cell) ? self::anchor(...$cell) : htmlspecialchars((string) $cell)) . '</td>';
            }
            $html .= '</tr>';
        }
        return "<table>$html</table>";
    }

    public static function anchor(string $text, string $query): string
    {
        return '<a href="' . htmlspecialchars(Session::link($query)) . '">' . htmlspecialchars($text) . '</a>';
    }

    /** @param array<string, string> $fields name => value */
    public static function form(string $query, array $fields): string
    {
        $html = '<form method="post" action="' . htmlspecialchars(Session::link($query)) . '">';
        foreach ($fields as $name => $value) {
            $type = str_contains($name, 'pass') ? 'password' : 'text';
            $html .= '<label>' . htmlspecialchars($name) . " <input type=\"$type\" name=\"" . htmlspecialchars($name)
                . '" value="' . htmlspecialchars((string) $value) . '"></label>';
        }
        return $html . '<input type="submit" value="OK"></form>';
    }

    public static function show(string $title, string $content, string $error = ''): never
    {
        $menu = array_map(static fn (string $entry): string => self::anchor($entry, "action=$entry"), self::MENU);
        Template::page(Settings::path('admin') . '/templates/screen.tpl', [
            'title' => $title,
            'menu' => implode(' · ', $menu),
            'error' => $error,
            'said' => (string) ($_REQUEST['WP_return'] ?? ''),
            'content' => $content,
        ]);
    }

    public static function json(array $answer): never
    {
        header('Content-Type:application/json; charset=utf-8');
        die(json_encode($answer));
    }
}
