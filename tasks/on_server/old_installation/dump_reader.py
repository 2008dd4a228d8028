"""An SQL dump read as a stream: looked through first, then the product's own part of it passed on (P33, P34).

Statements outside of a list are refused with their line. None is passed on as it stands: definitions are written anew,
rows are plain values, all else is left out. Several databases in one file are sections; the statements that switch them
are left out and told. A neighbour's table, of which nothing is passed on, may be described in any way.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tasks.on_server.old_installation.characters import Letters, mended
from tasks.on_server.old_installation.refusal import Refusal
from tasks.on_server.old_installation.sql_others import left_out
from tasks.on_server.old_installation.sql_rows import Rows, read_rows
from tasks.on_server.old_installation.sql_settings import Reading, heard
from tasks.on_server.old_installation.sql_statements import Statements
from tasks.on_server.old_installation.sql_tables import NAME, TableForm, read_change, read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

TABLES_MOST = 5000
"""Of all sections; more is no installation of anybody's."""

SIGNS = ("user", "admin", "profiles", "email_folders", "email_index")
"""Tables by which the product's section is known, its prefix dropped; all series have them."""

_SWITCH = re.compile(rb"USE\s+(`[^`]+`|[\w$-]+)$", re.IGNORECASE)
_OF_TABLE = re.compile(rb"\w+\s+TABLE\b", re.IGNORECASE)
_OF_ONE = re.compile(
    rb"(?:(?:CREATE|ALTER)\s+TABLE|(?:INSERT|REPLACE)\s+(?:(?:LOW_PRIORITY|DELAYED|IGNORE)\s+)*INTO)\s+"
    rb"(?:IF\s+NOT\s+EXISTS\s+)?(`[^`]+`|[\w$-]+)(?![\w$-]|\s*\.)",
    re.IGNORECASE,
)
ODD = {"table_form", "engine", "row_form", "insert_form"}
"""Why a table's definition or rows can't be read; whose they are tells whether that matters."""


@dataclass
class Table:
    """One table of a section, as the dump has it.

    Args:
        rows: of it.
        bytes: that they may take at most, without keys: their text, and the width for each.
        width: bytes that a row may take though its text doesn't hold them.
        in_part: whether some of its texts alone were encoded twice, so that they stay as they are.
    """

    rows: int = 0
    bytes: int = 0
    width: int = 0
    columns: list[str] = field(default_factory=list)
    engine: str = ""
    said: str = ""
    letters: Letters = field(default_factory=Letters)
    in_part: bool = False


@dataclass(frozen=True)
class Odd:
    """A statement about a table that can't be read, and why."""

    table: str
    why: Refusal


@dataclass
class Survey:
    """What a dump holds.

    Args:
        sections: tables by name, by section; the section before any `USE` is "".
        left_out: how many statements of each kind aren't passed on.
        ended: whether it has its end mark, as mysqldump writes it.
        made_by: the comment in which it says what made it.
    """

    sections: dict[str, dict[str, Table]] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    ended: bool = False
    made_by: str = ""
    lines: int = 0

    def as_json(self) -> dict[str, Any]:
        """As the job tells it."""
        return asdict(self)

    def candidates(self) -> list[tuple[str, str]]:
        """Sections and prefixes that hold the product's tables."""
        found = []
        for section, tables in self.sections.items():
            prefixes = [name.removesuffix("_admin") for name in tables if name.endswith("_admin")]
            found += [(section, p) for p in prefixes if all(f"{p}_{sign}" in tables for sign in SIGNS)]
        return sorted(found)


def survey_of(told: Mapping[str, Any]) -> Survey:
    """A survey that was told as JSON."""
    sections = {
        name: {table: Table(**{**facts, "letters": Letters(**facts["letters"])}) for table, facts in tables.items()}
        for name, tables in told["sections"].items()
    }
    return Survey(sections, dict(told["left_out"]), told["ended"], told["made_by"], told["lines"])


@dataclass(frozen=True)
class Wanted:
    """What is passed on of a dump.

    Args:
        section: the database.
        prefix: of the tables there.
        new_prefix: that they get.
        tables: names without their prefix that are known; others stay behind.
    """

    section: str
    prefix: str
    new_prefix: str
    tables: Collection[str]

    def name(self, section: str, table: str) -> str:
        """What a table is called from now on; empty if it isn't passed on."""
        bare = table.removeprefix(f"{self.prefix}_")
        is_ours = section == self.section and bare != table and bare in self.tables
        return f"{self.new_prefix}_{bare}" if is_ours else ""


def survey(pieces: Iterable[bytes]) -> Survey:
    """Look through a dump.

    Raises:
        Refusal: something in it can't be taken, or it is broken off, be it between two statements; names the line.
    """
    found, statements, reading, odd = Survey(), Statements(pieces), Reading(), dict[tuple[str, str], Refusal]()
    for section, reading, kind, what in _read(statements):  # the last reading tells how the dump ends
        tables = found.sections.setdefault(section, {})
        if isinstance(what, TableForm | Rows):
            _note(tables, reading, what, kind)
        elif isinstance(what, Odd):
            odd.setdefault((section, what.table), what.why)
        elif kind:
            found.left_out[kind] = found.left_out.get(kind, 0) + 1
        if sum(map(len, found.sections.values())) + len(odd) > TABLES_MOST:
            raise Refusal("too_many_tables", most=TABLES_MOST)
    if reading.kept_at > statements.ended_at:  # between two statements nothing else tells that the rest is missing
        raise Refusal("dump_cut_off", line=statements.line)
    for table in (one for tables in found.sections.values() for one in tables.values()):
        table.bytes += table.rows * table.width
    found.ended, found.made_by, found.lines = statements.ended_at > 0, statements.made_by, statements.line
    found.sections = {name: tables for name, tables in found.sections.items() if tables}
    _check_ours_are_read(found, odd)
    _mark_in_part(found)
    if not found.sections:
        raise Refusal("no_tables")
    return found


