<?php

defined('_IN_PHM_') || exit;

/** Marks the reminders that are due; this application sends no mail. */
final class cron_calendar_externalalerts
{
    public function __construct(private readonly Database $database, private readonly array $job)
    {
    }

    public function Run(): void
    {
        $this->database->run(
            'UPDATE {calendar_event_reminders} r JOIN {calendar_events} e ON e.id=r.eid AND r.ref="evt" SET r.lastinfo=NOW()'
            . ' WHERE r.mailto<>"" AND r.lastinfo < e.starts AND e.starts - INTERVAL r.time SECOND <= NOW() AND e.ends >= NOW()',
        );
    }
}
