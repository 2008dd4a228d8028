<?php

defined('_IN_PHM_') || exit;

/** Expires old mails of the users who want it (`archive.email_autodelete`, its age as in "1 month"). */
final class cron_core_archive
{
    public function __construct(private readonly Database $database, private readonly array $job)
    {
    }

    public function Run(): void
    {
        $users = new Users($this->database);
        foreach ($users->all() as $user) {
            $wanted = $users->choices((int) $user['uid'])['archive'] ?? [];
            $wanted += Settings::$values['archive'] ?? [];
            $age = (string) ($wanted['email_autodelete_age'] ?? '');
            if (!empty($wanted['email_autodelete']) && preg_match('/^\d+ (day|week|month|year)$/', $age)) {
                (new Mailbox($this->database, (int) $user['uid']))->expire($age);
            }
        }
    }
}
