<?php

/** The front end: login, the inbox, one mail, the files; without a session also public shares and the link hider. */

define('_IN_PHM_', true);

require __DIR__ . '/shared/start.php';

if (isset($_REQUEST['XNA'])) {
    require __DIR__ . '/shared/share.php';
    exit;
}
if (isset($_REQUEST['deref'])) {
    $target = Gate::front()->value('SELECT uri FROM {core_derefer} WHERE nonce=?', [(string) $_REQUEST['deref']]);
    if ($target !== null && preg_match('!^(https?|ftps?)://!', $target)) {
        header('Location: ' . $target);
    }
    exit;
}
require __DIR__ . '/frontend/main.php';
