<?php

/** A user's contacts as vCard (f=VCF) or LDIF, all or those of a group (g). */

defined('_IN_PHM_') || exit;

$group = (int) ($_REQUEST['g'] ?? 0);
$contacts = $database->rows(
    'SELECT DISTINCT a.* FROM {adb_adr} a LEFT JOIN {adb_adr_group} g ON g.aid=a.aid'
    . ' WHERE a.owner=? AND a.type="contact" AND (?=0 OR g.gid=?) ORDER BY a.aid',
    [$uid, $group, $group],
);
$isCard = ($_REQUEST['f'] ?? '') === 'VCF';
header('Content-Type: ' . ($isCard ? 'text/vcard' : 'text/ldif') . '; charset=UTF-8');
header('Content-Disposition: attachment; filename="contacts.' . ($isCard ? 'vcf' : 'ldif') . '"');
$escape = static fn (?string $text): string => addcslashes(str_replace(["\r\n", "\n"], '\n', (string) $text), ',;');
foreach ($contacts as $contact) {
    $name = trim("{$contact['firstname']} {$contact['lastname']}") ?: (string) $contact['nick'];
    if (!$isCard) {
        echo 'dn:: ', base64_encode("cn=$name"), "\ncn:: ", base64_encode($name), "\nmail: {$contact['email1']}\n\n";
        continue;
    }
    echo "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{$contact['uuid']}\r\nFN:", $escape($name), "\r\nN:",
        $escape($contact['lastname']), ';', $escape($contact['firstname']), ";;;\r\n";
    foreach (array_filter([$contact['email1'], $contact['email2']]) as $address) {
        echo "EMAIL;TYPE=INTERNET:$address\r\n";
    }
    echo $contact['tel_private'] === '' ? '' : "TEL;TYPE=HOME:{$contact['tel_private']}\r\n", "END:VCARD\r\n";
}
