"""The rows of the instance's database as they were at one moment, a page at a time: nothing is held of 30,000 mails.

The client is told its password by a file that lives in memory alone. Values travel as hexadecimal digits, so that no
line's end, no backslash and no NULL of a customer's is taken for another.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Self

    Row = Mapping[str, str]

END = "phm-end-of-answer"
PAGE = 500
CLIENT = ("-N", "-B", "--unbuffered", "--default-character-set=utf8mb4", "--max-allowed-packet=1G")
BEGIN = (
    "SET SESSION wait_timeout=86400, net_write_timeout=3600",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)


class DatabaseSaid(Exception):
    """MariaDB refused a question, or went away; its own words."""


class Rows:
    """One session that sees one moment.

    Args:
        words: before the client's own: how it finds the server.
        user: the instance's own in the database.
        password: of that user.
        database: the instance's.
        prefix: of its tables, without the underscore.
    """

    def __init__(self, words: Sequence[str], user: str, password: str, database: str, prefix: str) -> None:
        memory = os.memfd_create("client")
        os.write(memory, f"[client]\nuser={user}\npassword={password}\n".encode())
        os.fchmod(memory, 0o600)
        self.process = subprocess.Popen(
            ["mariadb", f"--defaults-file=/proc/self/fd/{memory}", *words, *CLIENT, database], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=(memory,), cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        os.close(memory)
        self.prefix = prefix
        self._columns = dict[str, frozenset[str]]()
        for statement in BEGIN:
            list(self._ask(statement))
        for table, column in self._ask(
            "SELECT HEX(TABLE_NAME), HEX(COLUMN_NAME) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()"
        ):
            known = self._columns.get(table, frozenset())
            self._columns[table] = known | {column}

    def __enter__(self) -> Self:
        """The session itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """What it saw is forgotten."""
        self.process.kill()
        self.process.communicate()

    def of(self, table: str, columns: Sequence[str], where: str, key: str) -> Iterator[dict[str, str]]:
        """The rows of a table as texts, in the order of their key; what is NULL, or no column, is an empty text.

        Args:
            table: without its prefix.
            columns: wanted.
            where: a condition of ours, with numbers only; `{p}` stands for the prefix of tables.
            key: a column of numbers that no two rows share.
        """
        yield from (
            {name: decoded(value) for name, value in row.items()} for row in self.raw(table, columns, where, key)
        )

    def raw(self, table: str, columns: Sequence[str], where: str, key: str) -> Iterator[dict[str, bytes]]:
        """The same as bytes."""
        there = self._columns.get(f"{self.prefix}_{table}", frozenset())
        if key not in there:
            return
        asked = [column for column in columns if column in there]
        where = where.replace("{p}", f"{self.prefix}_")
        shown = ", ".join(f"HEX(CAST(`{column}` AS BINARY))" for column in (key, *asked))
        last = -1
        while True:
            found = 0
            sql = (
                f"SELECT {shown} FROM `{self.prefix}_{table}` WHERE ({where}) AND `{key}` > {last} "
                f"ORDER BY `{key}` LIMIT {PAGE}"
            )
            for number, *values in self._ask_bytes(sql):
                found, last = found + 1, int(number)
                row = dict.fromkeys(columns, b"") | dict(zip(asked, values, strict=True))
                yield row
            if found < PAGE:
                return

    def has(self, table: str) -> bool:
        """Whether there is such a table."""
        return f"{self.prefix}_{table}" in self._columns

    def _ask(self, sql: str) -> Iterator[list[str]]:
        """The rows of an answer as texts."""
        for row in self._ask_bytes(sql):
            yield [decoded(value) for value in row]

    def _ask_bytes(self, sql: str) -> list[list[bytes]]:
        """The rows of an answer, a page at most.

        Raises:
            DatabaseSaid: it was refused, or the server went away.
        """
        pipe, answer, rows = self.process.stdin, self.process.stdout, list[list[bytes]]()
        if pipe is None or answer is None:
            raise DatabaseSaid("the client has no pipes")
        try:
            pipe.write(f"{sql};\nSELECT '{END}';\n".encode())
            pipe.flush()
        except BrokenPipeError:
            raise DatabaseSaid(self._last_words()) from None
        for line in answer:
            if line == f"{END}\n".encode():
                return rows
            rows.append([unhexed(value) for value in line.rstrip(b"\n").split(b"\t")])
        raise DatabaseSaid(self._last_words())

    def _last_words(self) -> str:
        """Why the client ended."""
        said = self.process.stderr.read().decode(errors="replace").strip() if self.process.stderr else ""
        return said.splitlines()[-1] if said else "the database went away"


def unhexed(value: bytes) -> bytes:
    """What travelled as digits; NULL is nothing."""
    return b"" if value == b"NULL" else bytes.fromhex(value.decode("ascii"))


def decoded(value: bytes) -> str:
    """A text of the database; old ones that are no UTF-8 are read as Windows has them."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("cp1252", errors="replace")
