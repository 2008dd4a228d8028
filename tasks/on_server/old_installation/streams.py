"""What packed streams hold, piece by piece: no piece is larger than `PIECE`, whatever the stream says."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import TYPE_CHECKING, BinaryIO, Protocol

from tasks.on_server.old_installation.bounds import PIECE
from tasks.on_server.old_installation.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

READ_BYTES = 1 << 16
GZIP, BZIP2 = b"\x1f\x8b\x08", b"BZh"
LZMA_HEADER = 9
"""Bytes before an LZMA stream in a ZIP archive: two of version, two of size, five of properties (APPNOTE.TXT 5.8.8)."""


class Unpacker(Protocol):
    """What the standard library's three have in common, under one roof."""

    @property
    def ended(self) -> bool:
        """Whether the stream's own end was reached."""

    @property
    def left(self) -> bytes:
        """What came after it."""

    def more(self, data: bytes) -> Iterator[bytes]:
        """What these bytes unpack to."""


class Deflate:
    """Deflate, bare or in gzip's frame, whose checksum zlib compares."""

    def __init__(self, frame: int) -> None:
        """Begin; the frame is zlib's `wbits`."""
        self._stream = zlib.decompressobj(frame)

    @property
    def ended(self) -> bool:
        """Whether the end was reached."""
        return self._stream.eof

    @property
    def left(self) -> bytes:
        """What came after it."""
        return self._stream.unused_data

    def more(self, data: bytes) -> Iterator[bytes]:
        """What these bytes unpack to."""
        while True:
            piece = self._stream.decompress(data, PIECE)
            data = self._stream.unconsumed_tail
            if piece:
                yield piece
            if self._stream.eof or (not data and len(piece) < PIECE):
                return


class Other:
    """BZip2 or LZMA."""

    def __init__(self, stream: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        """Begin."""
        self._stream = stream

    @property
    def ended(self) -> bool:
        """Whether the end was reached."""
        return self._stream.eof

    @property
    def left(self) -> bytes:
        """What came after it."""
        return self._stream.unused_data

    def more(self, data: bytes) -> Iterator[bytes]:
        """What these bytes unpack to."""
        while not self._stream.eof:
            piece = self._stream.decompress(data, PIECE)
            data = b""
            if piece:
                yield piece
            if self._stream.needs_input:
                return


def unpacked(file: BinaryIO, name: str) -> Iterator[bytes]:
    """A whole gzip or bzip2 file, all of its members, zeros at its end left out.

    Raises:
        Refusal: it is broken, and where; or something else stands behind it.
    """
    data = file.read(READ_BYTES)
    while data.strip(b"\0"):
        stream = _member(data, file.tell(), name)
        while not stream.ended:
            if not data:
                raise Refusal("cut_off", name=name, at=file.tell())
            try:
                yield from stream.more(data)
            except (zlib.error, OSError, ValueError, EOFError) as error:
                raise Refusal("damaged", name=name, at=file.tell()) from error
            data = stream.left if stream.ended else file.read(READ_BYTES)
        data = data.lstrip(b"\0")
        if len(data) < len(GZIP):
            data += file.read(READ_BYTES)
    while data:  # only zeros so far: nothing else may follow
        if data.strip(b"\0"):
            raise Refusal("something_behind", name=name, at=file.tell())
        data = file.read(READ_BYTES)


def entry_stream(method: int, pieces: Iterable[bytes], name: str, dictionary: int) -> Iterator[bytes]:
    """The content of an entry of a ZIP archive.

    Args:
        method: of packing, as the archive numbers it.
        pieces: what is packed.
        name: of the entry.
        dictionary: bytes that LZMA may ask for.

    Raises:
        Refusal: broken, or a method that isn't offered.
    """
    if method == 0:
        yield from pieces
        return
    rest = iter(pieces)
    stream, first = _of_method(method, rest, name, dictionary)
    try:
        yield from stream.more(first)
        for piece in rest:
            if not stream.ended:
                yield from stream.more(piece)
    except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError) as error:
        raise Refusal("entry_damaged", name=name) from error


def _of_method(method: int, rest: Iterator[bytes], name: str, dictionary: int) -> tuple[Unpacker, bytes]:
    """The unpacker, and the bytes that it gets first."""
    if method == 8:  # noqa: PLR2004  # the numbers of APPNOTE.TXT 4.4.5
        return Deflate(-zlib.MAX_WBITS), b""
    if method == 12:  # noqa: PLR2004
        return Other(bz2.BZ2Decompressor()), b""
    if method == 14:  # noqa: PLR2004
        head = b""
        while len(head) < LZMA_HEADER and (piece := next(rest, b"")):
            head += piece
        return Other(lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[_filter(head, name, dictionary)])), head[9:]
    raise Refusal("method_not_offered", name=name, method=method)


def _filter(head: bytes, name: str, dictionary: int) -> dict[str, int]:
    """How an LZMA stream was packed."""
    if len(head) < LZMA_HEADER or head[2:4] != b"\5\0" or head[4] >= 9 * 5 * 5:
        raise Refusal("entry_damaged", name=name)
    size = int.from_bytes(head[5:9], "little")
    if size > dictionary:
        raise Refusal("dictionary", name=name, most_mib=dictionary // 2**20)
    rest, lc = divmod(head[4], 9)
    pb, lp = divmod(rest, 5)
    if lc + lp > 4:  # noqa: PLR2004  # liblzma's own limit
        raise Refusal("entry_damaged", name=name)
    return {"id": lzma.FILTER_LZMA1, "dict_size": max(size, 4096), "lc": lc, "lp": lp, "pb": pb}


def _member(data: bytes, at: int, name: str) -> Unpacker:
    """The unpacker for the member that begins here."""
    if data.startswith(GZIP):
        return Deflate(zlib.MAX_WBITS | 16)
    if data.startswith(BZIP2):
        return Other(bz2.BZ2Decompressor())
    raise Refusal("something_behind", name=name, at=at)
