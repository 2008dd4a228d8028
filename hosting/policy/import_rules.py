"""What is told about an old installation's way here and about what has to be booked for it, once (P37 to P39)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.policy.archive_rules import ARCHIVE_RULES
from hosting.policy.dump_rules import DUMP_RULES
from hosting.policy.findings import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hosting.policy.findings import Finding

URL_MISSING = Rule(
    "url_missing",
    "Es wurde keine Adresse angegeben, unter der Ihr Archiv liegt. Bitte nennen Sie sie.",
    "No address was given at which your archive lies. Please name it.",
)
URL_MALFORMED = Rule(
    "url_malformed",
    "Die Adresse des Archivs ist nicht lesbar. Bitte kopieren Sie sie vollständig, Leerzeichen als %20.",
    "The archive's address can't be read. Please copy it as a whole, blanks as %20.",
)
SCHEME_NOT_OFFERED = Rule(
    "scheme_not_offered",
    "Über „{scheme}“ wird nichts abgeholt. Bitte stellen Sie das Archiv über HTTPS oder SFTP bereit.",
    "Nothing is fetched by “{scheme}”. Please offer the archive by HTTPS or SFTP.",
)
SCHEME_MISSING = Rule(
    "scheme_missing",
    "Am Anfang der Adresse fehlt, auf welchem Weg sie erreicht wird. Bitte nennen Sie sie vollständig, wie "
    "https://dateien.example/alt.zip.",
    "The address doesn't begin with the way by which it is reached. Please name it as a whole, like "
    "https://files.example/old.zip.",
)
PASSWORD_IN_URL = Rule(
    "password_in_url",
    "Die Adresse enthält ein Passwort; so stünde es in Protokollen. Bitte geben Sie es getrennt an.",
    "The address holds a password, which would stand in logs. Please give it apart.",
)
UNSECURED = Rule(
    "unsecured",
    "Über {scheme} kann jeder unterwegs mitlesen. Bitte stellen Sie das Archiv über HTTPS oder SFTP bereit, oder "
    "schützen Sie es mit einem Passwort und nennen Sie uns dieses.",
    "By {scheme} anybody on the way can read along. Please offer the archive by HTTPS or SFTP, or protect it by a "
    "password and tell us that.",
)
NOT_ALL_ENCRYPTED = Rule(
    "not_all_encrypted",
    "Das Archiv kam über eine ungesicherte Verbindung, und nicht alles darin ist mit dem Passwort geschützt. Bitte "
    "stellen Sie es über HTTPS oder SFTP bereit, oder packen Sie es neu mit Passwort.",
    "The archive came over a connection that isn't secured, and not all of it is protected by the password. Please "
    "offer it by HTTPS or SFTP, or pack it anew with a password.",
)
OLD_ENCRYPTION = Rule(
    "old_encryption",
    "Das Archiv ist mit dem alten ZIP-Verfahren verschlüsselt, das sich brechen lässt. Besser ist eine gesicherte "
    "Verbindung.",
    "The archive is encrypted in ZIP's old way, which can be broken. A secured connection is better.",
    refuses=False,
)
HOST_KEY_MISSING = Rule(
    "host_key_missing",
    "Für SFTP fehlt der Fingerabdruck vom Schlüssel Ihres Servers, oder es ist keiner. Bitte nennen Sie ihn ganz "
    "(SHA256:…), wie ssh-keygen -lf ihn zeigt.",
    "For SFTP the fingerprint of your server's key is missing, or is none. Please name all of it (SHA256:…), as "
    "ssh-keygen -lf shows it.",
)
PORT = Rule(
    "port",
    "Mit Port {port} wird keine Verbindung aufgenommen. Bitte nehmen Sie den üblichen oder einen ab 1024.",
    "No connection is made to port {port}. Please take the usual one or one from 1024.",
)
NO_FILE = Rule(
    "no_file",
    "Die Adresse nennt keine Datei. Bitte nennen Sie die des Archivs.",
    "The address names no file. Please name that of the archive.",
)
ODD_ADDRESS = Rule(
    "odd_address",
    "„{host}“ ist eine IP-Adresse in einer Schreibweise, die Programme verschieden lesen. Bitte schreiben Sie sie "
    "wie 203.0.113.7, oder nennen Sie den Namen.",
    "“{host}” is an IP address in a spelling that programs read differently. Please write it like 203.0.113.7, or "
    "name the host.",
)
HOST_MALFORMED = Rule(
    "host_malformed",
    "„{host}“ ist kein Name eines Servers. Bitte prüfen Sie die Schreibweise.",
    "“{host}” is no server's name. Please check the spelling.",
)
INNER_NAME = Rule(
    "inner_name",
    "„{host}“ ist nur in einem inneren Netz bekannt. Bitte nennen Sie einen Namen, den das ganze Internet kennt.",
    "“{host}” is known in an inner network only. Please name one that the whole internet knows.",
)
NO_ADDRESS = Rule(
    "no_address",
    "Zu „{host}“ gibt es keine Adresse. Bitte prüfen Sie die Schreibweise.",
    "There is no address for “{host}”. Please check the spelling.",
)
INNER_ADDRESS = Rule(
    "inner_address",
    "„{host}“ führt zu {address}, einer Adresse, die nicht dem öffentlichen Internet gehört. Bitte stellen Sie das "
    "Archiv auf einem öffentlichen Server bereit.",
    "“{host}” leads to {address}, which is no address of the public internet. Please offer the archive on a public "
    "server.",
)
MANY_ADDRESSES = Rule(
    "many_addresses",
    "Zu „{host}“ gibt es mehr als {most} Adressen; von dort holen wir nichts ab. Bitte stellen Sie das Archiv unter "
    "einem anderen Namen bereit.",
    "There are more than {most} addresses for “{host}”; nothing is fetched from there. Please offer the archive under "
    "another name.",
)
REDIRECTS = Rule(
    "redirects",
    "Die Adresse leitet mehr als {most}-mal weiter. Bitte nennen Sie die, unter der das Archiv wirklich liegt.",
    "The address redirects more than {most} times. Please name the one at which the archive really lies.",
)
REDIRECTED_AWAY = Rule(
    "redirected_away",
    "Die Adresse leitet weiter zu „{target}“, wohin wir ihr nicht folgen. Bitte nennen Sie die, unter der das Archiv "
    "wirklich liegt.",
    "The address redirects to “{target}”, where we don't follow. Please name the one at which the archive really lies.",
)
TOO_LARGE = Rule(
    "too_large",
    "Das Archiv hat {size_mib} MiB; für Ihre Buchung werden höchstens {most_mib} MiB abgeholt. Bitte buchen Sie "
    "{step_gib}-GB-Pakete dazu.",
    "The archive has {size_mib} MiB; for your booking at most {most_mib} MiB are fetched. Please book packages of "
    "{step_gib} GB.",
)
CHECKSUM_DIFFERS = Rule(
    "checksum_differs",
    "Das Archiv ist nicht das, dessen Prüfsumme Sie nannten oder das wir zuvor angesehen haben. Bitte laden Sie jenes "
    "hoch, oder sagen Sie uns, dass dieses gemeint ist.",
    "The archive isn't the one whose checksum you named, or that we looked at before. Please upload that one, or tell "
    "us that this one is meant.",
)
SHA256_MALFORMED = Rule(
    "sha256_malformed",
    "„{told}“ ist keine SHA-256-Prüfsumme. Bitte nennen Sie alle 64 Zeichen (0-9, a-f), wie sha256sum sie zeigt.",
    "“{told}” is no SHA-256. Please name all 64 signs (0-9, a-f), as sha256sum shows them.",
)
CERTIFICATE_BAD = Rule(
    "certificate_bad",
    "Das Zertifikat von „{host}“ ist nicht gültig oder gilt nicht für diesen Namen. Bitte stellen Sie das Archiv unter "
    "einer Adresse mit gültigem Zertifikat bereit.",
    "The certificate of “{host}” is not valid, or not for this name. Please offer the archive at an address with a "
    "valid certificate.",
)
HOST_KEY_DIFFERS = Rule(
    "host_key_differs",
    "„{host}“ zeigt einen anderen Schlüssel als den, den Sie nannten. Bitte prüfen Sie ihn mit ssh-keygen -lf.",
    "“{host}” shows another key than the one that you named. Please check it by ssh-keygen -lf.",
)
LOGIN_REFUSED = Rule(
    "login_refused",
    "„{host}“ lässt uns mit dem genannten Nutzer und Passwort nicht ein. Bitte prüfen Sie beide.",
    "“{host}” doesn't let us in with the user and password that you named. Please check both.",
)
NOT_THERE = Rule(
    "not_there",
    "Unter der Adresse liegt nichts, was wir abholen dürfen (Antwort {status}). Bitte prüfen Sie sie.",
    "There is nothing at the address that we may fetch (answer {status}). Please check it.",
)
ACCOUNTS_SHORT = Rule(
    "accounts_short",
    "Die alte Installation hat {needed} Nutzer, gebucht sind {booked} Accounts: {missing} fehlen. Bitte buchen Sie sie "
    "dazu, oder löschen Sie Nutzer vor dem Export.",
    "The old installation has {needed} users, {booked} accounts are booked: {missing} are missing. Please book them, "
    "or delete users before the export.",
)
STORAGE_SHORT = Rule(
    "storage_short",
    "Die alte Installation belegt {needed_mib} MiB, gebucht sind {booked_mib} MiB: {missing_mib} MiB fehlen. Mit den "
    "Accounts, die fehlen, genügen dazu {packages} Pakete zu {step_gib} GB.",
    "The old installation takes {needed_mib} MiB, {booked_mib} MiB are booked: {missing_mib} MiB are missing. With the "
    "accounts that are missing, {packages} packages of {step_gib} GB are enough.",
)
BEYOND_OFFER = Rule(
    "beyond_offer",
    "Die alte Installation braucht {gib} GB und {accounts} Accounts; eine Instanz hat höchstens {most_gib} GB. Wir "
    "machen Ihnen dafür ein Angebot.",
    "The old installation needs {gib} GB and {accounts} accounts; an instance has at most {most_gib} GB. We will make "
    "you an offer for it.",
)
NOT_RECOGNISED = Rule(
    "not_recognised",
    "In Ihrem Archiv wurde keine Installation von phlyMail MessageCenter oder Lite der Reihen 3 und 4 sicher erkannt. "
    "Wir sehen es uns an und melden uns.",
    "No installation of phlyMail MessageCenter or Lite, series 3 or 4, was surely recognised in your archive. We will "
    "look at it and write to you.",
)
SEVERAL = Rule(
    "several",
    "Ihr Archiv enthält mehrere Installationen oder Datenbanken ({found}). Wir fragen nach, welche gemeint ist.",
    "Your archive holds several installations or databases ({found}). We will ask you which one is meant.",
)
DUMP_MISSING = Rule(
    "dump_missing",
    "Ihr Archiv enthält keinen Export der Datenbank. Ohne ihn sind die Dateien nicht zuzuordnen; wir melden uns.",
    "Your archive holds no export of the database. Without it nobody knows whose the files are; we will write to you.",
)
STORAGE_MISSING = Rule(
    "storage_missing",
    "Ihr Archiv enthält den Ordner „storage“ nicht. Ohne ihn fehlen E-Mails und Dateien; wir melden uns.",
    "Your archive doesn't hold the folder “storage”. Without it mails and files are missing; we will write to you.",
)
SALT_MISSING = Rule(
    "salt_missing",
    "In Ihrem Archiv fehlt die Einstellung auth.system_salt (choices.ini.php), oder sie ist nicht sicher lesbar. Ohne "
    "sie gilt kein Passwort mehr; wir melden uns.",
    "Your archive lacks the setting auth.system_salt (choices.ini.php), or it can't be read for sure. Without it no "
    "password works any more; we will write to you.",
)
CLEAR_PASSWORDS = Rule(
    "clear_mail_passwords",
    "Die Passwörter der Mailkonten liegen in Ihrer Datenbank im Klartext; bei der Übernahme werden sie verschleiert. "
    "Wer Ihre alte Datenbank hat, kennt sie.",
    "The passwords of mail accounts lie in clear in your database; they are disguised on the way. Whoever has your old "
    "database knows them.",
    refuses=False,
)
MAIL_PASSWORDS_LOST = Rule(
    "mail_passwords_lost",
    "Die Passwörter von {count} Mailkonten passen verschleiert nicht in das Produkt oder gehören zu keinem Server. Sie "
    "sind leer und dort neu einzutragen.",
    "The passwords of {count} mail accounts don't fit into the product when disguised, or belong to no server. They "
    "are empty, and have to be entered anew.",
    refuses=False,
)
MODIFICATIONS_DECLARED = Rule(
    "modifications_declared",
    "Sie haben Änderungen genannt: {names}. Sie werden nicht übernommen; wir melden uns, was stattdessen geht.",
    "You named modifications: {names}. They aren't taken over; we will write to you what can be done instead.",
)
MODIFICATIONS_FOUND = Rule(
    "modifications_found",
    "Gefunden und nicht übernommen werden: {names}.",
    "Found, and not taken over, are: {names}.",
    refuses=False,
)
TWICE_IN_PART = Rule(
    "twice_in_part",
    "In diesen Tabellen ist ein Teil der Texte doppelt kodiert („Ã¼“ statt „ü“) und bleibt so: {names}.",
    "In these tables part of the texts is encoded twice (“Ã¼” for “ü”), and stays so: {names}.",
    refuses=False,
)
OTHER_PASSWORDS = Rule(
    "other_passwords",
    "Die Passwörter Ihrer Nutzer lagen nicht in der Datenbank, sondern bei „{module}“. Sie müssen neu gesetzt werden.",
    "Your users' passwords were not in the database but with “{module}”. They have to be set anew.",
    refuses=False,
)

REFUSALS: Mapping[str, Rule] = {rule.code: rule for rule in (*ARCHIVE_RULES, *DUMP_RULES)}
"""What the readers on servers refuse by code (`tasks/on_server/old_installation`)."""


def refused(code: str, facts: Mapping[str, str | int]) -> Finding:
    """What a reader refused, as the customer is told it.

    Raises:
        KeyError: a code that nobody here knows.
    """
    return REFUSALS[code].found(**facts)
