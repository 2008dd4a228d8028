"""What is told about exports of databases that can't be taken, once for each reason (P33, P34)."""

from __future__ import annotations

from hosting.policy.findings import Rule

AGAIN_DE = "Bitte exportieren Sie die Datenbank neu, nur Tabellen und Zeilen (mysqldump ohne weitere Angaben)."
AGAIN_EN = "Please export the database anew, tables and rows alone (mysqldump without further options)."


def _unfit(code: str, de: str, en: str) -> Rule:
    """The dump holds what no export of the product's tables needs."""
    return Rule(code, f"Zeile {{line}} des Exports: {de} {AGAIN_DE}", f"Line {{line}} of the export: {en} {AGAIN_EN}")


DUMP_RULES = (
    _unfit("load_data", "LOAD DATA liest Dateien des Servers.", "LOAD DATA reads the server's files."),
    _unfit(
        "into_file", "„{word}“ liest oder schreibt Dateien des Servers.", "“{word}” reads or writes the server's files."
    ),
    _unfit("rights", "„{word}“ ändert Rechte.", "“{word}” changes rights."),
    _unfit(
        "definer", "„{word}“ verlangt die Rechte anderer (DEFINER).", "“{word}” asks for another's rights (DEFINER)."
    ),
    _unfit(
        "made",
        "Trigger, Prozeduren, Funktionen, Ereignisse und Sichten werden nicht übernommen ({what}).",
        "Triggers, procedures, functions, events and views aren't taken over ({what}).",
    ),
    _unfit(
        "delimiter",
        "DELIMITER leitet Trigger oder Prozeduren ein, die nicht übernommen werden.",
        "DELIMITER begins triggers or procedures, which aren't taken over.",
    ),
    _unfit(
        "client_command",
        "„{word}“ ist ein Befehl des Datenbankprogramms, kein Inhalt.",
        "“{word}” is a command of the database client, no content.",
    ),
    _unfit("statement", "„{word}“ gehört in keinen Export.", "“{word}” belongs in no export."),
    _unfit(
        "table_form",
        "Die Tabelle ist anders beschrieben, als wir es kennen (bei „{word}“).",
        "The table is described otherwise than we know it (at “{word}”).",
    ),
    _unfit(
        "engine",
        "Tabellen der Art „{engine}“ liegen anderswo oder sind keine.",
        "Tables of the kind “{engine}” lie elsewhere or are none.",
    ),
    _unfit(
        "odd_name",
        "„{name}“ ist kein Name einer Tabelle, Spalte oder Datenbank, den wir annehmen.",
        "“{name}” is no name of a table, column or database that we take.",
    ),
    _unfit(
        "qualified_name", "Bei „{name}“ ist eine andere Datenbank genannt.", "At “{name}” another database is named."
    ),
    _unfit(
        "insert_form",
        "Zeilen sind anders eingefügt, als Exporte es tun (bei „{word}“).",
        "Rows are inserted otherwise than exports do it (at “{word}”).",
    ),
    _unfit(
        "row_form",
        "Die {row}. Zeile der Anweisung enthält anderes als einfache Werte (bei „{word}“).",
        "Row {row} of the statement holds something else than plain values (at “{word}”).",
    ),
    _unfit("setting", "„{word}“ stellt etwas ein, was kein Export braucht.", "“{word}” sets what no export needs."),
    _unfit(
        "sql_mode",
        "Im Modus „{mode}“ sind Texte anders geschrieben, als wir sie lesen.",
        "In the mode “{mode}” texts are written otherwise than we read them.",
    ),
    _unfit(
        "encoding",
        "Der Zeichensatz „{encoding}“ wird nicht gelesen; utf8 und latin1 werden es.",
        "The character set “{encoding}” isn't read; utf8 and latin1 are.",
    ),
    _unfit(
        "odd_comment",
        "Kommentare sind ineinander geschachtelt oder enden nicht, wo sie sollen.",
        "Comments are nested, or don't end where they should.",
    ),
    _unfit(
        "statement_too_long",
        "Eine Anweisung ist länger als {most_mib} MiB.",
        "A statement is longer than {most_mib} MiB.",
    ),
    _unfit(
        "dump_not_text", "Der Export ist kein Text in UTF-8 oder latin1.", "The export is no text in UTF-8 or latin1."
    ),
    _unfit("dump_cut_off", "Der Export ist hier abgebrochen.", "The export is broken off here."),
    Rule(
        "too_many_tables",
        f"Der Export hat mehr als {{most}} Tabellen. {AGAIN_DE}",
        f"The export has more than {{most}} tables. {AGAIN_EN}",
    ),
    Rule("no_tables", f"Der Export enthält keine Tabellen. {AGAIN_DE}", f"The export holds no tables. {AGAIN_EN}"),
    Rule(
        "dump_changed",
        "Der Export ist nicht mehr der, der geprüft wurde (Tabelle {table}). Bitte stoßen Sie die Übernahme neu an.",
        "The export is no longer the one that was checked (table {table}). Please start the import anew.",
    ),
)
