<?php

defined('_IN_PHM_') || die();

/** A user's mails: the index in the database, the raw mails below userbase. */
final class Mailbox
{
    public function __construct(private readonly Database $database, private readonly int $uid)
    {
    }

    /** @return list<array<string, ?string>> the newest mails of a folder; without one, of the inboxes */
    public function mails(int $folder = 0, int $most = 150): array
    {
        return $this->database->rows(
            'SELECT i.* FROM {email_index} i JOIN {email_folders} f ON f.idx=i.folder_id WHERE i.uid=? AND '
            . ($folder > 0 ? 'f.idx=?' : 'f.att_icon=?') . ' ORDER BY i.hdate_sent DESC, i.idx DESC LIMIT ' . $most,
            [$this->uid, $folder > 0 ? $folder : ':inbox'],
        );
    }

    /** Where the raw mail lies, whether it is there or not; null when the mail is not this user's. */
    public function file(int $id): ?string
    {
        $mail = $this->database->row(
            'SELECT f.folder_path, i.uidl FROM {email_index} i JOIN {email_folders} f ON f.idx=i.folder_id'
            . ' WHERE i.uid=? AND i.idx=?',
            [$this->uid, $id],
        );
        return $mail === null ? null : Folders::ofUser($this->uid) . "/email/{$mail['folder_path']}/{$mail['uidl']}";
    }

    public function read(int $id): ?string
    {
        $file = $this->file($id);
        return $file !== null && is_readable($file) ? file_get_contents($file) : null;
    }
}
