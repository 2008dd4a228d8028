<?php

/** The installer: shows its form, or writes the settings, makes the tables and the first administrator. */

define('_IN_PHM_', true);
define('_IN_INSTALLER_', true);

require __DIR__ . '/shared/start.php';

session_start();
$language = ($_REQUEST['WPInstLang'] ?? 'de') === 'en' ? 'en' : 'de';
Text::load(__DIR__ . "/install/messages.$language.php");
Folders::ensure(Settings::path('tplcache'));

if (empty($_REQUEST['save'])) {
    $writable = static fn (string $folder): bool => @touch("$folder/install.test") && @unlink("$folder/install.test");
    $isFine = $writable(Settings::path('storage')) && $writable('install');
    header('Content-Type: text/html; charset=UTF-8');
    echo Template::render('install/installer.tpl', [
        'title' => Text::of('title'),
        'problems' => $isFine ? '' : '<div id="problems">' . htmlspecialchars(Text::of('problems')) . '</div>',
        'action' => Session::link('save=1'),
    ]);
    exit;
}

require __DIR__ . '/install/Installation.php';
$installation = new Installation($_REQUEST);
$error = $installation->writeSettings();
$database = Database::open();
require 'runonce.php';
$installation->addAdministrator($database);
if ($error !== '') {
    die(htmlspecialchars($error));
}
Settings::save(Settings::path('conf') . '/active_handlers.ini.php', $installation->handlers());
$page = file_get_contents('install/done.tpl');
$said = static fn (bool $isGone): string => Text::of($isGone ? 'success' : 'failed');
Folders::remove('install');
$values = [
    'title' => Text::of('title'),
    'folder' => Text::of('folder') . ' ... ' . $said(!is_dir('install')),
    'script' => Text::of('script') . ' ... ' . $said(@unlink('installer.php')),
    'done' => Text::of('done'),
];
header('Content-Type: text/html; charset=UTF-8');
foreach ($values as $name => $value) {
    $page = str_replace('{' . $name . '}', htmlspecialchars($value), $page);
}
echo $page;
