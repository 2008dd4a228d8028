"""What is told about archives that can't be taken, once for each reason (P36)."""

from __future__ import annotations

from hosting.policy.findings import Rule

NEW_DE, NEW_EN = "Bitte packen Sie das Archiv neu.", "Please pack the archive anew."
HOSTILE_DE = "Bitte packen Sie das Archiv neu, nur mit dem Ordner der Installation und dem Export der Datenbank."
HOSTILE_EN = "Please pack the archive anew, with the installation's folder and the database's export alone."


def _broken(code: str, de: str, en: str) -> Rule:
    """The archive arrived otherwise than it was made."""
    way_out = ("Bitte packen Sie es neu und laden Sie es vollständig hoch.", "Please pack it anew and upload it whole.")
    return Rule(code, f"{de} {way_out[0]}", f"{en} {way_out[1]}")


def _unfit(code: str, de: str, en: str) -> Rule:
    """The archive holds what no installation needs."""
    return Rule(code, f"{de} {HOSTILE_DE}", f"{en} {HOSTILE_EN}")


def _too_much(code: str, de: str, en: str) -> Rule:
    """The archive holds more than is booked for; it may be all the customer's own."""
    way_out = (
        "Bitte buchen Sie Speicher dazu, oder packen Sie nur den Ordner der Installation und den Export der Datenbank.",
        "Please book more storage, or pack the installation's folder and the database's export alone.",
    )
    return Rule(code, f"{de} {way_out[0]}", f"{en} {way_out[1]}")


