<?php

defined('_IN_PHM_') || exit;

/** Turns tables of old installations into InnoDB. */
final class cron_maintenance_makeinnodb
{
    public function __construct(private readonly Database $database, private readonly array $job)
    {
    }

    public function Run(): void
    {
        foreach (array_keys(Schema::declared()) as $table) {
            $status = $this->database->row('SHOW CREATE TABLE {' . $table . '}')['Create Table'] ?? '';
            if (str_contains($status, 'ENGINE=MyISAM')) {
                $this->database->run('ALTER TABLE {' . $table . '} ENGINE=InnoDB');
            }
        }
    }
}
