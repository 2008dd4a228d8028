"""Definitions of tables, read part by part and written anew: what isn't known here is in no table that is made.

Old forms become today's: MyISAM and `TYPE=` become InnoDB, character sets UTF-8, `timestamp(14)` a timestamp.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.on_server.old_installation.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection

NAME = re.compile(r"[A-Za-z0-9_$-]{1,64}")
ENGINES = {"MYISAM", "INNODB", "ARIA", "MARIA", "HEAP", "MEMORY", "ISAM", "BDB", "BERKELEYDB", "INNOBASE"}
"""Those that hold their rows themselves; all become InnoDB."""

TYPES = {
    "TINYINT", "SMALLINT", "MEDIUMINT", "INT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "REAL", "DECIMAL", "NUMERIC",
    "DEC", "BIT", "BOOL", "BOOLEAN", "CHAR", "VARCHAR", "BINARY", "VARBINARY", "TINYBLOB", "BLOB", "MEDIUMBLOB",
    "LONGBLOB", "TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT", "ENUM", "SET", "DATE", "TIME", "DATETIME", "TIMESTAMP",
    "YEAR",
}  # fmt: skip
LONG = {"TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB", "TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT"}
"""Types that MySQL gave no default; MariaDB does, and all rows that lack a value would hold it."""

DEFAULT_MOST = 255
"""Characters of a default, with its marks; a row of two bytes holds it as well."""

FIXED = {
    "TINYINT": 1, "BOOL": 1, "BOOLEAN": 1, "YEAR": 1, "SMALLINT": 2, "ENUM": 2, "MEDIUMINT": 3, "DATE": 3, "INT": 4,
    "INTEGER": 4, "FLOAT": 4, "VARCHAR": 0, "VARBINARY": 0, **dict.fromkeys(LONG, 0),
}  # fmt: skip
"""Bytes that each row has of a type, whatever its value; of the others as many as are stated, at least eight."""

COLUMNS_MOST = 1017
"""Of a table of InnoDB."""

NUMBER_MOST = 20
"""Digits of a number in a definition."""

WIDTHS = {"PRECISION", "UNSIGNED", "SIGNED", "ZEROFILL"}
OPTIONS = {
    "AVG_ROW_LENGTH", "CHECKSUM", "DELAY_KEY_WRITE", "MAX_ROWS", "MIN_ROWS", "PACK_KEYS", "ROW_FORMAT",
    "PAGE_CHECKSUM", "TRANSACTIONAL", "STATS_PERSISTENT", "STATS_AUTO_RECALC", "STATS_SAMPLE_PAGES", "KEY_BLOCK_SIZE",
    "COMMENT", "COLLATE",
}  # fmt: skip
"""What a table may state that makes no difference to its rows; it is left out."""

FRACTION_MOST = 6
"""Digits of a second in a time; what MySQL 4.0 wrote there was the width of what is shown."""

_TOKEN = re.compile(
    rb"""\s*(?:(?P<number>-?[0-9]+(?:\.[0-9]+)?(?![\w$]))|(?P<word>[\w$]+)|`(?P<name>[^`]+)`
    |(?P<text>'[^'\\]*(?:(?:\\.|'')[^'\\]*)*'|"[^"\\]*(?:(?:\\.|"")[^"\\]*)*")|(?P<sign>[(),=.]))""",
    re.DOTALL | re.VERBOSE,
)


@dataclass
class TableForm:
    """A definition as it was read.

    Args:
        name: of the table.
        columns: their names in order, lower case.
        lines: the definition's lines, written anew.
        wide: whether it states UTF-8 of four bytes.
        engine: that it stated.
        counter: the number that the next row gets, 0 where none is stated.
        width: bytes that a row may take though its text doesn't hold them: defaults, and what is of a fixed size.
    """

    name: str
    columns: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    wide: bool = False
    engine: str = ""
    counter: int = 0
    width: int = 0

    def create(self, name: str) -> bytes:
        """The statement that makes it, under a name."""
        counter = f" AUTO_INCREMENT={self.counter}" if self.counter else ""
        end = f"ENGINE=InnoDB{counter} DEFAULT CHARSET={'utf8mb4' if self.wide else 'utf8'}"
        return f"CREATE TABLE `{name}` (\n{_listed(self.lines)}\n) {end}".encode(errors="surrogateescape")

    def alter(self, name: str) -> bytes:
        """The statement that changes it, under a name; empty where nothing is left to change."""
        changes = [*self.lines, *([f"AUTO_INCREMENT={self.counter}"] if self.counter else [])]
        return f"ALTER TABLE `{name}`\n{_listed(changes)}".encode(errors="surrogateescape") if changes else b""


class Words:
    """The words of a statement, one after another."""

    def __init__(self, text: bytes, line: int) -> None:
        """Cut the text into words.

        Raises:
            Refusal: it holds something else.
        """
        self.line, self._at = line, 0
        self._words: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise self.odd(text[at : at + 20].decode(errors="replace"))
            self._words.append((match.lastgroup, match[match.lastgroup].decode(errors="surrogateescape")))
            at = match.end()

    @property
    def over(self) -> bool:
        """Whether none is left."""
        return self._at >= len(self._words)

    @property
    def next(self) -> str:
        """The next one in upper case where it is a plain word or sign, else empty."""
        kind, word = self._words[self._at] if not self.over else ("", "")
        return word.upper() if kind in {"word", "sign"} else ""

    def odd(self, what: str = "") -> Refusal:
        """That this is no definition of a table that we know."""
        there = self._words[self._at][1] if not self.over else ""
        return Refusal("table_form", line=self.line, word=what or there)

    def has(self, *words: str) -> bool:
        """Whether these words come next; they are passed then."""
        before = self._at
        for word in words:
            if self.next != word:
                self._at = before
                return False
            self._at += 1
        return True

    def need(self, word: str) -> None:
        """Pass this word, which must come next."""
        if not self.has(word):
            raise self.odd()

    def one(self, kinds: Collection[str]) -> str:
        """The next one, which must be of one of these kinds."""
        if self.over or self._words[self._at][0] not in kinds:
            raise self.odd()
        self._at += 1
        return self._words[self._at - 1][1]

    def name(self) -> str:
        """A name that is fit for a table or a column."""
        found = self.one({"word", "name"})
        if not NAME.fullmatch(found):
            raise Refusal("odd_name", line=self.line, name=found)
        if self.next == ".":
            raise Refusal("qualified_name", line=self.line, name=found)
        return found

    def literal(self) -> str:
        """A number or a text."""
        found = self.one({"number", "text"})
        if len(found) > NUMBER_MOST and found[0] not in "'\"":
            raise self.odd(found)
        return found


def read_table(text: bytes, line: int) -> TableForm:
    """A `CREATE TABLE` statement.

    Raises:
        Refusal: it isn't one as the product's tables are made.
    """
    words = Words(text, line)
    words.need("CREATE")
    words.need("TABLE")
    words.has("IF", "NOT", "EXISTS")
    form = TableForm(words.name())
    words.need("(")
    while True:
        key = _key(words)
        form.lines.append(key or _column(words, form))
        if not words.has(","):
            break
    words.need(")")
    _options(words, form)
    return form


def read_change(text: bytes, line: int) -> TableForm:
    """An `ALTER TABLE` statement as phpMyAdmin's exports end with: keys, columns with a counter, the counter itself.

    Raises:
        Refusal: it changes something else.
    """
    words = Words(text, line)
    words.need("ALTER")
    words.need("TABLE")
    form = TableForm(words.name())
    while True:
        if words.has("DISABLE", "KEYS") or words.has("ENABLE", "KEYS"):
            pass
        elif words.has("ADD"):
            key = _key(words)
            if not key:
                raise words.odd()
            form.lines.append(f"ADD {key}")
        elif words.has("MODIFY"):
            form.lines.append(f"MODIFY {_column(words, form)}")
        else:
            _option(words, form)
        if not words.has(","):
            break
    if not words.over:
        raise words.odd()
    return form


def _column(words: Words, form: TableForm) -> str:
    """A column, written anew."""
    name = words.name().lower()  # as the product has them; what is looked for in them later is found by its name
    form.columns.append(name)
    if len(form.columns) > COLUMNS_MOST:
        raise words.odd(name)
    kind = words.one({"word"}).upper()
    if kind not in TYPES:
        raise words.odd(kind)
    size = _size(words, kind)
    form.width += _width(kind, size)
    parts = [f"`{name}`", kind + size]
    while not words.over and words.next not in {",", ")"}:
        parts += _attribute(words, form, kind)
    return " ".join(parts)


def _size(words: Words, kind: str) -> str:
    """What stands in brackets behind a type."""
    if not words.has("("):
        return ""
    values = [words.literal()]
    while words.has(","):
        values.append(words.literal())
    words.need(")")
    is_time = kind in {"TIMESTAMP", "DATETIME", "TIME"}
    if is_time and (not values[0].isdigit() or int(values[0]) > FRACTION_MOST):
        return ""
    return f"({','.join(values)})"


def _width(kind: str, size: str) -> int:
    """The bytes that each row has of a column at least."""
    stated = size.strip("()").partition(",")[0]
    return FIXED.get(kind, max(8, int(stated) if stated.isdigit() else 0))


def _attribute(words: Words, form: TableForm, kind: str) -> list[str]:
    """One attribute of a column; none where it is left out."""
    if words.has("CHARACTER", "SET") or words.has("CHARSET") or words.has("COLLATE"):
        form.wide = words.name().lower().startswith("utf8mb4") or form.wide
        return []
    if words.has("COMMENT"):
        return ["COMMENT", words.one({"text"})]
    if words.has("DEFAULT"):
        return _default(words, form, kind)
    if words.has("ON", "UPDATE"):
        return ["ON UPDATE", _now(words)]
    for plain in (("NOT", "NULL"), ("PRIMARY", "KEY"), ("UNIQUE", "KEY"), ("NULL",), ("AUTO_INCREMENT",), ("UNIQUE",)):
        if words.has(*plain):
            return list(plain)
    if words.next in WIDTHS or words.next == "BINARY":
        return [words.one({"word"}).upper()]
    raise words.odd()


def _default(words: Words, form: TableForm, kind: str) -> list[str]:
    """What a column holds if nothing is said; none of a text without bounds."""
    if words.next in {"CURRENT_TIMESTAMP", "NOW"}:
        return ["DEFAULT", _now(words)]
    if words.has("NULL"):
        return ["DEFAULT", "NULL"]
    value = words.literal()
    if len(value) > DEFAULT_MOST:
        raise words.odd("DEFAULT")
    form.width += len(value)
    return [] if kind in LONG else ["DEFAULT", value]


def _now(words: Words) -> str:
    """The moment, as it is written."""
    if not (words.has("CURRENT_TIMESTAMP") or words.has("NOW")):
        raise words.odd()
    if words.has("("):
        words.need(")")
    return "CURRENT_TIMESTAMP"


def _key(words: Words) -> str:
    """A key, written anew; empty if something else comes next."""
    if words.next in {"CONSTRAINT", "FOREIGN", "CHECK", "SPATIAL", "LIKE", "SELECT"}:
        raise words.odd()
    if words.has("PRIMARY", "KEY"):
        return f"PRIMARY KEY {_key_columns(words)}"
    kind = next((kind for kind in ("UNIQUE", "FULLTEXT") if words.has(kind)), "")
    if not (words.has("KEY") or words.has("INDEX") or kind):
        return ""
    _using(words)
    name = "" if words.next == "(" else f"`{words.name()}` "
    return f"{kind} KEY {name}{_key_columns(words)}".strip()


def _key_columns(words: Words) -> str:
    """What a key is made of."""
    _using(words)
    words.need("(")
    columns = [_key_column(words)]
    while words.has(","):
        columns.append(_key_column(words))
    words.need(")")
    _using(words)
    return f"({','.join(columns)})"


def _key_column(words: Words) -> str:
    """One column of a key."""
    column = f"`{words.name().lower()}`"
    if words.has("("):
        column += f"({words.one({'number'})})"
        words.need(")")
    words.has("ASC") or words.has("DESC")
    return column


def _using(words: Words) -> None:
    """How a key is kept makes no difference; nor does a comment."""
    if words.has("USING") and not (words.has("BTREE") or words.has("HASH")):
        raise words.odd()
    if words.has("COMMENT"):
        words.one({"text"})


def _options(words: Words, form: TableForm) -> None:
    """What stands behind a definition, up to its end."""
    while not words.over:
        _option(words, form)
        words.has(",")


def _option(words: Words, form: TableForm) -> None:
    """One option of a table."""
    words.has("DEFAULT")
    if words.has("CHARACTER", "SET") or words.has("CHARSET"):
        words.has("=")
        form.wide = words.name().lower().startswith("utf8mb4") or form.wide
        return
    option = words.next
    if option not in OPTIONS | {"ENGINE", "TYPE", "AUTO_INCREMENT"}:
        raise words.odd()
    words.need(option)
    words.has("=")
    value = words.one({"word", "number", "text", "name"})
    if option in {"ENGINE", "TYPE"}:
        form.engine = value
        if value.upper() not in ENGINES:
            raise Refusal("engine", line=words.line, engine=value)
    if option == "AUTO_INCREMENT":
        if not value.isdigit() or len(value) > NUMBER_MOST:
            raise words.odd(value)
        form.counter = int(value)


def _listed(lines: list[str]) -> str:
    """Lines of a definition."""
    return ",\n".join(f"  {line}" for line in lines)
