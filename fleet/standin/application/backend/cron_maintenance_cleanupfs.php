<?php

defined('_IN_PHM_') || exit;

/** Removes every numbered folder of userbase without a user, mails without a row, old temporary files. */
final class cron_maintenance_cleanupfs
{
    public function __construct(private readonly Database $database, private readonly array $job)
    {
    }

    public function Run(): void
    {
        $base = Settings::path('userbase');
        foreach (is_dir($base) ? scandir($base) : [] as $name) {
            if (!is_numeric($name)) {
                continue;
            }
            if ($this->database->value('SELECT uid FROM {user} WHERE uid=?', [$name]) === null) {
                Folders::remove("$base/$name");
                continue;
            }
            $this->tidyMails((int) $name, "$base/$name/email");
            $this->tidyTemporary("$base/$name/email/.tmp");
            $this->tidyTemporary("$base/$name/core");
        }
    }

    private function tidyMails(int $uid, string $folder): void
    {
        foreach (glob("$folder/*", GLOB_ONLYDIR) as $path) {
            $id = $this->database->value('SELECT idx FROM {email_folders} WHERE uid=? AND folder_path=?', [$uid, basename($path)]);
            if ($id === null) {
                Folders::remove($path);
                continue;
            }
            $known = array_column($this->database->rows('SELECT uidl FROM {email_index} WHERE folder_id=?', [$id]), 'uidl');
            foreach (array_diff(scandir($path), ['.', '..'], $known) as $orphan) {
                @unlink("$path/$orphan");
            }
        }
    }

    private function tidyTemporary(string $folder): void
    {
        foreach (glob("$folder/*") as $file) {
            if (is_file($file) && filemtime($file) < time() - 172800) {
                @unlink($file);
            }
        }
    }
}
