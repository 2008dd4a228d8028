"""What is in a dump while it passes by: tables, rows, sums, its end; and whether it may be kept (P19).

`mariadb-dump` of MariaDB 10.6 and later writes a row a line within `INSERT INTO … VALUES` and escapes line ends in
values, so that rows are counted and summed without parsing SQL. Runs on servers: standard library only.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INSERT = b"INSERT INTO `"
STATEMENT_END = b";\n"
END_MARK = b"-- Dump completed"
TAIL_BYTES = 200
_TABLE = re.compile(rb"(?m)^CREATE TABLE `([^`]+)` \(\n(.*?)\n\) ([^\n]*);$", re.DOTALL)
_DATABASE = re.compile(rb"(?m)^-- Host: \S+ +Database: (\S+)$")
_COUNTER = re.compile(rb" AUTO_INCREMENT=\d+")


@dataclass
class Table:
    """One table of a dump: its rows, their sum in the dump's order, the sum of its definition."""

    rows: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    definition: str = ""

    def as_json(self) -> dict[str, Any]:
        """As the manifest keeps it."""
        return {"rows": self.rows, "sha256": self.digest.hexdigest(), "definition": self.definition}


class Tally:
    """Counts a dump that is given to it piece by piece; holds no more than a piece and one row."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self.bytes = 0
        self.database = ""
        self.tables: dict[str, Table] = {}
        self._carry = b""
        self._outside = b""
        self._inside: Table | None = None
        self._tail = b""

    @property
    def begun(self) -> bool:
        """Whether a table's definition was seen: the dump's transaction is open by then."""
        return bool(self.tables) or b"\n-- Table structure for table" in self._outside

    @property
    def ended(self) -> bool:
        """Whether the dump's own end mark stands at its end."""
        return END_MARK in self._tail

    def add(self, piece: bytes) -> None:
        """The next bytes of the dump."""
        self.bytes += len(piece)
        self._tail = (self._tail + piece[-TAIL_BYTES:])[-TAIL_BYTES:]
        whole = self._carry + piece
        cut = whole.rfind(b"\n") + 1
        self._carry = whole[cut:]
        if cut:
            self._lines(whole[:cut])

    def end(self) -> None:
        """No more comes."""
        if self._carry:
            self._lines(self._carry + b"\n")
            self._carry = b""
        self._definitions()

    def _lines(self, text: bytes) -> None:
        """Whole lines, each ending with a line end."""
        at = 0
        while at < len(text):
            at = self._rows(self._inside, text, at) if self._inside else self._between(text, at)

    def _rows(self, table: Table, text: bytes, at: int) -> int:
        """Rows of the open INSERT up to its end, or to the end of the text; where to go on."""
        end = text.find(STATEMENT_END, at)
        stop = len(text) if end < 0 else end + len(STATEMENT_END)
        rows = memoryview(text)[at:stop]
        table.rows += text.count(b"\n", at, stop)
        table.digest.update(rows)
        if end >= 0:
            self._inside = None
        return stop

    def _between(self, text: bytes, at: int) -> int:
        """What stands between two INSERTs; where to go on."""
        found = text.find(INSERT, at)
        while found > 0 and text[found - 1] != ord("\n"):
            found = text.find(INSERT, found + 1)
        self._outside += text[at:] if found < 0 else text[at:found]
        if found < 0:
            return len(text)
        self._definitions()
        line_end = text.index(b"\n", found)
        name = text[found + len(INSERT) : text.index(b"`", found + len(INSERT))].decode()
        self._inside = self.tables.setdefault(name, Table())
        return line_end + 1

    def _definitions(self) -> None:
        """The tables that are defined in what was seen since the last INSERT."""
        if not self.database and (match := _DATABASE.search(self._outside)):
            self.database = match[1].decode()
        for match in _TABLE.finditer(self._outside):
            definition = match[2] + _COUNTER.sub(b"", match[3])
            table = self.tables.setdefault(match[1].decode(), Table())
            table.definition = hashlib.sha256(definition).hexdigest()
        self._outside = b""


def objections(tally: Tally, database: str, rows: Mapping[str, int], exit_code: int, said: str = "") -> list[str]:
    """Why a dump can't be kept; nothing where it may.

    Args:
        tally: of the whole dump.
        database: whose dump it should be.
        rows: the rows of each table of the source at the dump's moment.
        exit_code: of the dump's program.
        said: its last words.
    """
    found = []
    if exit_code != 0:
        found.append(f"mariadb-dump ended with exit code {exit_code}{f': {said}' if said else ''}")
    if tally.bytes == 0:
        return [*found, "the dump is empty"]
    if tally.database != database:
        found.append(f"the dump is of the database {tally.database or 'nobody named'}, not of {database}")
    if not tally.ended:
        found.append(f"the dump ends without its end mark after {tally.bytes} bytes: it was cut off")
    if missing := sorted(set(rows) - set(tally.tables)):
        found.append(f"the dump lacks {_named(missing, 'table')}")
    if foreign := sorted(set(tally.tables) - set(rows)):
        found.append(f"the dump holds {_named(foreign, 'table')} that the database did not have")
    differing = sorted(
        f"{name} ({tally.tables[name].rows} of {count})"
        for name, count in rows.items()
        if name in tally.tables and tally.tables[name].rows != count
    )
    if differing:
        found.append(f"the dump holds another number of rows than the database in {_named(differing, 'table')}")
    return found


def _named(names: Sequence[str], what: str, most: int = 5) -> str:
    """Some names with their number."""
    shown = ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
    return f"{len(names)} {what}{'s' * (len(names) != 1)}: {shown}"
