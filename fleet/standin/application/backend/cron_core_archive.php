<?php

defined('_IN_PHM_') || die();

/** Drops from the waste what is older than `archive.expire_days` says; without that setting nothing is touched. */
final class cron_core_archive
{
    public function __construct(private readonly Database $database, private readonly array $job)
    {
    }

    public function Run(): void
    {
        $days = (int) Settings::get('archive', 'expire_days');
        if ($days < 1) {
            return;
        }
        $old = $this->database->rows(
            'SELECT i.uid, i.idx FROM {email_index} i JOIN {email_folders} f ON f.idx=i.folder_id'
            . ' WHERE f.folder_path="waste" AND i.hdate_recv < NOW() - INTERVAL ? DAY',
            [$days],
        );
        foreach ($old as $mail) {
            $file = (new Mailbox($this->database, (int) $mail['uid']))->file((int) $mail['idx']);
            $file !== null && @unlink($file);
            $this->database->run('DELETE FROM {email_index} WHERE idx=?', [$mail['idx']]);
        }
    }
}
