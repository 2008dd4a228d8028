"""Names of files and folders that every system takes, however they were called in the product.

What Windows, macOS and Linux can't write becomes a hyphen; names that only differ in case get a number; no name leads
out of its folder.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST_BYTES = 120
"""Of a name: a path of several still fits where 255 signs are the most."""

DEEPEST = 20
"""Folders within folders; what lies deeper is put into the last one."""

FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories of signs that nobody sees, or that turn the direction of a text: a name could pretend to end otherwise."""


def safe_name(name: str, unnamed: str = "unnamed") -> str:
    """A name as one part of a path.

    Args:
        name: as the customer wrote it.
        unnamed: what it is called if nothing is left.
    """
    seen = "".join(sign for sign in unicodedata.normalize("NFC", name) if unicodedata.category(sign) not in INVISIBLE)
    plain = " ".join(FORBIDDEN.sub("-", seen).split()).rstrip(" .")
    plain = _shortened(plain).rstrip(" .")
    if not plain.strip("."):
        return unnamed
    return f"_{plain}" if RESERVED.fullmatch(plain) else plain


def _shortened(name: str) -> str:
    """A name of at most so many bytes; its ending stays."""
    if len(name.encode()) <= MOST_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or not stem or len(ending.encode()) > MOST_BYTES // 4:
        stem, ending = name, ""
    room = MOST_BYTES - len(ending.encode()) - len(dot if ending else "")
    return stem.encode()[:room].decode(errors="ignore") + (f".{ending}" if ending else "")


class Taken:
    """The names in an archive: none is given twice, not even in another case or spelling of the same signs."""

    def __init__(self) -> None:
        """None is taken yet."""
        self._taken = set[str]()

    def free(self, folder: str, name: str) -> str:
        """A path for a safe name in a folder, with a number where the name is taken."""
        stem, dot, ending = name.rpartition(".")
        if not dot or not stem:
            stem, ending = name, ""
        number = 1
        while True:
            shown = name if number == 1 else f"{stem} ({number})" + (f".{ending}" if ending else "")
            path = f"{folder}/{shown}" if folder else shown
            key = _key(path)
            if key not in self._taken:
                self._taken.add(key)
                return path
            number += 1


def _key(path: str) -> str:
    """By which two paths are the same somewhere."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", path).casefold())


def folder_paths(folders: Iterable[Mapping[str, str]], top: str, taken: Taken) -> dict[str, str]:
    """The path of each folder, by its number: its ancestors' names and its own.

    Args:
        folders: of each `id`, `parent` and `name`; a parent that is not among them, or a circle, begins at the top.
        top: the folder in which all of them are.
        taken: the archive's names.
    """
    known = {one["id"]: one for one in folders}
    found = dict[str, str]()

    def place(number: str, seen: tuple[str, ...]) -> str:
        if number in found:
            return found[number]
        parent = known[number]["parent"]
        inside = parent in known and parent not in seen and parent != number and len(seen) < DEEPEST
        where = place(parent, (*seen, number)) if inside else top
        found.setdefault(number, taken.free(where, safe_name(known[number]["name"])))
        return found[number]

    for number in known:
        place(number, ())
    return found
