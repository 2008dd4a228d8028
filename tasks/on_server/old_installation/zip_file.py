"""ZIP archives: all entries are looked at before the first is written; sizes that they state are only compared.

By PKWARE's APPNOTE.TXT; not the standard library's reader, which unpacks BZip2 without a bound and keeps all entries in
memory.
"""

from __future__ import annotations

import stat
import struct
import zlib
from array import array
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO

from tasks.on_server.old_installation.bounds import PIECE
from tasks.on_server.old_installation.names import zip_name
from tasks.on_server.old_installation.refusal import Refusal
from tasks.on_server.old_installation.streams import entry_stream
from tasks.on_server.old_installation.zip_aes import AE_1, CODE, Aes, AesEntry, read_field
from tasks.on_server.old_installation.zip_crypto import HEADER, ZipCrypto

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"PK\3\4"
EMPTY = b"PK\5\6"
LARGE = b"PK\6\7"
_END, _END64, _LOCATOR, _CENTRAL, _LOCAL = (
    struct.Struct(form) for form in ("<4s4H2LH", "<4sQ2H2L4Q", "<4sLQL", "<4s6H3L5H2L", "<4s5H3L2H")
)
COMMENT_MOST = 65535
COUNTED_TO = 1 << 16
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF
"""The value that says: look into the extra field (ZIP64)."""

ENCRYPTED, DESCRIPTOR, STRONG, UTF8, MASKED = 0x1, 0x8, 0x40, 0x800, 0x2000
AES = 99
ZIP64_FIELD = 1
METHODS = (0, 8, 12, 14)


@dataclass(frozen=True)
class Entry:
    """One entry as the central directory tells it."""

    name: str
    raw: bytes
    flags: int
    method: int
    time: int
    crc: int
    packed: int
    size: int
    offset: int
    mode: int
    aes: Aes | None = None

    @property
    def packing(self) -> int:
        """The method by which it is packed in truth: AES stands in its place."""
        return self.aes.method if self.aes else self.method

    @property
    def has_checksum(self) -> bool:
        """Whether its checksum counts; that of AE-2 is the key's sum alone."""
        return self.aes is None or self.aes.version == AE_1

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.name.endswith("/") or stat.S_ISDIR(self.mode)

    @property
    def is_encrypted(self) -> bool:
        """Whether it needs a password."""
        return bool(self.flags & ENCRYPTED)


