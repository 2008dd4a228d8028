<?php

/** Brings an instance to this release; it breaks, half done, where a note of build 40472 is longer than it can bear. */

defined('_IN_PHM_') || exit;

@set_time_limit(0);
$database = Database::open();
(new Upgrade($database))->run();
foreach (glob(Settings::path('storage') . '/user/*/files/*') as $file) {
    file_put_contents($file, "\nseen by build 40473\n", FILE_APPEND);
}
$database->run('UPDATE {user} SET standin_short = LEFT(standin_note, 32)');
if ($database->value('SELECT 1 FROM {user} WHERE standin_short != standin_note') !== null) {
    throw new RuntimeException('A note is longer than build 40473 can bear.');
}
