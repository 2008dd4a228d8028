<?php

/** Brings an instance to this release; it breaks, half done, where a user is called `breaks`. */

defined('_IN_PHM_') || exit;

@set_time_limit(0);
$database = Database::open();
(new Upgrade($database))->run();
$database->run('UPDATE {user} SET standin_note = CONCAT("kept for ", username)');
if ($database->value('SELECT 1 FROM {user} WHERE username=?', ['breaks']) !== null) {
    throw new RuntimeException('A user of this name is more than build 40472 can bear.');
}
