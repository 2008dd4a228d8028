"""Mails as one file in the format mboxrd: each begins with a line `From `, and no line of its own can be taken for one.

A line of a mail that begins with `From `, or with that after signs `>`, gets one `>` more; who takes it away again has
the mail byte for byte. Flags stand in two lines before the mail's own head, as mail programs look for them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

PIECE = 1 << 16
QUOTED = re.compile(rb">*From ")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Flags:
    """What the user had marked."""

    read: bool = False
    answered: bool = False
    forwarded: bool = False
    draft: bool = False

    @property
    def lines(self) -> tuple[bytes, bytes]:
        """The two lines in which mbox keeps them; forwarded has no letter there."""
        status = b"RO" if self.read else b"O"
        more = (b"A" if self.answered else b"") + (b"T" if self.draft else b"")
        return b"Status: " + status, b"X-Status: " + more


def separator(sender: str, at: datetime | None) -> bytes:
    """The line that begins a mail: an address and a moment in English, as RFC 4155 has it."""
    plain = "".join(sign for sign in sender if sign.isascii() and sign.isprintable() and not sign.isspace())
    when = "Thu Jan  1 00:00:00 1970"
    if at is not None:
        when = f"{DAYS[at.weekday()]} {MONTHS[at.month - 1]} {at.day:2d} {at:%H:%M:%S} {at.year:04d}"
    return f"From {plain or 'MAILER-DAEMON'} {when}\n".encode()


def entry(separator_line: bytes, flags: Flags, mail: BinaryIO) -> Iterator[bytes]:
    """One mail as it stands in the file, piece by piece; its own line ends stay as they are.

    Args:
        separator_line: as `separator` makes it.
        flags: of the mail.
        mail: the raw mail.
    """
    yield separator_line
    first = mail.readline(PIECE)
    end = b"\r\n" if first.endswith(b"\r\n") else b"\n"
    yield from (line + end for line in flags.lines)
    last = b""
    for piece in _quoted(first, mail):
        yield piece
        last = piece[-1:] or last
    yield b"\n" if last in {b"\n", b""} else b"\n\n"


def _quoted(first: bytes, mail: BinaryIO) -> Iterator[bytes]:
    """The lines of a mail, or pieces of very long ones; what begins like a separator gets a sign before it."""
    piece, begins = first, True
    while piece:
        if begins and QUOTED.match(piece):
            yield b">"
        yield piece
        begins = piece.endswith(b"\n")
        piece = mail.readline(PIECE)


def unquoted(body: bytes) -> bytes:
    """The mail again, for who reads it back."""
    return re.sub(rb"(?m)^>(>*From )", rb"\1", body)
