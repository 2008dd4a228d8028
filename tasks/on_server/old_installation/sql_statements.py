"""A dump cut into statements, without comments, in the memory of one statement.

Comments that servers execute are opened up, whatever version they name: what comes out is what counts, and it has no
comment in which another reader could see an end that we don't. Written after the lexers of MySQL and MariaDB
(mysqldump's output, "Comments" and "String Literals" of their manuals).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.on_server.old_installation.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STATEMENT_MOST = 64 * 2**20
"""Bytes of one statement; mysqldump writes up to 1 MiB of rows in one unless a row is larger."""

END_MARK = b"-- Dump completed"
UTF8_MARK = b"\xef\xbb\xbf"
OTHER_UNICODE = (b"\xff\xfe", b"\xfe\xff")

_CODE = re.compile(
    rb"""[^;'"`\#\\\0/*-]+|'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*"|`[^`]*`|-(?!-)|/(?!\*)|\*(?!/)""",
    re.DOTALL | re.VERBOSE,
)
"""A piece of code: no end of a statement, no comment, no text that isn't whole.

Written without possessive quantifiers, which Python 3.11.2, that of Debian 12, gets wrong in groups (its issue 106052).
"""

_EXECUTED = re.compile(rb"/\*M?!(?:\d{5,6})?")
_SANDBOX = re.compile(rb"/\*M?!999999\\- enable the sandbox mode \*/")
"""The first line of dumps since MariaDB 10.5.25; it says nothing to a server."""

_COMMENT_HEAD = 64
"""Bytes that tell what kind of comment begins."""


@dataclass(frozen=True)
class Statement:
    """One statement and the line on which it begins."""

    text: bytes
    line: int


class Statements:
    """The statements of a dump that comes in pieces; `ended_at` is the line of its last end mark, 0 without one."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        """Nothing was read yet."""
        self.ended_at = 0
        self.made_by = ""
        self._pieces = iter(pieces)
        self._held, self._at, self._over = b"", 0, False
        self._line, self._begins, self._found = 1, 0, list[bytes]()
        self._bytes, self._executed = 0, False

    @property
    def line(self) -> int:
        """The line that is being read."""
        return self._line

    def __iter__(self) -> Iterator[Statement]:
        """Each statement in turn.

        Raises:
            Refusal: the dump can't be cut into statements; names the line.
        """
        self._more()
        if self._held.startswith(OTHER_UNICODE):
            raise Refusal("dump_not_text", line=1)
        self._held = self._held.removeprefix(UTF8_MARK)
        while self._left or not self._over:
            self._code(self._run())
            if not self._left:
                self._more()
            elif self._next(b";"):
                self._take(1)
                yield from self._statement()
            else:
                self._other()
        if self._executed:
            raise Refusal("dump_cut_off", line=self._line)
        yield from self._statement()

    @property
    def _left(self) -> int:
        """Bytes that are held and not done with."""
        return len(self._held) - self._at

    def _next(self, *begins: bytes) -> bool:
        """Whether what comes next begins so."""
        return self._held.startswith(begins, self._at)

    def _run(self) -> int:
        """How much of what is held is code; what may go on in the next piece is left for then."""
        end = self._at
        while match := _CODE.match(self._held, end):
            end = match.end()
        cut = end > self._at and end == len(self._held) and not self._over and self._held[-1:] in b"-/*"
        return end - self._at - (1 if cut else 0)

    def _other(self) -> None:
        """A comment, a text that isn't whole, or what no dump has."""
        if self._next(b"'", b'"', b"`"):
            self._need_more()
        elif self._next(b"#", b"--"):
            self._line_comment()
        elif self._next(b"/*"):
            self._comment()
        elif self._next(b"*/") and self._executed:
            self._take(2)
            self._found.append(b" ")
            self._executed = False
        elif self._next(b"\\"):
            raise Refusal("client_command", line=self._line, word=_word(self._held[self._at :][:40]))
        elif self._next(b"\0"):
            raise Refusal("dump_not_text", line=self._line)
        elif self._left > 1 or self._over:
            raise Refusal("odd_comment", line=self._line)
        else:
            self._need_more()

    def _line_comment(self) -> None:
        """A comment up to the end of its line; two hyphens need a blank behind them to be one."""
        if self._next(b"--") and self._left > 2 and self._held[self._at + 2] > ord(" "):  # noqa: PLR2004
            self._code(2)
            return
        end = self._held.find(b"\n", self._at)
        if end < 0 and not self._over:
            self._need_more()
            return
        comment = self._held[self._at : end if end >= 0 else None]
        self.ended_at = self._line if comment.startswith(END_MARK) else self.ended_at
        if not self.made_by and b"dump" in comment.lower():
            self.made_by = comment.lstrip(b"-# ").decode(errors="replace").strip()[:100]
        self._take(len(comment))

    def _comment(self) -> None:
        """A comment in signs of its own; what servers execute of it is code."""
        if self._left < _COMMENT_HEAD and not self._over:
            self._need_more()
        elif sandbox := _SANDBOX.match(self._held, self._at):
            self._take(sandbox.end() - self._at)
        elif self._executed:
            raise Refusal("odd_comment", line=self._line)
        elif executed := _EXECUTED.match(self._held, self._at):
            self._take(executed.end() - self._at)
            self._found.append(b" ")
            self._executed = True
        else:
            end = self._held.find(b"*/", self._at + 2)
            if end < 0:
                self._need_more()
                return
            self._take(end + 2 - self._at)
            self._found.append(b" ")

    def _code(self, count: int) -> None:
        """So many bytes belong to the statement."""
        text = self._held[self._at : self._at + count]
        if not self._begins and (bare := text.lstrip()):
            self._begins = self._line + text[: len(text) - len(bare)].count(b"\n")
        self._found.append(text)
        self._bytes += count
        if self._bytes > STATEMENT_MOST:
            raise Refusal("statement_too_long", line=self._line, most_mib=STATEMENT_MOST // 2**20)
        self._take(count)

    def _take(self, count: int) -> None:
        """So many bytes are done with."""
        self._line += self._held.count(b"\n", self._at, self._at + count)
        self._at += count

    def _need_more(self) -> None:
        """The next piece.

        Raises:
            Refusal: there is none, or what is held is too long already.
        """
        if self._left + self._bytes > STATEMENT_MOST:
            raise Refusal("statement_too_long", line=self._line, most_mib=STATEMENT_MOST // 2**20)
        if self._over:
            raise Refusal("dump_cut_off", line=self._line)
        self._more(self._left)

    def _more(self, least: int = 0) -> None:
        """The next piece, if there is one; more of them for a long text, which is looked through anew each time."""
        pieces, size = [self._held[self._at :]], 0
        while not self._over and (size == 0 or size < least):
            piece = next(self._pieces, None)
            self._over = piece is None
            pieces.append(piece or b"")
            size += len(pieces[-1])
        self._held, self._at = b"".join(pieces), 0

    def _statement(self) -> Iterator[Statement]:
        """What was found since the last one, if anything."""
        text = b"".join(self._found).strip()
        begins, self._begins, self._found, self._bytes = self._begins or self._line, 0, [], 0
        if text:
            yield Statement(text, begins)


def _word(text: bytes) -> str:
    """How a command begins."""
    return text[:20].partition(b"\n")[0].decode(errors="replace")
