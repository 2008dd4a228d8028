<?php

/** The first screen: version, users, jobs in the background; and the default group with all permissions. */

defined('_IN_PHM_') || exit;

if (!empty($_REQUEST['fixgroups'])) {
    $groups = new Groups($database);
    $gid = $groups->add(Text::of('group'));
    $groups->permit($gid, array_fill_keys(Groups::offered(), 1));
    foreach ((new Users($database))->all() as $user) {
        $groups->join((int) $user['uid'], $gid);
    }
    Session::redirect('action=');
}
$conf = Settings::path('conf');
$build = strrev(implode('.', str_split(strrev(trim(file_get_contents("$conf/current.build"))), 2)));
$count = static fn (string $where): string => (string) $database->value("SELECT COUNT(*) FROM {user} WHERE $where");
$active = (int) $count('active="1"');
$inactive = (int) $count('active="0"');
$locked = (int) $count('fail_count >= ' . (int) Settings::get('auth', 'countonfail'));
$beat = $database->value('SELECT MAX(laststart) > NOW() - INTERVAL 1 HOUR FROM {core_crontab}');
Screen::show(trim(file_get_contents("$conf/build.name")) . " $build", Screen::table([
    ['active', $active],
    ['inactive', $inactive],
    ['locked', $locked],
    ['all', $active + $inactive + $locked],
    [Text::of(Settings::isOnline() ? 'online' : 'offline')],
    [$beat === '1' ? '' : Text::of('cron')],
]));
