"""A tree of a folder brought up to date by what has changed alone, however many files there are (P24).

Runs on servers: standard library only. What has changed between two btrfs snapshots the file system tells; elsewhere
it is what find(1) sees to have changed since a moment, and what is gone from folders that have.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.on_server import file_tree
from tasks.on_server.job import Complaint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Entries = dict[str, list[Any]]

WHOLE = 1 << 256
ESCAPED = re.compile(rb"\\(?:([23][0-7]{2})|([^0-7]))", re.DOTALL)
ORPHAN = re.compile(r"o[0-9]+-[0-9]+-[0-9]+")
"""The name of something in a stream of changes before it gets its own."""

SIGNS = {b"a": b"\a", b"b": b"\b", b"e": b"\x1b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
TOLD = re.compile(rb"(\w+)\s+((?:\\.|[^ \\\n])+)(?:\s+(?:dest=((?:\\.|[^ \\\n])+))?)?", re.DOTALL)
"""A line of `btrfs receive --dump`: what was done, to which path, and for a rename to which it went."""


class Unclear(Exception):
    """What has changed can't be told for certain: all has to be looked at."""


@dataclass
class Total:
    """Number, bytes and sum of files; the sum is made of each entry's own, so that one can be put in or taken out."""

    files: int = 0
    bytes: int = 0
    sum: int = 0

    def add(self, path: str, entry: list[Any], sign: int = 1) -> None:
        """One more entry, or one less."""
        kind, mode, what, size = entry[:4]
        told = json.dumps([path, kind, mode, what, size if kind == "f" else 0]).encode()
        self.sum = (self.sum + sign * int.from_bytes(hashlib.sha256(told).digest(), "big")) % WHOLE
        if kind == "f":
            self.files += sign
            self.bytes += sign * size

    def told(self) -> dict[str, Any]:
        """As both sides compare it."""
        return {"files": self.files, "bytes": self.bytes, "sha256": f"{self.sum:064x}"}


def total_of(entries: Mapping[str, list[Any]]) -> Total:
    """Of a whole tree."""
    total = Total()
    for path, entry in entries.items():
        total.add(path, entry)
    return total


def bring_up_to_date(root: str, entries: Entries, total: Total, touched: Iterable[str]) -> None:
    """Look at the paths that were touched; a folder that is another one by now is looked at with all that is in it.

    Args:
        root: the folder; nothing in it changes meanwhile.
        entries: its tree as it was, changed here.
        total: of that tree, changed likewise.
        touched: every path that is not what it was, or may not be; those that are too many do no harm.

    Raises:
        Unclear: a path is neither there nor was it: it was not understood.
    """
    looked = {path: _look(root, path) for path in set(touched)}
    for path, now in looked.items():
        if now is None and path not in entries and not ORPHAN.fullmatch(path.partition("/")[0]):
            raise Unclear(path)
    whole = {path for path, now in looked.items() if _is_another_folder(entries.get(path), now)}
    gone = {path for path in looked if path in entries}
    gone |= {path for path in entries if _is_below(path, whole)} if whole else set()
    found = {
        path: file_tree.entry_of(root, path, now, entries.get(path)) for path, now in looked.items() if now is not None
    }
    for path in whole:
        if path in found and found[path][0] == "d":
            found |= {f"{path}/{rest}": entry for rest, entry in file_tree.tree(f"{root}/{path}").items()}
    for path in gone:
        total.add(path, entries.pop(path), -1)
    for path, entry in found.items():
        total.add(path, entry)
    entries |= found


def changed_between(before: str, after: str) -> set[str]:
    """The paths that differ between two read-only snapshots, by the file system's own account.

    Raises:
        Complaint: it does not tell.
    """
    sent = _ran("btrfs", "-q", "send", "--no-data", "-p", before, after)  # whole: who is told may stop listening sooner
    return parse_dump(_ran("btrfs", "receive", "--dump", told=sent))


def _ran(*argv: str, told: bytes = b"") -> bytes:
    """What a program says that has to succeed."""
    done = subprocess.run(argv, input=told, capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()[-200:]
        raise Complaint("store", f"what has changed is not told ({argv[0]} {argv[1]}, {done.returncode}): {said}")
    return done.stdout


def parse_dump(out: bytes) -> set[str]:
    """The paths in what `btrfs receive --dump` told.

    Raises:
        Unclear: one has a sign in it that is not told without doubt.
    """
    found = set()
    for line in out.split(b"\n"):
        told = TOLD.match(line)
        if told is None or told[1] in {b"snapshot", b"subvol"}:
            continue
        for word in (told[2], told[3] if told[1] == b"rename" else None):
            if word is not None and (path := _below_top(_plain(word))):
                found.add(path)
    return found


def changed_since(
    root: str, entries: Mapping[str, list[Any]], children: Mapping[str, set[str]], since: float
) -> set[str]:
    """The paths whose inode has changed since a moment, and those that are gone from folders that have.

    Args:
        root: the folder; nothing in it changes meanwhile.
        entries: its tree as it was at the moment, or later.
        children: the same by folder.
        since: seconds since 1970.

    Raises:
        Complaint: it can't be looked through.
    """
    seen = _ran("find", root, "-newerct", f"@{since:.3f}", "-printf", "%y%P\\0")
    found = set()
    for told in seen.split(b"\0")[:-1]:
        path = os.fsdecode(told[1:])
        if path:
            found.add(path)
        if told[:1] == b"d" and (not path or entries.get(path, [""])[0] == "d"):
            names = {entry.name for entry in os.scandir(f"{root}/{path}")}
            found |= {_joined(path, name) for name in children.get(path, set()) - names}
    return found


def children_of(entries: Iterable[str]) -> dict[str, set[str]]:
    """The names in each folder of a tree; the top is the empty path."""
    children: dict[str, set[str]] = {}
    for path in entries:
        folder, _, name = path.rpartition("/")
        children.setdefault(folder, set()).add(name)
    return children


def _is_below(path: str, folders: set[str]) -> bool:
    """Whether one of the folders holds the path, at whatever depth."""
    while "/" in path:
        path = path.rpartition("/")[0]
        if path in folders:
            return True
    return False


def _is_another_folder(before: list[Any] | None, now: os.stat_result | None) -> bool:
    """Whether a folder came or went at a path, or stands in the place of another one: all that is in it changed."""
    was, is_now = before is not None and before[0] == "d", now is not None and file_tree.is_folder(now)
    same = before is not None and now is not None and was and is_now and before[-1] == now.st_ino
    return (was or is_now) and not same


def _look(root: str, path: str) -> os.stat_result | None:
    """What is at a path; None where nothing is."""
    try:
        return os.lstat(f"{root}/{path}")
    except (FileNotFoundError, NotADirectoryError):
        return None


def _joined(folder: str, name: str) -> str:
    """The path of a name in a folder."""
    return f"{folder}/{name}" if folder else name


def _plain(word: bytes) -> str:
    """A path without the escapes of the dump."""

    def sign(found: re.Match[bytes]) -> bytes:
        return bytes([int(found[1], 8) & 255]) if found[1] else SIGNS.get(found[2], found[2])

    if b"\\" in ESCAPED.sub(b"", word):  # a control sign, in one to three digits
        raise Unclear(repr(word))
    return os.fsdecode(ESCAPED.sub(sign, word))


def _below_top(path: str) -> str:
    """./3/user/1 → user/1: the snapshot's own name is left out."""
    return path.removeprefix("./").partition("/")[2]
