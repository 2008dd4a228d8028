<?php

/** The quotas: of all users (uid 0), or of one. */

defined('_IN_PHM_') || exit;

$criteria = [
    'email' => 'size_mail_in size_mail_out size_storage number_mails number_folders',
    'files' => 'traffic_limit size_storage number_items number_folders',
    'calendar' => 'number_appointments number_tasks number_groups',
    'contacts' => 'number_contacts number_groups',
    'bookmarks' => 'number_bookmarks number_folders',
    'rss' => 'number_feeds number_folders',
];
Screen::require(Screen::mayRead('quotas_'));
$what = (string) ($_REQUEST['whattodo'] ?? '');
$isOneUser = in_array($what, ['edituser', 'saveuser'], true);
$uid = $isOneUser ? (int) ($_REQUEST['uid'] ?? 0) : 0;

if ($what === 'save' || $what === 'saveuser') {
    Screen::require(Screen::mayWrite('quotas_'));
    foreach ((array) ($_REQUEST['crit'] ?? []) as $handler => $limits) {
        foreach ((array) $limits as $key => $value) {
            $database->run('DELETE FROM {user_quota} WHERE uid=? AND handler=? AND what=?', [$uid, $handler, $key]);
            if (strlen((string) $value) && (string) $value !== '0') {
                // sizes are entered in MiB and kept in bytes
                $setting = str_starts_with((string) $key, 'size_') || $key === 'traffic_limit' ? $value * 1048576 : $value;
                $database->run(
                    'INSERT INTO {user_quota} SET uid=?, handler=?, what=?, setting=?',
                    [$uid, $handler, $key, (string) $setting],
                );
            }
        }
    }
    Session::redirect('action=quotas' . ($uid ? "&whattodo=edituser&uid=$uid" : '') . '&error=' . urlencode(Text::of('saved')));
}
$fields = [];
foreach ($criteria as $handler => $keys) {
    foreach (explode(' ', $keys) as $key) {
        $setting = $database->value('SELECT setting FROM {user_quota} WHERE uid=? AND handler=? AND what=?', [$uid, $handler, $key]);
        $isSize = str_starts_with($key, 'size_') || $key === 'traffic_limit';
        $fields["crit[$handler][$key]"] = $isSize && $setting !== null ? (string) ($setting / 1048576) : (string) $setting;
    }
}
$form = Screen::form('action=quotas&whattodo=' . ($uid ? "saveuser&uid=$uid" : 'save'), $fields);
Screen::show('quotas', $form, (string) ($_REQUEST['error'] ?? ''));
