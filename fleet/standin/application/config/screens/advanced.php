<?php

/** Sending, online or offline, messages to all: a field that is missing in the form is blanked. */

defined('_IN_PHM_') || exit;

/** setting in [core] => field of the form */
$fields = [
    'send_method' => 'WP_newsendmethod', 'sendmail' => 'WP_newsendmail', 'debugging_level' => 'debugging_level',
    'pagesize' => 'WP_newpagesize', 'use_provsig' => 'WP_useprovsig', 'online_status' => 'WP_isonline',
    'show_motd' => 'WP_newshowmotd', 'fix_smtp_host' => 'WP_newsmtphost', 'fix_smtp_port' => 'WP_newsmtpport',
    'fix_smtp_user' => 'WP_newsmtpuser', 'fix_smtp_pass' => 'WP_newsmtppass', 'fix_smtp_security' => 'WP_newsmtpsec',
    'fix_smtp_allowselfsigned' => 'WP_newallowselfsigned', 'provider_name' => 'WP_newprovidername',
    'gzip_frontend' => 'WP_usegzip',
];
$texts = ['WP_provsig' => 'forced.signature.wpop', 'WP_MOTD' => 'global.MOTD.wpop'];
$otherwise = ['debugging_level' => 'system', 'show_motd' => '0', 'gzip_frontend' => '0'];

Screen::require(Screen::mayRead('advanced_'));
if (($_REQUEST['whattodo'] ?? '') === 'save') {
    Screen::require(Screen::mayWrite('advanced_'));
    $core = [];
    foreach ($fields as $setting => $field) {
        $core[$setting] = (string) ($_REQUEST[$field] ?? $otherwise[$setting] ?? '');
    }
    if ($core['sendmail'] !== '' && !preg_match('/\s-t(\s|$)/', $core['sendmail'])) {
        $core['sendmail'] .= ' -t';
    }
    $saved = Settings::save(Settings::path('conf') . '/choices.ini.php', ['core' => $core]);
    foreach ($texts as $field => $name) {
        $file = Settings::path('conf') . "/$name";
        $text = (string) ($_REQUEST[$field] ?? '');
        $text === '' ? @unlink($file) : file_put_contents($file, $text);
    }
    Session::redirect('action=advanced&WP_return=' . urlencode(Text::of($saved ? 'saved' : 'unsaved')));
}
$shown = [];
foreach ($fields as $setting => $field) {
    $shown[$field] = Settings::get('core', $setting);
}
foreach ($texts as $field => $name) {
    $file = Settings::path('conf') . "/$name";
    $shown[$field] = is_file($file) ? file_get_contents($file) : '';
}
Screen::show('advanced', Screen::form('action=advanced&whattodo=save', $shown));
