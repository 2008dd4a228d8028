"""Archives of every kind, lawful and hostile, written byte by byte where no tool would write them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass, field

from tasks.on_server.old_installation.zip_crypto import CRC

LOCAL, CENTRAL, END = "<4s5H3L2H", "<4s6H3L5H2L", "<4s4H2LH"
MASK = 0xFFFFFFFF


@dataclass
class Z:
    """One entry of a ZIP archive, with every lie that it may tell."""

    name: bytes
    content: bytes = b"x"
    method: int = 8
    flags: int = 0
    mode: int = 0o100644
    password: bytes = b""
    crc: int | None = None
    size: int | None = None
    packed: bytes | None = None
    local_name: bytes | None = None
    extra: bytes = b""
    offset: int | None = None
    zip64: bool = False


def packed_as(method: int, content: bytes) -> bytes:
    match method:
        case 8:
            stream = zlib.compressobj(wbits=-15)
            return stream.compress(content) + stream.flush()
        case 12:
            return bz2.compress(content)
        case 14:
            alone = lzma.compress(content, lzma.FORMAT_ALONE)
            return b"\x09\x14\x05\x00" + alone[:5] + alone[13:]
        case _:
            return content


def encrypted(password: bytes, content: bytes, check: int) -> bytes:
    """ZipCrypto as APPNOTE.TXT 6.1 says, the other way round."""
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte: int) -> None:
        keys[0] = (keys[0] >> 8) ^ CRC[(keys[0] ^ byte) & 0xFF]
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & MASK
        keys[2] = (keys[2] >> 8) ^ CRC[(keys[2] ^ (keys[1] >> 24)) & 0xFF]

    for byte in password:
        update(byte)
    out = bytearray()
    for byte in b"eleven byte" + bytes([check]) + content:
        mask = (keys[2] | 2) & 0xFFFF
        out.append(byte ^ ((mask * (mask ^ 1)) >> 8 & 0xFF))
        update(byte)
    return bytes(out)


def zipped(*entries: Z, comment: bytes = b"", count: int | None = None, disk: int = 0) -> bytes:
    """A ZIP archive of these entries."""
    body, directory = b"", b""
    for entry in entries:
        crc = zlib.crc32(entry.content) if entry.crc is None else entry.crc
        size = len(entry.content) if entry.size is None else entry.size
        data = packed_as(entry.method, entry.content) if entry.packed is None else entry.packed
        flags = entry.flags
        if entry.password:
            data, flags = encrypted(entry.password, data, crc >> 24), flags | 1
        at = len(body) if entry.offset is None else entry.offset
        local = entry.name if entry.local_name is None else entry.local_name
        body += struct.pack(LOCAL, b"PK\3\4", 20, flags, entry.method, 0, 33, crc, len(data), size, len(local), 0)
        body += local + data
        extra, sizes = entry.extra, (len(data), size, at)
        if entry.zip64:
            extra += struct.pack("<2H3Q", 1, 24, size, len(data), at)
            sizes = (MASK, MASK, MASK)
        directory += struct.pack(
            CENTRAL, b"PK\1\2", 0x031E, 20, flags, entry.method, 0, 33, crc, sizes[0], sizes[1], len(entry.name),
            len(extra), 0, 0, 0, entry.mode << 16, sizes[2],
        ) + entry.name + extra  # fmt: skip
    said = len(entries) if count is None else count
    return body + directory + struct.pack(
        END, b"PK\5\6", disk, 0, said, said, len(directory), len(body), len(comment)
    ) + comment  # fmt: skip


def by_zipfile(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


@dataclass
class T:
    """One entry of a tar archive."""

    name: str
    content: bytes = b"x"
    type: bytes = tarfile.REGTYPE
    mode: int = 0o644
    target: str = ""
    pax: dict[str, str] = field(default_factory=dict)


def tarred(*entries: T, form: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.name)
            info.type, info.mode, info.linkname, info.pax_headers = entry.type, entry.mode, entry.target, entry.pax
            info.size = len(entry.content) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(entry.content))
    return out.getvalue()


def tgz(*entries: T, form: int = tarfile.GNU_FORMAT) -> bytes:
    return gzip.compress(tarred(*entries, form=form), mtime=0)


def with_checksum(block: bytes) -> bytes:
    """A tar header whose checksum fits."""
    head = block[:148] + b" " * 8 + block[156:]
    return head[:148] + b"%06o\0 " % sum(head) + head[156:]


def header(name: bytes, size: bytes = b"00000000001", kind: bytes = b"0") -> bytes:
    """A tar header as one likes it."""
    block = name.ljust(100, b"\0") + b"0000644\0" * 3 + size.ljust(12, b"\0") + b"0" * 11 + b"\0" + b" " * 8 + kind
    return with_checksum(block.ljust(512, b"\0"))
