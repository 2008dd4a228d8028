<?php

defined('_IN_PHM_') || exit;

/** A user's files: real names in the index, contents below userbase under names that say nothing. */
final class FileStore
{
    public function __construct(private readonly Database $database, private readonly int $uid)
    {
    }

    /** @return ?array<string, ?string> the folder at a path of real names; '' is the root */
    public function folder(string $path): ?array
    {
        $folder = $this->database->row('SELECT * FROM {files_folders} WHERE uid=? AND att_icon=":files"', [$this->uid]);
        foreach (array_filter(explode('/', $path), 'strlen') as $name) {
            $folder = $folder === null ? null : $this->database->row(
                'SELECT * FROM {files_folders} WHERE uid=? AND childof=? AND friendly_name=?',
                [$this->uid, $folder['idx'], $name],
            );
        }
        return $folder;
    }

    /** @return ?array<string, ?string> the file at a path of real names */
    public function item(string $path): ?array
    {
        $folder = $this->folder(dirname($path) === '.' ? '' : dirname($path));
        return $folder === null ? null : $this->database->row(
            'SELECT * FROM {files_index} WHERE uid=? AND folder_id=? AND friendly_name=?',
            [$this->uid, $folder['idx'], basename($path)],
        );
    }

    /** @return ?array<string, ?string> */
    public function find(int $id): ?array
    {
        return $this->database->row('SELECT * FROM {files_index} WHERE uid=? AND idx=?', [$this->uid, $id]);
    }

    /** @return list<array<string, ?string>> the files of a folder, or of all */
    public function items(?array $folder): array
    {
        return $this->database->rows(
            'SELECT * FROM {files_index} WHERE uid=? AND (folder_id=? OR ?=0) ORDER BY friendly_name',
            [$this->uid, $folder['idx'] ?? 0, $folder['idx'] ?? 0],
        );
    }

    /** @return list<array<string, ?string>> */
    public function folders(array $folder): array
    {
        return $this->database->rows(
            'SELECT * FROM {files_folders} WHERE uid=? AND childof=? ORDER BY friendly_name',
            [$this->uid, $folder['idx']],
        );
    }

    /** Where the content of a file lies. */
    public function place(array $item): string
    {
        $path = (string) $this->database->value('SELECT folder_path FROM {files_folders} WHERE idx=?', [$item['folder_id']]);
        return Folders::ofUser($this->uid) . '/files/' . ($path === '' ? '' : "$path/") . $item['file_name'];
    }

    /**
     * Writes a file, new or over the old content.
     *
     * @param resource $content
     */
    public function put(array $folder, string $name, $content): bool
    {
        $item = $this->database->row(
            'SELECT * FROM {files_index} WHERE uid=? AND folder_id=? AND friendly_name=?',
            [$this->uid, $folder['idx'], $name],
        ) ?? ['idx' => null, 'folder_id' => $folder['idx'], 'file_name' => uniqid(time() . '.', true)];
        $place = $this->place($item);
        Folders::ensure(dirname($place));
        $size = @file_put_contents($place, $content);
        if ($size === false) {
            $item['idx'] === null && @unlink($place);
            return false;
        }
        $this->database->run(
            $item['idx'] === null
                ? 'INSERT INTO {files_index} SET size=?, uuid=?, type=?, mtime=NOW(), ctime=NOW(), uid=?, folder_id=?,'
                    . ' friendly_name=?, file_name=?'
                : 'UPDATE {files_index} SET size=?, uuid=?, type=?, mtime=NOW() WHERE uid=? AND folder_id=?'
                    . ' AND friendly_name=? AND file_name=?',
            [$size, Folders::uuid(), self::type($name), $this->uid, $folder['idx'], $name, $item['file_name']],
        );
        $this->count((int) $folder['idx']);
        return true;
    }

    public function addFolder(array $parent, string $name): bool
    {
        $this->database->run(
            'INSERT INTO {files_folders} SET uid=?, friendly_name=?, childof=?, att_type=1, uuid=?, folder_path="",'
            . ' att_has_folders="1", att_has_items="1", ctime=NOW(), mtime=NOW()',
            [$this->uid, $name, $parent['idx'], Folders::uuid()],
        );
        $id = $this->database->lastId();
        $this->database->run('UPDATE {files_folders} SET folder_path=? WHERE idx=?', [$id, $id]);
        return $id > 0 && Folders::ensure(Folders::ofUser($this->uid) . "/files/$id");
    }

    /** Moves a file to the waste; from there, or with its content lost, it is gone for good. */
    public function delete(array $item): void
    {
        $waste = $this->database->row('SELECT * FROM {files_folders} WHERE uid=? AND folder_path="waste"', [$this->uid]);
        $place = $this->place($item);
        if ($waste !== null && $item['folder_id'] !== $waste['idx'] && is_file($place)) {
            rename($place, $this->place(['folder_id' => $waste['idx'], 'file_name' => $item['file_name']]));
            $this->database->run('UPDATE {files_index} SET folder_id=? WHERE idx=?', [$waste['idx'], $item['idx']]);
            $this->count((int) $waste['idx']);
        } else {
            $this->database->run('DELETE FROM {files_index} WHERE idx=?', [$item['idx']]);
            @unlink($place);
        }
        $this->count((int) $item['folder_id']);
    }

    /** Removes a folder and all below it. */
    public function deleteFolder(array $folder): void
    {
        array_map($this->deleteFolder(...), $this->folders($folder));
        $this->database->run('DELETE FROM {files_index} WHERE uid=? AND folder_id=?', [$this->uid, $folder['idx']]);
        $this->database->run('DELETE FROM {files_folders} WHERE uid=? AND idx=?', [$this->uid, $folder['idx']]);
        Folders::remove(Folders::ofUser($this->uid) . "/files/{$folder['folder_path']}");
    }

    /** The sums that the quotas look at. */
    private function count(int $folder): void
    {
        $this->database->run(
            'UPDATE {files_folders} f SET filenum=(SELECT COUNT(*) FROM {files_index} WHERE folder_id=f.idx),'
            . ' filesize=(SELECT COALESCE(SUM(size), 0) FROM {files_index} WHERE folder_id=f.idx) WHERE idx=?',
            [$folder],
        );
    }

    private static function type(string $name): string
    {
        foreach (file(Settings::path('conf') . '/mime.map.wpop', FILE_IGNORE_NEW_LINES) ?: [] as $line) {
            [$ending, $type] = explode(';;', $line) + [1 => ''];
            if (str_ends_with(strtolower($name), ".$ending")) {
                return $type;
            }
        }
        return 'application/octet-stream';
    }
}
