<?php

/** The groups and their permissions. */

defined('_IN_PHM_') || exit;

Screen::require(Screen::mayRead('groups_'));
$groups = new Groups($database);
$gid = (int) ($_REQUEST['gid'] ?? $_REQUEST['id'] ?? 0);
$name = (string) ($_REQUEST['name'] ?? '');
$error = '';

switch ($_REQUEST['do'] ?? '') {
    case 'set_gperm':
        $groups->permit($gid, (array) ($_REQUEST['p'] ?? []));
        Screen::json(['set_gperm' => 1]);
        // no break: json ends the request
    case 'get_gperm':
        Screen::json(['got_gperm' => (object) $groups->permissions($gid), 'gid' => $gid]);
        // no break: json ends the request
    case 'kill':
        $groups->delete($gid);
        break;
    case 'add':
    case 'edit':
        if ($name === '') {
            break;
        }
        if (strlen($name) > 32 || $groups->isTaken($name)) {
            $error = Text::of('groupname');
        } elseif ($_REQUEST['do'] === 'add') {
            $groups->add($name, (int) ($_REQUEST['childof'] ?? 0));
        } else {
            $groups->rename($gid, $name);
        }
        break;
}
$rows = [];
foreach ($groups->all() as $group) {
    $rows[] = [$group['friendly_name'], ['delete', "action=groups&do=kill&id={$group['gid']}"]];
}
$form = Screen::form('action=groups&do=add', ['name' => '', 'childof' => '0']);
Screen::show('groups', Screen::table($rows) . $form, $error);
