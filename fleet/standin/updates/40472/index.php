<?php

/** The front end of build 40472: it shows nothing where a user is called `unshown`, though the migration came through. */

define('_IN_PHM_', true);

require __DIR__ . '/shared/start.php';

if (Gate::front()->value('SELECT 1 FROM {user} WHERE username=?', ['unshown']) !== null) {
    http_response_code(500);
    exit;
}
require __DIR__ . '/frontend/main.php';
