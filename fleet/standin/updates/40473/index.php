<?php

/** The front end of build 40473: it shows nothing where a user is called `unseen`, though the migration came through. */

define('_IN_PHM_', true);

require __DIR__ . '/shared/start.php';

if (Gate::front()->value('SELECT 1 FROM {user} WHERE username=?', ['unseen']) !== null) {
    http_response_code(500);
    exit;
}
require __DIR__ . '/frontend/main.php';
