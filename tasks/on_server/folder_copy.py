"""A folder held as it is at one moment: a btrfs snapshot, or hard links where the server has no btrfs.

Runs on servers: standard library only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

OWN_COPIES = (".php", ".ini", ".wpop", ".phml", ".tpl", ".build", ".name")
"""Files that the product writes in place: a hard link would change with them."""


def make(source: str, target: str, *, btrfs: bool) -> None:
    """Hold the source at the target, whose parent is there.

    Raises:
        subprocess.CalledProcessError: it could not be held.
    """
    if btrfs:
        ran("btrfs", "subvolume", "snapshot", "-r", source, target, seconds=60)
        return
    ran("cp", "-al", source, target, seconds=600)
    for folder, _, files in os.walk(target):
        for name in files:
            if name.endswith(OWN_COPIES):
                own(Path(folder) / name)


def own(file: Path) -> None:
    """A copy in place of a hard link; links of the instance's are left as they are."""
    if file.is_symlink():
        return
    part = file.with_name(f".{file.name}.phm-own")
    shutil.copy2(file, part, follow_symlinks=False)
    found = file.stat(follow_symlinks=False)
    os.chown(part, found.st_uid, found.st_gid)
    part.rename(file)


def drop(point: Path) -> None:
    """Nothing of a held folder is left, whoever made it."""
    data = point / "data"
    if data.exists() and is_subvolume(data):
        ran("btrfs", "subvolume", "delete", str(data), seconds=60)
    shutil.rmtree(point, ignore_errors=True)


def is_subvolume(folder: Path) -> bool:
    """Whether a folder is the root of a btrfs subvolume: those have the inode 256."""
    return folder.stat().st_ino == 256  # noqa: PLR2004  # BTRFS_FIRST_FREE_OBJECTID


def ran(*argv: str, seconds: float) -> None:
    """Run a program that says nothing where it succeeds.

    Raises:
        subprocess.CalledProcessError: it failed; holds its words.
        subprocess.TimeoutExpired: it took too long.
    """
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=seconds)
