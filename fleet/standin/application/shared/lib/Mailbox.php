<?php

defined('_IN_PHM_') || exit;

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

    /** Moves mails older than an age to the waste, and removes those that are there already. */
    public function expire(string $age): void
    {
        $waste = $this->database->row('SELECT idx, folder_path FROM {email_folders} WHERE uid=? AND att_icon=":waste"', [$this->uid]);
        $old = $this->database->rows(
            "SELECT idx, folder_id, uidl FROM {email_index} WHERE uid=? AND hdate_recv < NOW() - INTERVAL $age",
            [$this->uid],
        );
        foreach ($waste === null ? [] : $old as $mail) {
            $file = (string) $this->file((int) $mail['idx']);
            if ($mail['folder_id'] === $waste['idx']) {
                @unlink($file);
                $this->database->run('DELETE FROM {email_index} WHERE idx=?', [$mail['idx']]);
            } else {
                @rename($file, Folders::ofUser($this->uid) . "/email/{$waste['folder_path']}/{$mail['uidl']}");
                $this->database->run('UPDATE {email_index} SET folder_id=? WHERE idx=?', [$waste['idx'], $mail['idx']]);
            }
        }
    }
}
