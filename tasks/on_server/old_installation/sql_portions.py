"""Statements for a database, many of them in one transaction: at the end of one it waits for the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

PORTION = 16 * 2**20
"""Bytes after which a transaction ends; the server's log keeps them aside until then."""

END = b";\n"


class Portions:
    """Where statements go; what wasn't ended is taken back by the database."""

    def __init__(self, out: BinaryIO, most: int = PORTION) -> None:
        """Nothing was given yet."""
        self._out, self._most, self._bytes = out, most, 0

    def write(self, text: bytes) -> None:
        """A part of a statement, or the end of one."""
        self._out.write(text)
        self._bytes += len(text)
        if text == END and self._bytes >= self._most:
            self.end()

    def end(self) -> None:
        """What was given is to stay."""
        self._out.write(b"COMMIT" + END)
        self._out.flush()
        self._bytes = 0
