<?php

/** The events of one calendar (g) as iCalendar; without g it fails with 500, as the product does. */

defined('_IN_PHM_') || exit;

$group = (int) ($_REQUEST['g'] ?? 0);
if ($group === 0) {
    throw new RuntimeException('An export of all calendars is broken in this release: ask for one by g.');
}
header('Content-Type: text/calendar; charset=UTF-8');
header('Content-Disposition: attachment; filename="calendar.ics"');
$escape = static fn (?string $text): string => addcslashes(str_replace(["\r\n", "\n"], '\n', (string) $text), ',;');
$stamp = static fn (?string $moment): string => gmdate('Ymd\THis\Z', strtotime((string) $moment));
echo "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//phlyMail stand-in//EN\r\n";
foreach ($database->rows('SELECT * FROM {calendar_events} WHERE uid=? AND gid=? ORDER BY starts', [$uid, $group]) as $event) {
    echo "BEGIN:VEVENT\r\nUID:{$event['uuid']}\r\nDTSTAMP:", $stamp($event['lastmod'] ?? 'now'),
        "\r\nDTSTART:", $stamp($event['starts']), "\r\nDTEND:", $stamp($event['ends']),
        "\r\nSUMMARY:", $escape($event['title']), "\r\nLOCATION:", $escape($event['location']),
        "\r\nDESCRIPTION:", $escape($event['description']), "\r\nEND:VEVENT\r\n";
}
echo "END:VCALENDAR\r\n";
