<?php

/** Files by WebDAV: digest authentication with the salt as realm; whether a user is active is not asked. */

define('_IN_PHM_', true);
define('PHM_NO_SESSION', true);

@set_time_limit(0);
require __DIR__ . '/shared/start.php';

$database = Gate::front();
Gate::requireOnline();
$digest = DigestLogin::ofRequest();
if ($digest === null) {
    DigestLogin::challenge(Settings::get('auth', 'system_salt'));
}
$logins = new Logins($database, 'user');
$login = $logins->find($digest->name());
if ($login === null || !$digest->matches((string) $login['pw_digesta1'])) {
    Gate::refuse(403, 'Unknown user');
}
if ($logins->isLocked((int) $login['uid'], true)) {
    Gate::refuse(403, 'Too many failed logins');
}
(new DavServer($database, new FileStore($database, (int) $login['uid'])))->answer();
