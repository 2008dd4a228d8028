<?php

defined('_IN_PHM_') || exit;

/** Folders: those every user starts with, and the removal of whole trees. */
final class Folders
{
    /** folder_path => icon, German name, English name; the root has no path and no folder on disk of its own. */
    private const EMAIL = [
        '' => [':mailbox', 'Postfach', 'Mailbox'],
        'inbox' => [':inbox', 'Posteingang', 'Inbox'],
        'sent' => [':sent', 'Gesendete', 'Sent'],
        'drafts' => [':drafts', 'Entwürfe', 'Drafts'],
        'templates' => [':templates', 'Vorlagen', 'Templates'],
        'waste' => [':waste', 'Papierkorb', 'Trash'],
        'junk' => [':junk', 'Unerwünscht', 'Junk Mail'],
        'archive' => [':archive', 'Archiv', 'Archive'],
    ];

    private const FILES = ['' => [':files', 'Dateien', 'Files'], 'waste' => [':waste', 'Papierkorb', 'Trash']];

    public static function ofUser(int $uid): string
    {
        return Settings::path('userbase') . '/' . $uid;
    }

    /** Makes the system folders of a new user, in the index and on disk. */
    public static function create(Database $database, int $uid): void
    {
        $german = str_starts_with(Settings::get('core', 'language'), 'de');
        self::ensure(self::ofUser($uid) . '/core');
        foreach (['email' => self::EMAIL, 'files' => self::FILES] as $handler => $folders) {
            $root = 0;
            foreach ($folders as $path => [$icon, $de, $en]) {
                $database->run(
                    "INSERT INTO {{$handler}_folders} SET uid=?, folder_path=?, friendly_name=?, childof=?, att_icon=?,"
                    . ' att_has_folders="1", att_has_items=?, uuid=?',
                    [$uid, $path, $german ? $de : $en, $root, $icon, $icon === ':mailbox' ? '0' : '1', self::uuid()],
                );
                $root = $root ?: $database->lastId();
                self::ensure(self::ofUser($uid) . "/$handler/$path");
            }
        }
    }

    public static function ensure(string $folder): bool
    {
        return is_dir($folder) || @mkdir($folder, 0755, true);
    }

    /** Empties a folder; links are removed, never followed. */
    public static function clear(string $folder): void
    {
        foreach (is_dir($folder) ? array_diff(scandir($folder), ['.', '..']) : [] as $name) {
            $path = "$folder/$name";
            if (is_dir($path) && !is_link($path)) {
                self::clear($path);
                @rmdir($path);
            } else {
                @unlink($path);
            }
        }
    }

    public static function remove(string $folder): void
    {
        self::clear($folder);
        @rmdir($folder);
    }

    public static function uuid(): string
    {
        return vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex(random_bytes(16)), 4));
    }
}