class ZipFile:
    """An archive that is open; its directory was found."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        """Find the directory.

        Raises:
            Refusal: there is none, or the archive is one of several parts.
        """
        self._file, self._name = file, name
        self._bytes = file.seek(0, 2)
        self.count, self._directory_bytes, self._directory = self._end()
        if self._directory + self._directory_bytes > self._bytes:
            raise Refusal("cut_off", name=name, at=self._bytes)

    def check_places(self) -> None:
        """See that each entry has its own bytes of the archive: what is used twice unpacks to more than it is.

        Raises:
            Refusal: entries overlap, or lie outside.
        """
        begins, ends = array("Q"), array("Q")
        for entry in self.entries():
            begins.append(entry.offset)
            ends.append(entry.offset + _LOCAL.size + len(entry.raw) + entry.packed)
        order = sorted(range(len(begins)), key=begins.__getitem__)
        for before, after in pairwise(order):
            if ends[before] > begins[after]:
                raise Refusal("entries_overlap", name=self._name)
        if order and ends[order[-1]] > self._directory:
            raise Refusal("entries_overlap", name=self._name)

    def entries(self) -> Iterator[Entry]:
        """All entries, in the directory's order, to its end: old tools count to 65,535 and from there begin anew.

        Raises:
            Refusal: the directory is broken, or holds more or fewer than the archive's end says.
        """
        at, end, found = self._directory, self._directory + self._directory_bytes, 0
        while at < end:
            found += 1
            self._file.seek(at)
            fields = self._fields(_CENTRAL, b"PK\1\2", at)
            (_, _, _, flags, method, time, _, crc, packed, size, name, extra, comment, _, _, outer, offset) = fields
            at += _CENTRAL.size + name + extra + comment
            if at > end:
                raise Refusal("cut_off", name=self._name, at=self._bytes)
            raw, more = self._file.read(name), self._file.read(extra)
            size, packed, offset = self._large(more, size, packed, offset)
            if offset + packed > self._bytes:
                raise Refusal("cut_off", name=self._name, at=self._bytes)
            yield Entry(
                zip_name(raw, is_utf8=bool(flags & UTF8), extra=more), raw, flags, method, time, crc, packed, size,
                offset, outer >> 16, read_field(more) if method == AES else None,
            )  # fmt: skip
        if (found - self.count) % COUNTED_TO:
            raise Refusal("damaged", name=self._name, at=end)

    def content(self, entry: Entry, password: bytes | None, dictionary: int) -> Iterator[bytes]:
        """What an entry holds, compared with its checksum and size at its end.

        Raises:
            Refusal: broken, or the password is wrong.
        """
        self._seek_content(entry)
        pieces = self._packed(entry, password)
        crc = size = 0
        try:
            for piece in entry_stream(entry.packing, pieces, entry.name, dictionary):
                crc, size = zlib.crc32(piece, crc), size + len(piece)
                yield piece
        except Refusal as error:
            if entry.is_encrypted and error.code == "entry_damaged":
                raise Refusal("password_or_damage", name=entry.name) from error
            raise
        if (entry.has_checksum and crc != entry.crc) or size != entry.size:
            raise Refusal("password_or_damage" if entry.is_encrypted else "checksum", name=entry.name)

    def _seek_content(self, entry: Entry) -> None:
        """The file stands where the entry's content begins; its own header says the same as the directory."""
        self._file.seek(entry.offset)
        fields = self._fields(_LOCAL, MAGIC, entry.offset)
        flags, method, name, extra = fields[2], fields[3], fields[9], fields[10]
        if self._file.read(name) != entry.raw or method != entry.method or (flags ^ entry.flags) & (ENCRYPTED | STRONG):
            raise Refusal("two_stories", name=entry.name)
        self._file.seek(extra, 1)

    def _packed(self, entry: Entry, password: bytes | None) -> Iterator[bytes]:
        """An entry's bytes as they were packed, decrypted."""
        left, cipher = entry.packed, self._cipher(entry, password)
        if isinstance(cipher, AesEntry) and entry.aes:
            left -= entry.aes.head + CODE
        elif cipher:
            left -= HEADER
        at = self._file.tell()
        while left > 0:
            self._file.seek(at)
            piece = self._file.read(min(left, PIECE))
            if not piece:
                raise Refusal("cut_off", name=self._name, at=self._bytes)
            at, left = at + len(piece), left - len(piece)
            yield cipher.decrypt(piece) if cipher else piece
        self._file.seek(at)
        if isinstance(cipher, AesEntry) and not cipher.is_whole(self._file.read(CODE)):
            raise Refusal("entry_damaged", name=entry.name)

    def _cipher(self, entry: Entry, password: bytes | None) -> ZipCrypto | AesEntry | None:
        """What decrypts an entry; the file stands at its content then.

        Raises:
            Refusal: the password is not the one.
        """
        if not entry.is_encrypted:
            return None
        if entry.aes:
            return AesEntry(password or b"", entry.aes, self._file.read(entry.aes.head), entry.name)
        cipher = ZipCrypto(password or b"")
        head = cipher.decrypt(self._file.read(HEADER))
        if head[-1:] != bytes([(entry.time >> 8 if entry.flags & DESCRIPTOR else entry.crc >> 24) & 0xFF]):
            raise Refusal("wrong_password", name=entry.name)
        return cipher

    def _fields(self, form: struct.Struct, magic: bytes, at: int) -> tuple[int, ...]:
        """A header; its first field is left out of what counts."""
        data = self._file.read(form.size)
        if len(data) < form.size or data[:4] != magic:
            raise Refusal("damaged", name=self._name, at=at)
        return form.unpack(data)

    def _end(self) -> tuple[int, int, int]:
        """Entries, bytes and place of the directory, as the archive's end tells them."""
        begin = max(0, self._bytes - COMMENT_MOST - _END.size)
        self._file.seek(begin)
        tail = self._file.read()
        found = tail.rfind(EMPTY)
        if found < 0 or len(tail) - found < _END.size:
            last = self._last_whole()
            raise Refusal("cut_off_after" if last else "cut_off", name=self._name, at=self._bytes, last=last)
        _, disk, first, here, count, size, offset, _ = _END.unpack_from(tail, found)
        locator = begin + found - _LOCATOR.size
        if FULL16 in {here, count} or FULL32 in {size, offset}:
            self._file.seek(max(0, locator))
            told = self._file.read(_LOCATOR.size)
            if not told.startswith(LARGE) and FULL32 not in {size, offset} and disk == first == 0 and here == count:
                return count, size, offset  # so many entries it really has
            self._file.seek(max(0, locator))
            _, other, place, disks = self._fields(_LOCATOR, LARGE, locator)
            self._file.seek(min(place, self._bytes))
            fields = self._fields(_END64, b"PK\6\6", place)
            disk, first, here, count, size, offset = *fields[4:6], *fields[6:10]
            disk = max(disk, other, disks - 1)
        if disk or first or here != count:
            raise Refusal("format_not_offered", format="split ZIP")
        return count, size, offset

    def _large(self, extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
        """Sizes and place, from the extra field where they are too large for the header (ZIP64)."""
        values = [size, packed, offset]
        if FULL32 not in values:
            return size, packed, offset
        at = 0
        while at + 4 <= len(extra):
            kind, length = struct.unpack_from("<2H", extra, at)
            if kind == ZIP64_FIELD:
                large = list(struct.unpack_from(f"<{min(length, len(extra) - at - 4) // 8}Q", extra, at + 4))
                values = [large.pop(0) if value == FULL32 and large else value for value in values]
                break
            at += 4 + length
        return values[0], values[1], values[2]

    def _last_whole(self) -> str:
        """The last entry that lies in a broken-off archive as a whole; empty if none can be told."""
        at, last = 0, ""
        while at + _LOCAL.size <= self._bytes:
            self._file.seek(at)
            data = self._file.read(_LOCAL.size)
            if data[:4] != MAGIC:
                break
            _, _, flags, _, _, _, _, packed, _, name, extra = _LOCAL.unpack(data)
            raw = self._file.read(name)
            at += _LOCAL.size + name + extra + packed
            if flags & DESCRIPTOR or at > self._bytes:
                break
            last = zip_name(raw, is_utf8=bool(flags & UTF8), extra=b"")
        return last
