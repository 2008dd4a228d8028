<?php

defined('_IN_PHM_') || exit;

/** Adds the index for searching in mails, where the database can. */
final class cron_maintenance_enableemailfulltextsearch
{
    public function __construct(private readonly Database $database, private readonly array $job)
    {
    }

    public function Run(): void
    {
        if ($this->database->rows('SHOW INDEX FROM {email_index} WHERE Key_name="search_body"') === []) {
            $this->database->run('ALTER TABLE {email_index} ADD FULLTEXT `search_body` (`search_body`)');
        }
        Settings::save(
            Settings::path('conf') . '/choices.ini.php',
            ['fulltextsearch' => ['available' => '1', 'enabled' => '1']],
        );
    }
}
