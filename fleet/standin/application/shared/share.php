<?php

/** A public share: its id names handler and user in place of a login. */

defined('_IN_PHM_') || exit;

$database = Gate::front();
$share = $database->row('SELECT handler, `load`, action FROM {core_noauth} WHERE uuid=?', [(string) $_REQUEST['XNA']]);
if ($share === null) {
    Gate::refuse(400, 'Missing or wrong XNA parameter');
}
$wanted = json_decode((string) $share['action'], true) ?: [];
$uid = (int) ($wanted['uid'] ?? 0);
$_REQUEST['g'] = $wanted['g'] ?? '';
$_REQUEST['f'] = $wanted['f'] ?? '';
require Settings::path('handler') . '/' . basename((string) $share['handler']) . '/webapi.php';
