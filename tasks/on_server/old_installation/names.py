"""Names in archives: which path below a folder is meant, if any."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
import zlib
from typing import TYPE_CHECKING

from tasks.on_server.old_installation.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.on_server.old_installation.bounds import Bounds

Parts = tuple[str, ...]

DRIVE = re.compile(r"[A-Za-z]:")
UNICODE_PATH = 0x7075
"""The extra field of Info-ZIP with a name in UTF-8 (APPNOTE.TXT 4.6.9)."""

SURROGATES = range(0xDC80, 0xDD00)
"""How Python keeps the bytes of a name that is no UTF-8."""


def safe_parts(name: str, bounds: Bounds) -> Parts:
    """The parts of a path below a folder; empty for the folder itself.

    Raises:
        Refusal: it leads elsewhere, or can't be a path here.
    """
    if any(unicodedata.category(letter) == "Cc" for letter in name):
        raise Refusal("control_in_name", name=name)
    if name.startswith("/") or DRIVE.match(name):
        raise Refusal("absolute_path", name=name)
    parts = tuple(part for part in name.split("/") if part not in {"", "."})
    if ".." in parts:
        raise Refusal("leads_out", name=name)
    if len(parts) - 1 > bounds.depth:
        raise Refusal("too_deep", name=name, most=bounds.depth)
    sizes = [len(_bytes(part, name)) for part in parts]
    if sum(sizes) + len(sizes) > bounds.path_bytes or any(size > bounds.name_bytes for size in sizes):
        raise Refusal("name_too_long", name=name, most=bounds.path_bytes)
    return parts


def check_link(parts: Parts, target: str) -> None:
    """See that a link stays inside of the tree.

    Raises:
        Refusal: it leads out.
    """
    place = list(parts[:-1])
    outside = target.startswith("/") or DRIVE.match(target) is not None or "\0" in target or not target
    for part in target.replace("\\", "/").split("/"):
        if part == "..":
            outside = outside or not place
            place = place[:-1]
        elif part not in {"", "."}:
            place.append(part)
    if outside:
        raise Refusal("link_leads_out", name="/".join(parts), target=target)


class Seen:
    """The names that were seen, in few bytes each; those that only differ in case or normal form are the same."""

    def __init__(self) -> None:
        """None yet."""
        self._sums: set[bytes] = set()

    def add(self, parts: Sequence[str]) -> bool:
        """Whether a path is new."""
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", "/".join(parts)).casefold())
        found = hashlib.blake2b(folded.encode(errors="surrogatepass"), digest_size=8).digest()
        new = found not in self._sums
        self._sums.add(found)
        return new


def zip_name(raw: bytes, *, is_utf8: bool, extra: bytes) -> str:
    """A name in a ZIP archive, in Unicode: UTF-8 where it says so or is, else CP437 or CP850, as its letters fit.

    Old tools wrote Windows' separators; they count as ours.
    """
    told = raw.decode(errors="surrogateescape") if is_utf8 else _unicode_path(raw, extra) or _guessed(raw)
    return told.replace("\\", "/")


def tar_name(raw: bytes) -> str:
    """A name in a tar archive: UTF-8 where it is, else bytes as they are."""
    return raw.decode(errors="surrogateescape")


def _bytes(part: str, name: str) -> bytes:
    """One part as the file system has it."""
    try:
        return os.fsencode(part)
    except UnicodeEncodeError as error:
        raise Refusal("control_in_name", name=name) from error


def _unicode_path(raw: bytes, extra: bytes) -> str | None:
    """The name of the extra field, if it belongs to this one."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = int.from_bytes(extra[at : at + 2], "little"), int.from_bytes(extra[at + 2 : at + 4], "little")
        field = extra[at + 4 : at + 4 + size]
        if kind == UNICODE_PATH and field[:1] == b"\1" and field[1:5] == zlib.crc32(raw).to_bytes(4, "little"):
            return field[5:].decode(errors="surrogateescape")
        at += 4 + size
    return None


def _guessed(raw: bytes) -> str:
    """The name in the encoding in which it has the most letters."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        readings = [raw.decode("cp437"), raw.decode("cp850")]
        return max(readings, key=lambda reading: sum(_is_latin(letter) for letter in reading))


def _is_latin(letter: str) -> bool:
    """Whether a letter is of the script of European languages."""
    return letter.isascii() or unicodedata.name(letter, "").startswith("LATIN ")