def _mark_in_part(found: Survey) -> None:
    """Tables of an installation some of whose texts alone were encoded twice are known as such."""
    for section, prefix in found.candidates():
        ours = [table for name, table in found.sections[section].items() if name.startswith(f"{prefix}_")]
        all_twice = Letters.of_all(table.letters for table in ours).is_twice
        for table in ours:
            table.in_part = table.letters.is_mixed and not all_twice


def _check_ours_are_read(found: Survey, odd: Mapping[tuple[str, str], Refusal]) -> None:
    """See that what can't be read is a neighbour's.

    Raises:
        Refusal: it is of an installation's own prefix, or none is found beside it.
    """
    ours = found.candidates()
    for (section, table), why in odd.items():
        if not ours or any(section == own and table.startswith(f"{prefix}_") for own, prefix in ours):
            raise why


def pass_on(
    pieces: Iterable[bytes], found: Survey, wanted: Wanted, sink: Callable[[bytes], object]
) -> Mapping[str, int]:
    """Give the wanted tables to a sink, statement by statement, each with its end; the rows of each are returned.

    Args:
        pieces: the dump.
        found: its survey.
        wanted: which tables, and what they are called from now on.
        sink: takes bytes; they hold no comment, no command of a client and no setting but encoding and time zone.

    Raises:
        Refusal: something in it can't be taken; then it is another dump than the one that was looked through.
    """
    rows, in_force = Counter[str](), Reading()
    tables = found.sections.get(wanted.section, {})
    ours = [table for name, table in tables.items() if wanted.name(wanted.section, name)]
    all_twice = Letters.of_all(table.letters for table in ours).is_twice
    for section, reading, kind, what in _read(Statements(pieces)):
        if isinstance(what, Odd) and wanted.name(section, what.table):
            raise what.why
        if not isinstance(what, TableForm | Rows) or not (name := wanted.name(section, _table_of(what))):
            continue
        table = tables.get(_table_of(what))
        if table is None:
            raise Refusal("dump_changed", table=_table_of(what))
        needed = Reading(table.letters.encoding(table.said), reading.time_zone)
        for setting in _settings(in_force, needed):
            sink(setting)
        in_force = needed
        if isinstance(what, Rows):
            rows[name] += what.count
            text = what.insert(name)
            sink(mended(text) if all_twice or table.letters.is_twice else text)
        else:
            sink(what.create(name) if kind == "create" else what.alter(name))
        sink(b";\n")
    return rows


def _read(statements: Statements) -> Iterator[tuple[str, Reading, str, TableForm | Rows | Odd | None]]:
    """Section, how it is to be read, kind and content of each statement; the content is None if it is left out."""
    section, reading = "", Reading()
    for statement in statements:
        text, line = statement.text, statement.line
        word = re.split(rb"[^A-Za-z]", text[:20], maxsplit=1)[0].decode().upper()
        kind = ""
        what: TableForm | Rows | Odd | None = None
        if word in {"INSERT", "REPLACE"}:
            what = _or_odd(read_rows, text, line)
        elif word == "SET":
            reading = heard(text, line, reading)
        elif switch := _SWITCH.match(text):
            section, kind = _section(switch[1], line), "use"
        elif word == "CREATE" and _OF_TABLE.match(text):
            kind, what = "create", _or_odd(read_table, text, line)
        elif word == "ALTER" and _OF_TABLE.match(text):
            kind, what = "alter", _or_odd(_change, text, line)
        else:
            kind = left_out(statement, word)
        yield section, reading, kind, what


def _or_odd(
    read: Callable[[bytes, int], TableForm | Rows | None], text: bytes, line: int
) -> TableForm | Rows | Odd | None:
    """What a statement says of a table, or that it can't be read."""
    try:
        return read(text, line)
    except Refusal as error:
        table = _OF_ONE.match(text)
        name = table[1].strip(b"`").decode(errors="replace") if table else ""
        if error.code not in ODD or not NAME.fullmatch(name):
            raise
        return Odd(name, error)


def _change(text: bytes, line: int) -> TableForm | None:
    """What a statement changes, if anything."""
    form = read_change(text, line)
    return form if form.lines or form.counter else None


def _section(name: bytes, line: int) -> str:
    """The section that begins."""
    found = name.strip(b"`").decode(errors="replace")
    if not NAME.fullmatch(found):
        raise Refusal("odd_name", line=line, name=found)
    return found


def _note(tables: dict[str, Table], reading: Reading, what: TableForm | Rows, kind: str) -> None:
    """What a statement tells of its table."""
    table = tables.setdefault(_table_of(what), Table())
    table.said = reading.encoding or table.said
    if isinstance(what, Rows):
        table.rows += what.count
        table.bytes += len(what.values)
        table.letters.look_at(what.values)
        return
    table.width += what.width
    if kind == "create":
        table.columns, table.engine = what.columns, what.engine


def _table_of(what: TableForm | Rows) -> str:
    """The table that a statement is about."""
    return what.table if isinstance(what, Rows) else what.name


def _settings(before: Reading, needed: Reading) -> Iterator[bytes]:
    """What is to be said before statements that are read in another way."""
    if needed.encoding != before.encoding:
        yield f"SET NAMES {needed.encoding};\n".encode()
    if needed.time_zone != before.time_zone:
        yield f"SET TIME_ZONE = '{needed.time_zone or '+00:00'}';\n".encode()
