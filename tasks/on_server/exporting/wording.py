"""What stands in the archive in the customer's languages: the page that explains it, the names of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

README_DE = "LIESMICH.txt"
README_EN = "README.txt"
MISSING = "missing.csv"
MAILS = "mail/index.csv"

DE = """Ihre Daten aus phlyMail
=======================

Nutzer: {user}
Instanz: {instance}
Stand: {at}

Was wo liegt
------------

mail/*.mbox         Ihre E-Mails, eine Datei je Ordner (Format mboxrd). Thunderbird
                    (mit einer Erweiterung zum Importieren), Apple Mail, mutt und
                    viele andere lesen sie. Gelesen und beantwortet sind vermerkt.
mail/index.csv      Jede E-Mail mit ihrer Prüfsumme, wie sie bei uns gespeichert war.
contacts/           Ihre Kontakte mit Gruppen und Bildern, zweimal dasselbe: als
                    vCard 4.0 und für ältere Programme als vCard 3.0.
calendars/, tasks/  Ihre Kalender und Aufgaben als iCalendar (.ics). Zeiten gelten
                    in der Zeitzone {zone}.
bookmarks/          Ihre Lesezeichen, zum Importieren in jeden Browser.
feeds/              Ihre abonnierten Feeds als OPML.
files/              Ihre Dateien mit ihren Namen, in ihren Ordnern.
settings/           Einstellungen, Signaturen, Filter und Textbausteine als Text;
                    Ihre Mailkonten ohne die Passwörter.
SHA256SUMS          Prüfsummen aller Dateien (prüfen mit: sha256sum -c SHA256SUMS).

Wie viel es ist
---------------

{counts}

E-Mails auf IMAP-Servern
------------------------

E-Mails, die Sie in phlyMail über IMAP gesehen haben, liegen bei Ihrem Mail-
Anbieter und lagen nie bei uns. Sie sind nicht in diesem Archiv und bleiben bei
Ihrem Anbieter, wie sie sind. ({imap} IMAP-Ordner waren eingerichtet.)

Namen
-----

Zeichen in Namen, die nicht jedes System schreiben kann, sind durch „-“ ersetzt;
gleiche Namen haben eine Nummer. Was bei uns lag, ohne dass es in einer Liste
stand, finden Sie unter „{unlisted}“.

Was fehlt
---------

{missing}

Nicht enthalten sind Passwörter, Zwischenspeicher, Protokolle und die Ansichten
von Ordnern. Was andere Nutzer mit Ihnen geteilt haben, steht in deren Archiven.
"""

EN = """Your data from phlyMail
=======================

User: {user}
Instance: {instance}
As of: {at}

What is where
-------------

mail/*.mbox         Your mails, one file for each folder (format mboxrd). Read by
                    Thunderbird (with an add-on for importing), Apple Mail, mutt and
                    many others. Read and answered are noted.
mail/index.csv      Each mail with its checksum as it was stored with us.
contacts/           Your contacts with groups and pictures, the same twice: as
                    vCard 4.0, and for older programs as vCard 3.0.
calendars/, tasks/  Your calendars and tasks as iCalendar (.ics). Times are told in
                    the time zone {zone}.
bookmarks/          Your bookmarks, to be imported into any browser.
feeds/              The feeds that you follow, as OPML.
files/              Your files with their names, in their folders.
settings/           Settings, signatures, filters and text blocks as text; your mail
                    accounts without their passwords.
SHA256SUMS          Checksums of all files (check with: sha256sum -c SHA256SUMS).

How much it is
--------------

{counts}

Mails on IMAP servers
---------------------

Mails that you saw in phlyMail by IMAP lie with your mail provider and never were
with us. They are not in this archive, and stay with your provider as they are.
({imap} IMAP folders were set up.)

Names
-----

Signs in names that not every system can write are replaced by "-"; names that
were the same have a number. What lay with us without standing in any list is
under "{unlisted}".

What is missing
---------------

{missing}

Not included are passwords, caches, logs and how folders were shown. What other
users shared with you is in their archives.
"""

UNLISTED = "_unlisted"
COUNTED = {
    "mails": ("E-Mails", "mails"), "folders": ("Mailordner", "mail folders"), "contacts": ("Kontakte", "contacts"),
    "events": ("Termine", "events"), "tasks": ("Aufgaben", "tasks"), "bookmarks": ("Lesezeichen", "bookmarks"),
    "feeds": ("Feeds", "feeds"), "files": ("Dateien", "files"), "unlisted": ("davon ohne Eintrag", "of them unlisted"),
    "empty": ("davon leere E-Mails", "of them empty mails"),
}  # fmt: skip
NOTHING = ("Nichts.", "Nothing.")
SOME = (
    """{number} E-Mails, Dateien oder Termine standen in den Listen, lagen aber nicht
im Speicher oder haben ein Datum, das es in keinem Kalender gibt. Jeder Eintrag
steht mit dem Grund in missing.csv.""",
    """{number} mails, files or events stood in the lists, but were not in the storage,
or have a date that no calendar knows. Each is in missing.csv with the reason.""",
)


def readme(language: int, told: Mapping[str, object], counts: Mapping[str, int], missing: int) -> str:
    """The page that explains the archive.

    Args:
        language: 0 German, 1 English.
        told: `user`, `instance`, `at`, `zone`, `imap`.
        counts: how much of what there is.
        missing: how many are not there.
    """
    lines = [f"{counts.get(kind, 0):>8}  {names[language]}" for kind, names in COUNTED.items()]
    what = SOME[language].format(number=missing) if missing else NOTHING[language]
    page = (DE, EN)[language]
    return page.format(**told, counts="\n".join(lines), missing=what, unlisted=UNLISTED)
