<?php

/** The administrators; only a root may give permissions or touch another root. */

defined('_IN_PHM_') || exit;

Screen::require(Screen::mayRead('config.users_'));
$admins = new Admins($database);
$uid = (int) ($_REQUEST['uid'] ?? 0);
$what = (string) ($_REQUEST['whattodo'] ?? '');
$admin = $admins->find($uid);
$error = '';
$back = static fn (string $key): never => Session::redirect('action=config.users&WP_return=' . base64_encode(Text::of($key)));

if ($admin !== null && $admin['is_root'] === 'yes' && !Screen::isRoot() && $what !== '') {
    $back('rootonly');
}
if ($what === 'savenew' || $what === 'saveold') {
    $form = array_map('strval', (array) ($_REQUEST['PHM'] ?? [])) + ['username' => '', 'password' => '', 'password2' => ''];
    $isRoot = Screen::isRoot() && isset($_REQUEST['WPnewsuperadmin']);
    $permissions = Admins::permissions((array) ($_REQUEST['read'] ?? []), (array) ($_REQUEST['write'] ?? []));
    if ($what === 'savenew') {
        $error .= $admins->isTaken($form['username']) ? Text::of('exists') : '';
        $error .= $form['password'] === '' ? Text::of('nopassword') : '';
        $error .= $form['username'] === '' ? Text::of('noname') : '';
    }
    $error .= $form['password'] !== $form['password2'] ? Text::of('differ') : '';
    if ($error === '' && $what === 'savenew') {
        $admins->add($form, $isRoot, $permissions);
        $back('saved');
    }
    if ($error === '' && $admin !== null) {
        $kept = Screen::isRoot() ? $permissions : (string) $admin['permissions'];
        $admins->save($admin, $form, $isRoot, $kept);
        $back('saved');
    }
} elseif ($what === 'resetfail') {
    (new Logins($database, 'admin'))->reset($uid);
} elseif ($what === 'active' || $what === 'inactive') {
    $admins->activate($uid, $what === 'active');
} elseif ($what === 'delete' && ($_REQUEST['really'] ?? '') === 'yeahyeah') {
    $admins->delete($uid);
}
$fields = ['PHM[username]' => '', 'PHM[password]' => '', 'PHM[password2]' => '', 'PHM[active]' => '1', 'PHM[email]' => ''];
$rows = array_map(static fn (array $one): array => array_values($one), $admins->all());
Screen::show('config.users', Screen::table($rows) . Screen::form('action=config.users&whattodo=savenew', $fields), $error);
