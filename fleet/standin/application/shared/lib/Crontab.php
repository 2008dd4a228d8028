<?php

defined('_IN_PHM_') || exit;

/** The jobs in the background: which are due, and the marks of their runs. */
final class Crontab
{
    /** handler, job, minutes between runs, priority, once */
    private const SHIPPED = [
        ['calendar', 'externalalerts', 1, 100, false],
        ['maintenance', 'makeinnodb', 43829, 100, true],
        ['maintenance', 'cleanupfs', 1440, 1, false],
        ['core', 'archive', 720, 1, false],
        ['maintenance', 'enableemailfulltextsearch', 1440, 1, false],
    ];

    public function __construct(private readonly Database $database)
    {
    }

    public function fill(): void
    {
        foreach (self::SHIPPED as [$handler, $job, $minutes, $priority, $once]) {
            if ($this->database->value('SELECT 1 FROM {core_crontab} WHERE handler=? AND job=?', [$handler, $job]) === null) {
                $this->database->run(
                    'INSERT INTO {core_crontab} SET handler=?, job=?, `interval`=?, prio=?, runonce=?, at_once=?,'
                    . ' reference_time=NOW()',
                    [$handler, $job, $minutes, $priority, (string) (int) $once, (string) (int) $once],
                );
            }
        }
    }

    /**
     * Jobs that never ran, whose interval is over, or that are wanted at once; none that is still running. A job that
     * died gets free after eight hours.
     *
     * @return list<array<string, ?string>>
     */
    public function due(): array
    {
        $this->database->run(
            'UPDATE {core_crontab} SET pid=NULL, laststop=NOW() WHERE pid IS NOT NULL'
            . ' AND laststart > laststop AND laststart <= NOW() - INTERVAL 8 HOUR',
        );
        return $this->database->rows(
            'SELECT * FROM {core_crontab} WHERE pid IS NULL AND (laststart IS NULL OR (runonce="0" AND'
            . ' (at_once="1" OR laststart + INTERVAL `interval` MINUTE <= NOW())))'
            . ' ORDER BY at_once DESC, prio DESC, laststop LIMIT 13',
        );
    }

    public function started(array $job, int $process): void
    {
        $this->mark($job, 'at_once="0", laststart=NOW(), pid=' . $process);
    }

    public function done(array $job): void
    {
        $this->mark($job, 'laststop=NOW(), pid=NULL');
    }

    private function mark(array $job, string $change): void
    {
        $this->database->run(
            "UPDATE {core_crontab} SET $change WHERE handler=? AND job=? AND item <=> ?",
            [$job['handler'], $job['job'], $job['item']],
        );
    }
}
