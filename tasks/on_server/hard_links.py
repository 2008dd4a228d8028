"""A folder held at one moment where the server has no btrfs: hard links, in an order that loses nothing (P19).

`docs/decisions/0024`. The most is linked while the customer works; what has come since follows under the lock of his
tables. What went in between is kept aside: where the tables still name it, it belongs to the moment. What he changes in
place afterwards is seen, and gets a copy of its own. Runs on servers: standard library only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.on_server import file_tree

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN_COPIES = (".php", ".ini", ".wpop", ".phml", ".tpl", ".build", ".name")
"""Files that the product writes in place, and that are read before any other: they are copied under the lock."""

PASSED_OVER = (FileNotFoundError, NotADirectoryError)
"""What went between the look at its folder and the look at itself."""

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
"""Folders are opened one below the other: no link that is put in their place leads anywhere else."""


class HardLinks:
    """A folder held by hard links.

    Args:
        source: the folder.
        target: where it is held; on the same file system.
        aside: what is needed meanwhile; goes with whoever made it.
    """

    by = "hard links"
    words = ("--ignore-ctime",)
    """What restic is told: each link that comes or goes is a change to the file's ctime."""

    def __init__(self, source: str, target: Path, aside: Path) -> None:
        """Nothing is linked yet."""
        self.source, self.target, self.aside = source, target, aside
        self._files: dict[str, int] = {}
        self._folders: dict[str, tuple[int, int, int]] = {}
        self._gone: dict[str, Path] = {}
        self._came_back = False

    def prepare(self) -> None:
        """Link what is there, while the customer works."""
        self.target.mkdir(mode=0o700)
        self.aside.mkdir(mode=0o700)
        self._look(own=False)

    def hold(self) -> None:
        """Link what has come since, while nobody writes to the tables.

        Twice: a file that is moved meanwhile may be passed over once; it is not moved again before its row is written.
        """
        there = self._look(own=True) | self._look(own=True)
        for path in self._files.keys() - there:
            self._put_aside(path)
        for path in sorted(self._folders.keys() - there, reverse=True):
            with contextlib.suppress(OSError):
                (self.target / path).rmdir()

    def brought_back(self, path: str) -> bool:
        """Whether something that the tables name and that is not in its place is there again.

        It had gone since the first look, or the product was just moving it: it keeps its name, and its user.
        """
        kept = self._gone.get(path) or self._by_name.get(_name_of(path))
        folders = [str(folder) for folder in reversed(Path(path).parents[:-1])]
        if kept is None or not self._folders.keys() >= set(folders):  # so that no path leads out of what is held
            return False
        for folder in folders:
            if not (self.target / folder).is_dir():
                self._make_folder(folder, self._folders[folder])
        os.link(kept, self.target / path, follow_symlinks=False)
        self._came_back = True
        return True

    def tree(self, known: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """All that is held, with the sums; what did not change keeps the one it had."""
        return file_tree.tree(str(self.target), known, by_ctime=False)

    def settled(self, entries: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """The same tree again; what was changed in place has a copy of its own now, and what was brought back is there.

        It is the same object where nothing had changed.
        """
        changed = self._changed(entries)
        for path in changed:
            self._own(self.target / path)
        came_back, self._came_back = self._came_back, False
        return self.tree(entries) if changed or came_back else entries

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], Path]:
        """Whatever is held or lies aside, by its user and name."""
        held = {_name_of(path): self.target / path for path in self._files}
        return {_name_of(path): kept for path, kept in self._gone.items()} | held

    def _changed(self, entries: Mapping[str, list[Any]]) -> list[str]:
        """The files that don't have the marks any more that they had when they were read."""
        return [
            path
            for path, (kind, _, _, size, mtime, _, inode) in entries.items()
            if kind == "f" and _marks(os.lstat(self.target / path)) != (size, mtime, inode)
        ]

    def _look(self, *, own: bool) -> set[str]:
        """Link what is not linked yet; the paths that are there."""
        seen: set[str] = set()
        descriptor = os.open(self.source, FOLDER)
        try:
            _mark(self.target, os.fstat(descriptor))
            self._look_into(descriptor, "", seen, own=own)
        finally:
            os.close(descriptor)
        return seen

    def _look_into(self, descriptor: int, folder: str, seen: set[str], *, own: bool) -> None:
        """One folder, and those in it."""
        with os.scandir(descriptor) as entries:
            for entry in entries:
                path = f"{folder}{entry.name}"
                with contextlib.suppress(*PASSED_OVER):
                    if entry.is_dir(follow_symlinks=False):
                        self._look_below(descriptor, path, seen, own=own)
                    elif entry.name.endswith(OWN_COPIES):
                        if own and path not in self._files:
                            self._copy(descriptor, path)
                    elif self._files.get(path) != entry.inode():
                        self._link(descriptor, path)
                    seen.add(path)

    def _look_below(self, descriptor: int, path: str, seen: set[str], *, own: bool) -> None:
        """A folder in a folder."""
        below = os.open(os.path.basename(path), FOLDER, dir_fd=descriptor)  # noqa: PTH119  # bytes of names as they are
        try:
            found = os.fstat(below)
            marks = (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))
            if self._folders.get(path) != marks:
                self._make_folder(path, marks)
            self._look_into(below, f"{path}/", seen, own=own)
        finally:
            os.close(below)

    def _make_folder(self, path: str, marks: tuple[int, int, int]) -> None:
        """A folder with its owner and mode; a file that had its name goes aside."""
        if path in self._files:
            self._put_aside(path)
        place = self.target / path
        place.mkdir(mode=0o700, exist_ok=True)
        os.chown(place, marks[0], marks[1])
        place.chmod(marks[2])
        self._folders[path] = marks

    def _link(self, descriptor: int, path: str) -> None:
        """A link to a file, or whatever else it is, in the place of what was linked under its name."""
        part = self.aside / "part"
        os.link(os.path.basename(path), part, src_dir_fd=descriptor, follow_symlinks=False)  # noqa: PTH119
        self._put(part, path)

    def _copy(self, descriptor: int, path: str) -> None:
        """A copy of a file; a customer's link stays one."""
        part = self.aside / "part"
        os.link(os.path.basename(path), part, src_dir_fd=descriptor, follow_symlinks=False)  # noqa: PTH119
        self._own(part)
        self._put(part, path)

    def _put(self, part: Path, path: str) -> None:
        """What was made, under its name; where both are one file already, the one is taken away."""
        place = self.target / path
        if path in self._folders:
            self._clear_folder(path)
        part.rename(place)
        part.unlink(missing_ok=True)
        self._files[path] = place.lstat().st_ino

    def _clear_folder(self, path: str) -> None:
        """A folder that is none any more makes room; the files that were in it go aside."""
        below = f"{path}/"
        for file in [one for one in self._files if one.startswith(below)]:
            self._put_aside(file)
        for folder in [one for one in self._folders if one == path or one.startswith(below)]:
            del self._folders[folder]
        shutil.rmtree(self.target / path)

    def _put_aside(self, path: str) -> None:
        """A file that is not in its place any more, kept for whoever names it."""
        kept = self.aside / f"gone-{len(self._gone)}"
        (self.target / path).rename(kept)
        self._gone[path] = kept
        del self._files[path]

    def _own(self, file: Path) -> None:
        """A copy in place of a hard link; a customer's links, and what is no file, are left as they are."""
        found = file.lstat()
        if stat.S_ISREG(found.st_mode):
            own = self.aside / "own"
            shutil.copy2(file, own, follow_symlinks=False)
            os.chown(own, found.st_uid, found.st_gid)
            own.rename(file)


def _name_of(path: str) -> tuple[str, str]:
    """Whose a file is (`storage/user/<uid>`), and what it is called."""
    parts = path.split("/")
    return "/".join(parts[:3]), parts[-1]


def _marks(found: os.stat_result) -> tuple[int, int, int]:
    """What tells that a file was changed."""
    return found.st_size, found.st_mtime_ns, found.st_ino


def _mark(folder: Path, found: os.stat_result) -> None:
    """The owner and mode of a folder."""
    os.chown(folder, found.st_uid, found.st_gid)
    folder.chmod(stat.S_IMODE(found.st_mode))
