"""In which encoding the texts of a dump are, by looking at them, whatever it says; and texts encoded twice mended.

An application that wrote UTF-8 over a connection that was said to be latin1 left texts that a dump holds encoded twice
(`Ã¼` for `ü`), or once where the dump says latin1. Pictures and other values that are no text are neither looked at nor
mended: the product keeps some in the same tables (`adb_adr.image`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LOOKED_AT = 20_000
"""So many places with letters beyond ASCII are looked at in each table."""

NINE_TENTHS = 0.9
"""From this share of a table's places on, they were all encoded twice; what isn't stays as it is."""

_RUN = re.compile(rb"[\x80-\xff]+")
_VALUE = re.compile(
    rb"""(_binary\s*)?(?:'[^'\\]*(?:(?:\\.|'')[^'\\]*)*'|"[^"\\]*(?:(?:\\.|"")[^"\\]*)*")|[\x80-\xff]+""",
    re.IGNORECASE | re.DOTALL,
)
_NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|(?<!\\)(?:\\\\)*\\[0Z]")
"""Signs that no text has, as they are or as a dump writes them."""


def _latin1() -> dict[int, int]:
    """From letter to byte: what MySQL calls latin1 (Windows-1252), and what PHP calls so (ISO 8859-1)."""
    of_mysql = {ord(bytes([byte]).decode("cp1252", errors="ignore") or chr(byte)): byte for byte in range(128, 256)}
    return {byte: byte for byte in range(128, 256)} | of_mysql


_BYTE_OF = _latin1()


@dataclass
class Letters:
    """What was seen of one table's texts: places with letters beyond ASCII.

    Args:
        places: all that were looked at.
        utf8: those that are UTF-8.
        twice: those that are UTF-8 encoded twice.
    """

    places: int = 0
    utf8: int = 0
    twice: int = 0

    def look_at(self, text: bytes) -> None:
        """Count a statement's places."""
        if text.isascii():
            return
        for run in _runs(text):
            if self.places >= LOOKED_AT:
                return
            self.places += 1
            self.utf8 += _is_utf8(run)
            self.twice += once(run) is not None

    @classmethod
    def of_all(cls, tables: Iterable[Letters]) -> Letters:
        """What was seen of all of these."""
        seen = list(tables)
        return cls(sum(one.places for one in seen), sum(one.utf8 for one in seen), sum(one.twice for one in seen))

    @property
    def is_twice(self) -> bool:
        """Whether the table's texts were encoded twice."""
        return self.twice > 0 and self.twice >= NINE_TENTHS * self.utf8

    @property
    def is_mixed(self) -> bool:
        """Whether only some were, so that a person has to look."""
        return self.twice > 0 and not self.is_twice

    def encoding(self, said: str) -> str:
        """The character set in which the table's texts are to be loaded, for one that the dump states or none ("")."""
        if said in {"", "latin1", "binary"} and self.utf8 == self.places:
            return "utf8mb4"
        return said or "latin1"


def once(run: bytes) -> bytes | None:
    """A place encoded once, if it was twice."""
    try:
        inner = bytes(_BYTE_OF[ord(letter)] for letter in run.decode())
        inner.decode()
    except (UnicodeDecodeError, KeyError):
        return None
    return inner


def mended(text: bytes) -> bytes:
    """A statement whose places encoded twice are encoded once."""

    def mend(value: re.Match[bytes]) -> bytes:
        return _RUN.sub(lambda run: once(run[0]) or run[0], value[0]) if _is_text(value) else value[0]

    return _VALUE.sub(mend, text)


def _runs(text: bytes) -> Iterator[bytes]:
    """The places with letters beyond ASCII in a statement's texts."""
    for value in _VALUE.finditer(text):
        if not value[0].isascii() and _is_text(value):
            yield from _RUN.findall(value[0])


def _is_text(value: re.Match[bytes]) -> bool:
    """Whether a value is a text, and neither a picture nor anything else."""
    return not value[1] and _NO_TEXT.search(value[0]) is None


def _is_utf8(run: bytes) -> bool:
    """Whether bytes are UTF-8."""
    try:
        run.decode()
    except UnicodeDecodeError:
        return False
    return True
