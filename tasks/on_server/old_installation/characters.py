"""In which encoding the texts of a dump are, by looking at them, whatever it says; and texts encoded twice mended.

An application that wrote UTF-8 over a connection that was said to be latin1 left texts that a dump holds encoded twice
(`Ã¼` for `ü`), or once where the dump says latin1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LOOKED_AT = 20_000
"""So many places with letters beyond ASCII are looked at in each table."""

NINE_TENTHS = 0.9
"""From this share of a table's places on, they were all encoded twice; what isn't stays as it is."""

_RUN = re.compile(rb"[\x80-\xff]+")


def _latin1() -> dict[int, int]:
    """What MySQL calls latin1, from letter to byte: Windows-1252, with the five bytes that are none there."""
    return {ord(bytes([byte]).decode("cp1252", errors="ignore") or chr(byte)): byte for byte in range(128, 256)}


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
        for run in _RUN.finditer(text):
            if self.places >= LOOKED_AT:
                return
            self.places += 1
            self.utf8 += _is_utf8(run[0])
            self.twice += once(run[0]) is not None

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
    return _RUN.sub(lambda run: once(run[0]) or run[0], text)


def _is_utf8(run: bytes) -> bool:
    """Whether bytes are UTF-8."""
    try:
        run.decode()
    except UnicodeDecodeError:
        return False
    return True
