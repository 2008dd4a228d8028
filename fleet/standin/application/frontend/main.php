<?php

/** A session of the front end: logging in while online, then pages; a session goes on when the instance is offline. */

defined('_IN_PHM_') || exit;

Session::start();
$database = Gate::front();
Session::requireCookie();
if (($_REQUEST['action'] ?? '') === 'logout') {
    (new Logins($database, 'user'))->left(Session::uid());
    $_SESSION = [];
    Session::redirect();
}
if (Session::uid() === 0) {
    require __DIR__ . '/login.php';
    exit;
}
$mailbox = new Mailbox($database, Session::uid());
$files = new FileStore($database, Session::uid());
$id = (int) ($_REQUEST['i'] ?? $_REQUEST['item'] ?? 0);
$page = basename((string) ($_REQUEST['h'] ?? $_REQUEST['handler'] ?? 'email')) . '/'
    . basename((string) ($_REQUEST['l'] ?? $_REQUEST['load'] ?? 'ilist'));
$error = '';

switch ($page) {
    case 'email/read':
        if (($_REQUEST['save_as'] ?? '') === 'raw') {
            Download::send($mailbox->file($id), 'application/octet-stream', 'phlymail.eml');
        }
        $content = '<pre>' . htmlspecialchars((string) $mailbox->read($id)) . '</pre>';
        break;
    case 'email/output':
        Download::send($mailbox->file($id), 'message/rfc822', "$id.eml");
        // no break: send ends the request
    case 'files/output':
        $item = $files->find($id);
        Download::send($item === null ? null : $files->place($item), $item['type'] ?? '', $item['friendly_name'] ?? '');
        // no break: send ends the request
    case 'files/ilist':
        $content = Screen::table(array_map(
            static fn (array $item): array => [[$item['friendly_name'], "h=files&l=output&i={$item['idx']}"], $item['size']],
            $files->items(null),
        ));
        break;
    case 'bookmarks/edit_bookmark':
        $error = Provisioning::isFull() ? Text::of('full') : '';
        if ($error === '' && isset($_REQUEST['url'])) {
            $database->run(
                'INSERT INTO {bookmarks_item} SET uuid=?, owner=?, name=?, url=?, added=NOW()',
                [Folders::uuid(), Session::uid(), (string) ($_REQUEST['name'] ?? ''), (string) $_REQUEST['url']],
            );
        }
        $content = Text::of($error === '' ? 'saved' : 'full');
        break;
    default:
        $content = Screen::table(array_map(
            static fn (array $mail): array => [
                $mail['hdate_sent'], $mail['hfrom'], [$mail['hsubject'] ?: '-', "h=email&l=read&i={$mail['idx']}"],
            ],
            $mailbox->mails((int) ($_REQUEST['f'] ?? 0)),
        ));
}
Template::page(Settings::path('frontend') . '/templates/list.tpl', [
    'title' => Settings::get('core', 'provider_name') ?: 'phlyMail',
    'user' => (string) $_SESSION['phM_username'],
    'inbox' => Session::link('h=email&l=ilist'),
    'files' => Session::link('h=files&l=ilist'),
    'logout' => Session::link('action=logout'),
    'msg_inbox' => Text::of('inbox'),
    'msg_files' => Text::of('files'),
    'msg_logout' => Text::of('logout'),
    'error' => $error,
    'content' => $content === '<table></table>' ? htmlspecialchars(Text::of('none')) : $content,
]);
