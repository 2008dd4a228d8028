"""One session of the `mariadb` client as root by the Unix socket, spoken to statement by statement.

Runs on servers: standard library only.
"""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

END = "phm-end-of-answer"
CLIENT = ("mariadb", "--no-defaults", "--socket=/run/mysqld/mysqld.sock", "--user=root", "-N", "-B", "--unbuffered")
CHARACTERS = ("--default-character-set=utf8mb4",)


class DatabaseSaid(Exception):
    """MariaDB refused a statement, or went away; its own words."""


class Session:
    """A session that lives until it is left; a refused statement ends it."""

    def __init__(self) -> None:
        """Start the client; MariaDB is asked at the first statement."""
        self.process = subprocess.Popen(
            [*CLIENT, *CHARACTERS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            encoding="utf-8", errors="surrogateescape",
        )  # fmt: skip

    def __enter__(self) -> Self:
        """The session itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the client: what it had locked is free, what it read is forgotten."""
        self.process.kill()
        self.process.communicate()

    def ask(self, sql: str) -> Iterator[list[str]]:
        """The rows of a statement's answer as they come.

        Raises:
            DatabaseSaid: the statement was refused.
        """
        pipe, answer = self.process.stdin, self.process.stdout
        if pipe is None or answer is None:
            raise DatabaseSaid("the client has no pipes")
        with contextlib.suppress(BrokenPipeError):
            pipe.write(f"{sql};\nSELECT '{END}';\n")
            pipe.flush()
        for line in answer:
            if line == f"{END}\n":
                return
            yield line.removesuffix("\n").split("\t")
        raise DatabaseSaid(self._last_words())

    def run(self, sql: str) -> list[list[str]]:
        """The same, all rows at once."""
        return list(self.ask(sql))

    def _last_words(self) -> str:
        """Why the client ended."""
        said = self.process.stderr.read().strip() if self.process.stderr else ""
        return said.splitlines()[-1] if said else "the database went away"
