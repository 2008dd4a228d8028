"""What a foreign database may hold that acts on a server, and what becomes of it (P34; phlymail.md sections 0, 3, 8).

Settings are converted by an allow-list (`conversion`); here it is rows: addresses that the server would fetch, names
of scripts and jobs that would run, objects that PHP would revive, paths that lead out of a user's folder. Each is
counted and told; the rest of its row stays.
"""

from __future__ import annotations

from dataclasses import dataclass

from hosting.policy.findings import Rule

WEB = "(?i)^(https?|webcals?)://"
"""Letter case is said not to count: in a column of bytes, as a dump may declare any, it would."""

INNER = (
    "(?i)^[a-z]+://([^/@]*@)?(localhost|[^/:]*[.](local|localhost|internal|lan)|127[.]|10[.]|0+[.:/]|192[.]168[.]|"
    "169[.]254[.]|172[.](1[6-9]|2[0-9]|3[01])[.]|0x|[0-9]+[:/]|[0-9]+$|[[])"
)
"""Hosts that are inner ones without asking a resolver; what a name leads to is kept by the server's outgoing rules."""

OBJECT = '(^|[;{}])[CO]:[+]?[0-9]+:"'
OUT_OF_THE_FOLDER = "(^|/)[.][.]?(/|$)|^/|[[:cntrl:]]"
NO_FILE_NAME = "/|^[.][.]?$|[[:cntrl:]]"
ACTIVE = "(?i)^(file|javascript|vbscript|data|php|phar|expect|glob|zip):"
PASSED_OVER = "[[:cntrl:][:space:]]"
"""Browsers pass over control characters before a scheme, and over line ends and tabs in it."""

JOBS = (
    ("calendar", "externalalerts"), ("calendar", "remotefolders"), ("core", "archive"), ("email", "fetchfolder"),
    ("email", "fetchmails"), ("email", "syncfoldertree"), ("maintenance", "cleanupfs"),
    ("maintenance", "enableemailfulltextsearch"), ("maintenance", "makeinnodb"),
    ("maintenance", "rebuildemailfulltextindex"), ("rss", "fetchfeed"),
)  # fmt: skip
"""The product's own (phlymail.md section 6)."""


def _found(code: str, de: str, en: str) -> Rule:
    """What is told of rows that were changed; it refuses nothing."""
    return Rule(code, de, en, refuses=False)


FETCHED = _found(
    "fetched",
    "Adressen, die der Server abgerufen hätte und die auf Dateien oder innere Netze zeigen: geleert ({count}).",
    "Addresses that the server would have fetched and that lead to files or inner networks: emptied ({count}).",
)
LINKED = _found(
    "linked",
    "Lesezeichen, die beim Anklicken Programmtext ausgeführt oder Dateien geöffnet hätten: geleert ({count}).",
    "Bookmarks that would have run code or opened files when clicked: emptied ({count}).",
)
SCRIPTS = _found(
    "scripts",
    "Filter, die ein Skript auf dem Server starten: ohne das Skript ({count}).",
    "Filters that start a script on the server: without the script ({count}).",
)
FOREIGN_JOBS = _found(
    "foreign_jobs",
    "Zeitaufträge, die nicht zum Produkt gehören: weggelassen ({count}).",
    "Timed jobs that aren't the product's: left out ({count}).",
)
OBJECTS = _found(
    "objects",
    "Gespeicherte Werte, die beim Lesen Programmteile aufrufen: geleert ({count}).",
    "Stored values that call parts of programs when read: emptied ({count}).",
)
PATHS = _found(
    "paths",
    "Einträge, deren Pfad aus dem Ordner des Nutzers hinausführt: weggelassen ({count}).",
    "Entries whose path leads out of the user's folder: left out ({count}).",
)
TOKENS = _found(
    "tokens",
    "Angemeldete Sitzungen, Sperren und Weiterleitungen von damals: beendet ({count}).",
    "Sessions, locks and redirections of that time: ended ({count}).",
)


@dataclass(frozen=True)
class Poison:
    """One kind of row that would act, and what becomes of it.

    Args:
        table: without its prefix.
        column: that must be there; what isn't there can't act.
        where: a condition in SQL, a constant of ours.
        becomes: what is set in SQL, a constant of ours; empty: the row goes.
        why: told with the number of rows.
        also: another table and column that the condition names.
    """

    table: str
    column: str
    where: str
    becomes: str
    why: Rule
    also: tuple[str, str] | None = None


def _fetched(table: str, column: str) -> Poison:
    """A column with addresses that the server fetches."""
    bad = f"{column} <> '' AND ({column} NOT REGEXP '{WEB}' OR {column} REGEXP '{INNER}')"
    return Poison(table, column, bad, f"{column} = ''", FETCHED)


def _object(table: str, column: str) -> Poison:
    """A column with PHP's serialized values."""
    return Poison(table, column, f"{column} REGEXP '{OBJECT}'", f"{column} = ''", OBJECTS)


POISONS = (
    _fetched("calendar_groups", "uri"),
    _fetched("adb_group", "uri"),
    _fetched("bookmarks_folder", "uri"),
    _fetched("rss_feed", "xml_uri"),
    _fetched("rss_feed", "html_uri"),
    Poison(
        "bookmarks_item", "url", f"REGEXP_REPLACE(url, '{PASSED_OVER}', '') REGEXP '{ACTIVE}'", "url = ''", LINKED
    ),
    Poison("email_filters", "run_script", "run_script <> '0'", "run_script = '0'", SCRIPTS),
    Poison("email_filters", "script_name", "script_name <> ''", "script_name = ''", SCRIPTS),
    Poison(
        "core_crontab", "handler",
        f"(handler, job) NOT IN ({', '.join(f'({chr(39)}{h}{chr(39)}, {chr(39)}{j}{chr(39)})' for h, j in JOBS)})", "",
        FOREIGN_JOBS,
    ),
    *(
        _object(table, column)
        for table, column in (
            ("user", "choices"), ("admin", "choices"), ("email_index", "struct"), ("user_foldersettings", "val"),
            ("profiles", "userheaders"), ("core_thumbs", "body"),
        )
    ),
    Poison(
        "email_index", "uidl", f"uidl REGEXP '{NO_FILE_NAME}' AND folder_id IN "  # noqa: S608  # constants of ours
        "(SELECT idx FROM {email_folders} WHERE att_type < 10)", "", PATHS, ("email_folders", "att_type"),
    ),
    Poison("email_folders", "folder_path", f"folder_path REGEXP '{OUT_OF_THE_FOLDER}'", "folder_path = idx", PATHS),
    Poison("files_index", "file_name", f"file_name REGEXP '{NO_FILE_NAME}'", "", PATHS),
    Poison("files_folders", "folder_path", f"folder_path REGEXP '{OUT_OF_THE_FOLDER}'", "folder_path = idx", PATHS),
    Poison("user", "token", "token IS NOT NULL", "token = NULL", TOKENS),
    Poison("admin", "token", "token IS NOT NULL", "token = NULL", TOKENS),
    Poison("core_lock", "token", "1", "", TOKENS),
    Poison("core_derefer", "nonce", "1", "", TOKENS),
)  # fmt: skip
RULES = {poison.why.code: poison.why for poison in POISONS}
