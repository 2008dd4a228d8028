"""Tar archives as a stream, of all the forms that are about: old, ustar, GNU and pax (POSIX.1-2001).

Not the standard library's reader, which holds the long names that an archive states in memory, whatever their size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.on_server.old_installation.names import tar_name
from tasks.on_server.old_installation.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 512
NAMES_MOST = 64 * 1024
"""Bytes of a header that only says what the next one is called."""

FILES, FOLDER, LINKS, SYMBOLIC = b"0\0" + b"7", b"5", b"12", b"2"
DEVICES = b"346"
LONG_NAME, LONG_TARGET, PAX, PAX_ALL = b"L", b"K", b"x", b"g"
PASSED_OVER = b"VD"
"""GNU's label of a volume and its list of a folder."""

SPARSE, MORE_PARTS = b"S", b"M"


@dataclass(frozen=True)
class Member:
    """One entry of a tar archive."""

    name: str
    kind: bytes
    mode: int
    size: int
    target: str


class Pieces:
    """A stream of pieces, read by count."""

    def __init__(self, pieces: Iterator[bytes], name: str) -> None:
        """Nothing was read yet."""
        self._pieces, self._held, self.name, self.at = pieces, b"", name, 0

    def up_to(self, count: int) -> bytes:
        """At most so many bytes, none at the end."""
        if not self._held:
            self._held = next(self._pieces, b"")
        piece, self._held = self._held[:count], self._held[count:]
        self.at += len(piece)
        return piece

    def exactly(self, count: int) -> bytes:
        """So many bytes; fewer only at the end."""
        found = bytearray()
        while len(found) < count and (piece := self.up_to(count - len(found))):
            found += piece
        return bytes(found)

    def each(self, count: int) -> Iterator[bytes]:
        """So many bytes, piece by piece.

        Raises:
            Refusal: it ends before.
        """
        while count:
            piece = self.up_to(count)
            if not piece:
                raise Refusal("cut_off", name=self.name, at=self.at)
            count -= len(piece)
            yield piece

    def rest(self) -> Iterator[bytes]:
        """All that is left."""
        while piece := self.up_to(1 << 20):
            yield piece


def is_tar(block: bytes) -> bool:
    """Whether a first block is a tar archive's: its checksum fits."""
    return len(block) == BLOCK and _checksum(block) is not None


def members(stream: Pieces, first: bytes) -> Iterator[tuple[Member, Iterator[bytes]]]:
    """All entries with their contents, each read to its end before the next.

    Args:
        stream: behind the first block.
        first: the first block.

    Raises:
        Refusal: broken, or of a kind that isn't offered.
    """
    block, told = first, dict[str, str]()
    for_all = dict[str, str]()
    while len(block) == BLOCK and block.strip(b"\0"):
        begins = stream.at - BLOCK
        kind, size = block[156:157], _number(block[124:136], stream, begins)
        if _checksum(block) is None:
            raise Refusal("damaged", name=stream.name, at=begins)
        if kind in {LONG_NAME, LONG_TARGET, PAX, PAX_ALL}:
            heard = _told(kind, _header(stream, size))
            (for_all if kind == PAX_ALL else told).update(heard)
        elif kind not in PASSED_OVER:
            member = _member(block, size, for_all | told, stream, begins)
            content = stream.each(member.size)
            yield member, content
            for _ in content:
                pass
            _padding(stream, member.size)
            told = {}
        else:
            for _ in stream.each(size):
                pass
            _padding(stream, size)
        block = stream.exactly(BLOCK)
    if 0 < len(block) < BLOCK:
        raise Refusal("cut_off", name=stream.name, at=stream.at)
    for piece in stream.rest():
        if piece.strip(b"\0"):
            raise Refusal("something_behind", name=stream.name, at=stream.at)


def _member(block: bytes, size: int, told: dict[str, str], stream: Pieces, begins: int) -> Member:
    """The entry of a header, with what came before it."""
    kind = block[156:157]
    if kind == SPARSE or any(key.startswith("GNU.sparse") for key in told):
        raise Refusal("sparse", name=told.get("path", tar_name(_text(block[:100]))))
    if kind == MORE_PARTS:
        raise Refusal("format_not_offered", format="split tar")
    if kind not in FILES + FOLDER + LINKS + DEVICES:
        raise Refusal("unknown_entry", name=stream.name, at=begins)
    prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else b""
    name = told.get("path") or tar_name(prefix + b"/" * bool(prefix) + _text(block[:100]))
    if "size" in told:
        if not told["size"].isdecimal() or len(told["size"]) > 18:  # noqa: PLR2004  # an exabyte
            raise Refusal("damaged", name=stream.name, at=begins)
        size = int(told["size"])
    is_file = kind in FILES and not name.endswith("/")
    target = told.get("linkpath") or tar_name(_text(block[157:257]))
    mode = _number(block[100:108], stream, begins)
    return Member(name, FOLDER if kind in FILES and not is_file else kind, mode, size if is_file else 0, target)


def _header(stream: Pieces, size: int) -> bytes:
    """The content of an entry that only speaks of the next one."""
    if size > NAMES_MOST:
        raise Refusal("name_too_long", name=stream.name, most=NAMES_MOST)
    content = b"".join(stream.each(size))
    _padding(stream, size)
    return content


def _told(kind: bytes, content: bytes) -> dict[str, str]:
    """What such an entry says."""
    if kind in {LONG_NAME, LONG_TARGET}:
        return {"path" if kind == LONG_NAME else "linkpath": tar_name(content.rstrip(b"\0"))}
    found, at = {}, 0
    while at < len(content):
        length, _, _ = content[at : at + 12].partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(content) - at:
            raise Refusal("damaged_header", at=at)
        key, _, value = content[at + len(length) + 1 : at + int(length)].removesuffix(b"\n").partition(b"=")
        found[tar_name(key)] = tar_name(value)
        at += int(length)
    return found


def _padding(stream: Pieces, size: int) -> None:
    """The rest of the last block of a content."""
    for _ in stream.each(-size % BLOCK):
        pass


def _text(field: bytes) -> bytes:
    """A text field."""
    return field.partition(b"\0")[0]


def _number(field: bytes, stream: Pieces, begins: int) -> int:
    """A number field: octal digits, or GNU's large numbers."""
    if field[0] == 0x80:  # noqa: PLR2004  # the mark of a large number
        return int.from_bytes(field[1:], "big")
    text = field.strip(b" \0")
    if text.translate(None, b"01234567"):
        raise Refusal("damaged", name=stream.name, at=begins)
    return int(text or b"0", 8)


def _checksum(block: bytes) -> int | None:
    """A header's checksum, None if it doesn't fit."""
    text = block[148:156].strip(b" \0")
    if not text or text.translate(None, b"01234567"):
        return None
    said, found = int(text, 8), sum(block[:148]) + 8 * 32 + sum(block[156:])
    return found if said == found else None
