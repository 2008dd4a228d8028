<?php

/** The users: list, add, edit, lock and unlock, delete. */

defined('_IN_PHM_') || exit;

Screen::require(Screen::mayRead('users_'));
$users = new Users($database);
$groups = new Groups($database);
$uid = (int) ($_REQUEST['uid'] ?? 0);
$what = (string) ($_REQUEST['whattodo'] ?? '');
$error = '';

if ($what === 'savenewuser' || $what === 'saveolduser') {
    Screen::require(Screen::mayWrite('users_'));
    $form = array_map('strval', (array) ($_REQUEST['PHM'] ?? [])) + ['username' => '', 'password' => '', 'password2' => ''];
    if ($what === 'savenewuser') {
        $error .= $users->isTaken($form['username']) ? Text::of('exists') : '';
        $error .= $form['password'] === '' ? Text::of('nopassword') : '';
        $error .= $form['username'] === '' ? Text::of('noname') : '';
    }
    $error .= $form['password'] !== $form['password2'] ? Text::of('differ') : '';
    if ($error === '') {
        $uid = $what === 'savenewuser' ? $users->add($form) : $uid;
        $what === 'saveolduser' && $users->save($uid, $form);
        $users->choose($uid, ['core' => [
            'theme_name' => basename((string) ($_REQUEST['theme'] ?? '')),
            'language' => basename((string) ($_REQUEST['language'] ?? '')),
            'MOTD' => (string) ($_REQUEST['MOTD'] ?? ''),
            'debugging_level' => basename((string) ($_REQUEST['debugging_level'] ?? 'system')),
        ]]);
        $groups->assign($uid, (array) ($_REQUEST['groups'] ?? []));
        Session::redirect("action=users&whattodo=edituser&uid=$uid");
    }
    $what = $what === 'savenewuser' ? 'adduser' : 'edituser';
} elseif ($what === 'resetfail') {
    (new Logins($database, 'user'))->reset($uid);
    $what = 'edituser';
} elseif ($what === 'active' || $what === 'inactive') {
    $users->activate($uid, $what === 'active');
} elseif ($what === 'deleuser') {
    if (($_REQUEST['really'] ?? '') !== 'yeahyeah') {
        Screen::show('users', Screen::anchor('OK', "action=users&whattodo=deleuser&really=yeahyeah&uid=$uid"));
    }
    $users->delete($uid);
}

if ($what === 'adduser' || $what === 'edituser') {
    $user = ($what === 'edituser' ? $users->find($uid) : null) ?? ['username' => '', 'active' => '1', 'externalemail' => ''];
    $fields = ['PHM[username]' => $user['username'], 'PHM[password]' => '', 'PHM[password2]' => '',
        'PHM[active]' => $user['active'], 'PHM[externalemail]' => $user['externalemail'], 'PHM[birthday]' => '0000-00-00'];
    $mine = $what === 'edituser' ? $groups->ofUser($uid) : [];
    foreach ($groups->all() as $group) {
        if ($mine === [] || in_array((int) $group['gid'], $mine, true)) {
            $fields["groups[{$group['gid']}]"] = $group['gid'];
        }
    }
    $next = $what === 'adduser' ? 'savenewuser' : "saveolduser&uid=$uid";
    Screen::show('users', Screen::form("action=users&whattodo=$next", $fields), $error);
}
$rows = [[['+', 'action=users&whattodo=adduser']]];
foreach ($users->all() as $user) {
    $link = "action=users&uid={$user['uid']}&whattodo=";
    $turn = $user['active'] === '1' ? 'inactive' : 'active';
    $rows[] = [[$user['username'], $link . 'edituser'], [$turn, $link . $turn], ['delete', $link . 'deleuser']];
}
Screen::show('users', Screen::table($rows));
