<?php

/** The newest mails of a folder (g), or of the inboxes, as an RSS feed. */

defined('_IN_PHM_') || exit;

$mails = (new Mailbox($database, $uid))->mails((int) ($_REQUEST['g'] ?? 0), 20);
$text = static fn (?string $value): string => htmlspecialchars((string) $value, ENT_XML1);
header('Content-type: text/xml; charset=utf-8');
echo '<?xml version="1.0" encoding="UTF-8"?>', "\n<rss version=\"2.0\">\n<channel>\n<title>", $text(Text::of('inbox')),
    '</title><link>', $text($_SERVER['HTTP_HOST'] ?? ''), '</link><description>', $text(Text::of('inbox')), "</description>\n";
foreach ($mails as $mail) {
    echo '<item><title>', $text($mail['hsubject']), '</title><author>', $text($mail['hfrom']), '</author><pubDate>',
        date('r', strtotime((string) $mail['hdate_sent'])), '</pubDate><guid isPermaLink="false">', $text($mail['uidl']),
        "</guid></item>\n";
}
echo "</channel>\n</rss>\n";