ARCHIVE_RULES = (
    _unfit(
        "control_in_name",
        "Der Dateiname „{name}“ enthält Steuerzeichen.",
        "The file name “{name}” has control characters.",
    ),
    _unfit("absolute_path", "„{name}“ ist ein Pfad von der Wurzel aus.", "“{name}” is a path from the root."),
    _unfit("leads_out", "„{name}“ führt aus dem Archiv hinaus.", "“{name}” leads out of the archive."),
    _unfit("too_deep", "„{name}“ liegt tiefer als {most} Ordner.", "“{name}” lies deeper than {most} folders."),
    _unfit(
        "name_too_long",
        "Der Pfad „{name}“ ist zu lang (höchstens {most} Byte, je Teil 255).",
        "The path “{name}” is too long (at most {most} bytes, 255 for each part).",
    ),
    _unfit(
        "link_leads_out",
        "Die Verknüpfung „{name}“ führt nach „{target}“, aus dem Archiv hinaus.",
        "The link “{name}” leads to “{target}”, out of the archive.",
    ),
    _unfit("device", "„{name}“ ist weder Datei noch Ordner.", "“{name}” is neither a file nor a folder."),
    _unfit(
        "set_id",
        "„{name}“ verlangt die Rechte seines Besitzers (Set-ID).",
        "“{name}” asks for its owner's rights (set-id).",
    ),
    _unfit("no_name", "Ein Eintrag hat keinen Namen.", "An entry has no name."),
    _unfit("file_and_folder", "„{name}“ kommt als Datei und als Ordner vor.", "“{name}” is both a file and a folder."),
    _too_much(
        "too_many_entries",
        "Das Archiv hat mehr als {most} Dateien und Ordner, mehr als Ihre Buchung fasst.",
        "The archive has more than {most} files and folders, more than your booking holds.",
    ),
    _too_much(
        "too_many_bytes",
        "Ausgepackt hat das Archiv mehr als {most_mib} MiB, mehr als Ihre Buchung fasst.",
        "Unpacked, the archive has more than {most_mib} MiB, more than your booking holds.",
    ),
    _unfit(
        "ratio",
        "Das Archiv wird ausgepackt mehr als {most}-mal so groß; so etwas packt niemand ohne Absicht.",
        "The archive unpacks to more than {most} times its size; nobody packs that without intent.",
    ),
    _unfit(
        "entries_overlap",
        "Im Archiv „{name}“ teilen sich mehrere Einträge denselben Inhalt.",
        "In the archive “{name}” several entries share the same content.",
    ),
    _unfit(
        "dictionary",
        "Um „{name}“ auszupacken, wären mehr als {most_mib} MiB Speicher nötig.",
        "Unpacking “{name}” would take more than {most_mib} MiB of memory.",
    ),
    _unfit(
        "nested_twice",
        "Das Archiv enthält ein Archiv, das nur weitere Archive enthält („{name}“).",
        "The archive holds an archive that holds nothing but archives (“{name}”).",
    ),
    _unfit(
        "too_many_archives",
        "Das Archiv enthält mehr als {most} weitere Archive.",
        "The archive holds more than {most} further archives.",
    ),
    _unfit(
        "two_stories",
        "Über „{name}“ steht am Anfang des Archivs etwas anderes als in seinem Verzeichnis.",
        "The archive's beginning says something else of “{name}” than its directory.",
    ),
    _unfit("sparse", "„{name}“ ist mit Lücken gepackt (tar -S).", "“{name}” is packed with holes (tar -S)."),
    _broken(
        "unknown_entry",
        "„{name}“ enthält bei Byte {at} einen Eintrag unbekannter Art.",
        "“{name}” has an entry of an unknown kind at byte {at}.",
    ),
    _broken(
        "checksum",
        "„{name}“ hat eine andere Prüfsumme oder Größe als angegeben.",
        "“{name}” has another checksum or size than is stated.",
    ),
    _broken("entry_damaged", "„{name}“ ist beschädigt.", "“{name}” is damaged."),
    _broken("damaged", "„{name}“ ist bei Byte {at} beschädigt.", "“{name}” is damaged at byte {at}."),
    _broken(
        "damaged_header",
        "Ein Kopf im Archiv ist beschädigt (Byte {at} darin).",
        "A header in the archive is damaged (byte {at} of it).",
    ),
    _broken("cut_off", "„{name}“ ist bei Byte {at} abgebrochen.", "“{name}” is broken off at byte {at}."),
    _broken(
        "cut_off_after",
        "„{name}“ ist bei Byte {at} abgebrochen; der letzte ganze Eintrag ist „{last}“.",
        "“{name}” is broken off at byte {at}; the last whole entry is “{last}”.",
    ),
    _broken(
        "something_behind",
        "Hinter dem Ende von „{name}“ steht noch etwas (bei Byte {at}).",
        "Something stands behind the end of “{name}” (at byte {at}).",
    ),
    Rule("empty", f"Das Archiv ist leer. {NEW_DE}", f"The archive is empty. {NEW_EN}"),
    Rule(
        "format_not_offered",
        "Dieses Format ({format}) nehmen wir nicht an. Bitte packen Sie ein ZIP, oder ein tar mit GZip oder BZip2.",
        "This format ({format}) isn't taken. Please pack a ZIP, or a tar with GZip or BZip2.",
    ),
    Rule(
        "web_page",
        "Unter der Adresse liegt eine Webseite, kein Archiv. Bitte nennen Sie die Adresse, unter der das Archiv selbst "
        "heruntergeladen wird.",
        "At the address lies a web page, no archive. Please name the address from which the archive itself is "
        "downloaded.",
    ),
    Rule(
        "method_not_offered",
        "„{name}“ ist mit einem Verfahren gepackt (Nr. {method}), das wir nicht lesen. Bitte packen Sie das ZIP mit "
        "Deflate.",
        "“{name}” is packed by a method (no. {method}) that we don't read. Please pack the ZIP with Deflate.",
    ),
    Rule(
        "encryption_not_offered",
        "„{name}“ ist in einer Weise verschlüsselt, die wir nicht lesen. Bitte stellen Sie das Archiv ohne Passwort "
        "über HTTPS oder SFTP bereit.",
        "“{name}” is encrypted in a way that we don't read. Please offer the archive without a password, by HTTPS or "
        "SFTP.",
    ),
    Rule(
        "password_missing",
        "„{name}“ ist verschlüsselt. Bitte nennen Sie das Passwort.",
        "“{name}” is encrypted. Please tell us the password.",
    ),
    Rule(
        "wrong_password",
        "Das Passwort passt nicht zu „{name}“. Bitte prüfen Sie es.",
        "The password doesn't fit “{name}”. Please check it.",
    ),
    Rule(
        "password_or_damage",
        "„{name}“ ist beschädigt, oder das Passwort ist falsch. Bitte prüfen Sie das Passwort, oder packen Sie neu.",
        "“{name}” is damaged, or the password is wrong. Please check the password, or pack anew.",
    ),
)
