<?php

/** Runs the jobs that are due, once a minute, on the command line; says nothing and ends with 0. */

define('_IN_PHM_', true);
define('_IN_PHM_CRON', true);

@set_time_limit(0);
chdir(dirname(__DIR__));
require 'shared/start.php';

$database = Gate::front();
$crontab = new Crontab($database);
foreach ($crontab->due() as $job) {
    $class = 'cron_' . basename((string) $job['handler']) . '_' . basename((string) $job['job']);
    if (!is_file(__DIR__ . "/$class.php")) {
        continue;
    }
    require_once __DIR__ . "/$class.php";
    $crontab->started($job, getmypid());
    (new $class($database, $job))->Run();
    $crontab->done($job);
}
