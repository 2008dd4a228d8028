"""What is told about what an archive holds and what is not taken over of it, once (P33 to P35); it refuses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.policy.findings import Rule, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from hosting.policy.findings import Finding

LISTED = 10
SHIPPED = frozenset({"storage/.htaccess", "storage/index.html", "storage/index.php"})
"""What each installation has there by itself."""


def _left(code: str, de: str, en: str) -> Rule:
    """One kind of what is left."""
    return Rule(code, de, en, refuses=False)


ENTRIES_LEFT = _left(
    "entries_left",
    "Aus dem Archiv wurden nicht ausgepackt (Verknüpfungen, und Namen, die es schon gab oder die sich nur in "
    "Groß- und Kleinschreibung unterscheiden): {names}.",
    "Not unpacked from the archive (links, and names that were there already or differ in upper and lower case "
    "alone): {names}.",
)
ARCHIVES_LEFT = _left(
    "archives_left",
    "Diese Archive liegen zu tief im Archiv und blieben geschlossen: {names}.",
    "These archives lie too deep in the archive, and stayed closed: {names}.",
)
DATABASES_LEFT = _left(
    "databases_left",
    "Der Export enthält auch andere Datenbanken, die nicht übernommen werden: {names}.",
    "The export holds other databases, too, which aren't taken over: {names}.",
)
STATEMENTS_LEFT = _left(
    "statements_left",
    "Der Export legt Datenbanken an oder wählt sie ({count} Anweisungen CREATE DATABASE und USE); das ist hier nicht "
    "nötig und wurde weggelassen.",
    "The export makes or chooses databases ({count} statements CREATE DATABASE and USE); that isn't needed here and "
    "was left out.",
)
TABLES_LEFT = _left(
    "tables_left",
    "Diese Tabellen der Datenbank kennt phlyMail nicht; sie werden nicht übernommen: {names}.",
    "phlyMail doesn't know these tables of the database; they aren't taken over: {names}.",
)
FILES_LEFT = _left(
    "files_left",
    "Diese Dateien im Ordner „storage“ sind Programme oder gehören keinem Nutzer; übernommen werden sie nicht: "
    "{names}.",
    "These files in the folder “storage” are programs or no user's; they aren't taken over: {names}.",
)


def named(names: Collection[str], count: int = 0) -> str:
    """Some names, and how many there are more.

    Args:
        names: all of them, or the first ones.
        count: of all, where not all are named.
    """
    some = [shown(name) for name in list(names)[:LISTED]]
    more = max(count, len(names)) - len(some)
    return ", ".join(some) + (f" (+{more})" if more > 0 else "")


def left_while_building(tables: Sequence[str], files: Mapping[str, object]) -> Sequence[Finding]:
    """What is told of tables and files that stay behind when a draft is built; nothing if there are none.

    Args:
        tables: of the product's own prefix that the product doesn't know.
        files: what was laid out, and left (`tasks/on_server/old_installation/layout.py`).
    """
    left, some = files.get("left"), files.get("named")
    counts, names = left if isinstance(left, dict) else {}, some if isinstance(some, list) else []
    own = [name for name in names if name not in SHIPPED]
    count = int(counts.get("program", 0)) + int(counts.get("other", 0)) - (len(names) - len(own))
    found = (
        (TABLES_LEFT.found(names=named(tables)), bool(tables)),
        (FILES_LEFT.found(names=named(own, count)), bool(own)),
    )
    return [finding for finding, applies in found if applies]
