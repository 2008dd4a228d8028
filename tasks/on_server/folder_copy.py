"""A folder held as it is at one moment: a btrfs snapshot, or hard links where the server has no btrfs.

Runs on servers: standard library only.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from tasks.on_server import file_tree
from tasks.on_server.hard_links import HardLinks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SNAPSHOT_SECONDS = 60


class Snapshot:
    """A folder held by btrfs: of one moment, and nothing of it changes any more."""

    by = "btrfs snapshot"
    words = ()

    def __init__(self, source: str, target: Path) -> None:
        """Nothing is held yet."""
        self.source, self.target = source, target

    def prepare(self) -> None:
        """There is nothing to be done beforehand."""

    def hold(self) -> None:
        """Hold it.

        Raises:
            subprocess.CalledProcessError: btrfs did not.
        """
        ran("btrfs", "subvolume", "snapshot", "-r", self.source, str(self.target), seconds=SNAPSHOT_SECONDS)

    def brought_back(self, _path: str) -> bool:
        """What is not there was not there at the moment."""
        return False

    def tree(self, known: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """All that is held, with the sums; what did not change keeps the one it had."""
        return file_tree.tree(str(self.target), known)

    def settled(self, entries: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """It stays as it is."""
        return entries


Held = Snapshot | HardLinks
"""A folder of one moment."""


def held(source: str, target: Path, aside: Path, *, btrfs: bool) -> Held:
    """What holds a folder.

    Args:
        source: the folder.
        target: where it is held; its parent is there.
        aside: a folder that may be needed meanwhile, on the same file system.
        btrfs: whether the server has it.
    """
    return Snapshot(source, target) if btrfs else HardLinks(source, target, aside)


def drop(point: Path) -> None:
    """Nothing of a held folder is left, whoever made it."""
    data = point / "data"
    if data.exists() and is_subvolume(data):
        ran("btrfs", "subvolume", "delete", str(data), seconds=SNAPSHOT_SECONDS)
    shutil.rmtree(point, ignore_errors=True)


def is_subvolume(folder: Path) -> bool:
    """Whether a folder is the root of a btrfs subvolume: those have the inode 256 and are a device of their own."""
    found = folder.stat()
    return found.st_ino == 256 and found.st_dev != folder.parent.stat().st_dev  # noqa: PLR2004  # BTRFS_FIRST_FREE_OBJECTID


def ran(*argv: str, seconds: float) -> None:
    """Run a program that says nothing where it succeeds.

    Raises:
        subprocess.CalledProcessError: it failed; holds its words.
        subprocess.TimeoutExpired: it took too long.
    """
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=seconds)
