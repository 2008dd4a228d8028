"""Every file of a folder with its sum, and one sum over all of them; what did not change is not read again (P19).

Runs on servers: standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PIECE = 1 << 20


SETTLED_NS = 2_000_000_000
"""A file that changed less than so long before it was looked at may change once more without showing it: the marks of
times are as coarse as that on some file systems."""


def tree(
    root: str, known: Mapping[str, list[Any]] | None = None, *, changing: bool = False, by_ctime: bool = True
) -> dict[str, list[Any]]:
    """All that lies below a folder, by its path there.

    Args:
        root: the folder; links in it are not followed.
        known: an earlier tree of the same folder: a file of the same size, times and inode keeps its sum.
        by_ctime: whether its ctime has to be the same too; a hard link that comes or goes changes it.
        changing: whether it may change meanwhile: what goes is left out, and so is what may have changed unseen, so
            that an entry whose marks are the same later is the same.

    Returns:
        By path: [kind, mode, sum or link target, size, mtime_ns, ctime_ns, inode]; kind is f, d, l or o (other).
    """
    known = known or {}
    if not changing:
        return {path: entry_of(root, path, found, known.get(path), by_ctime=by_ctime) for path, found in _walk(root)}
    entries = {}
    for path, found in _walk(root, changing=True):
        if is_folder(found) or found.st_ctime_ns < time.time_ns() - SETTLED_NS:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                entries[path] = entry_of(root, path, found, known.get(path))
    return entries


def root_sum(entries: Mapping[str, list[Any]]) -> str:
    """One sum over paths, kinds, modes and contents; times and inodes don't count."""
    digest = hashlib.sha256()
    for path in sorted(entries):
        kind, mode, what, size = entries[path][:4]
        digest.update(json.dumps([path, kind, mode, what, size if kind == "f" else 0]).encode() + b"\n")
    return digest.hexdigest()


def totals(entries: Mapping[str, list[Any]]) -> dict[str, Any]:
    """What the manifest says of the files."""
    files = [entry for entry in entries.values() if entry[0] == "f"]
    return {"files": len(files), "bytes": sum(entry[3] for entry in files), "sha256": root_sum(entries)}


def write_lines(file: str, entries: Mapping[str, list[Any]]) -> None:
    """The tree as JSON lines, sorted by path."""
    with Path(file).open("w", encoding="ascii") as out:
        out.writelines(json.dumps([path, *entries[path]]) + "\n" for path in sorted(entries))


def read_lines(file: str) -> dict[str, list[Any]]:
    """A tree that was written so; empty where there is none or it is broken."""
    try:
        with Path(file).open(encoding="ascii") as lines:
            return {path: entry for path, *entry in map(json.loads, lines)}
    except (OSError, ValueError):
        return {}


def differences(wanted: Mapping[str, list[Any]], found: Mapping[str, list[Any]], most: int = 5) -> list[str]:
    """What is not as wanted, in a few words each."""
    said = [f"{path} is missing" for path in sorted(set(wanted) - set(found))]
    said += [f"{path} is too much" for path in sorted(set(found) - set(wanted))]
    said += [
        f"{path} differs"
        for path in sorted(set(wanted) & set(found))
        if wanted[path][0] != found[path][0] or wanted[path][2] != found[path][2]
    ]
    return said if len(said) <= most else [*said[:most], f"and {len(said) - most} more"]


def _walk(root: str, *, changing: bool = False) -> Iterator[tuple[str, os.stat_result]]:
    """Paths below the root with what they are; whatever goes meanwhile is passed over, where that may be."""
    passed_over = (FileNotFoundError, NotADirectoryError) if changing else ()
    open_folders = [""]
    while open_folders:
        folder = open_folders.pop()
        with contextlib.suppress(*passed_over), os.scandir(os.path.join(root, folder)) as entries:  # noqa: PTH118  # bytes of names as they are
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                with contextlib.suppress(*passed_over):
                    yield path, entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        open_folders.append(path)


def is_folder(found: os.stat_result) -> bool:
    """Whether this is a folder."""
    return stat.S_ISDIR(found.st_mode)


def entry_of(
    root: str, path: str, found: os.stat_result, known: list[Any] | None, *, by_ctime: bool = True
) -> list[Any]:
    """One entry of the tree; a file whose marks are those of the known one keeps its sum."""
    marks = [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISREG(found.st_mode):
        ctime = known[5] if known is not None and not by_ctime else found.st_ctime_ns
        same = known is not None and known[0] == "f" and known[3:7] == [*marks[:2], ctime, marks[3]]
        what = known[2] if same and known is not None else _sum(f"{root}/{path}")
        return ["f", mode, what, *marks]
    if stat.S_ISLNK(found.st_mode):
        return ["l", mode, os.readlink(f"{root}/{path}"), *marks]  # noqa: PTH115  # bytes of names as they are
    return ["d" if stat.S_ISDIR(found.st_mode) else "o", mode, "", *marks]


def _sum(file: str) -> str:
    """The sum of a file's content; a small one is read at once, its end with it."""
    digest = hashlib.sha256()
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        size = os.fstat(descriptor).st_size
        most = min(size + 1, PIECE)
        while piece := os.read(descriptor, most):
            digest.update(piece)
            if len(piece) == size < most:
                break
    finally:
        os.close(descriptor)
    return digest.hexdigest()
