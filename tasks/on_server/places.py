"""How something lies on a server, and what a program there writes.

Runs on servers: standard library only.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM_SECONDS = 90
SUBVOLUME = 256
"""The number of the inode of each subvolume of a btrfs."""


def placed(one: os.stat_result) -> list[str]:
    """Kind, owner and mode of something."""
    kinds = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "folder"), (stat.S_ISLNK, "link"))
    kind = next((name for is_one, name in kinds if is_one(one.st_mode)), "other")
    return [kind, f"{_user(one.st_uid)}:{_group(one.st_gid)}", f"{stat.S_IMODE(one.st_mode):o}"]


def is_frozen(folder: Path) -> bool:
    """Whether a folder is on a file system that takes writes, and takes none itself, as a read-only subvolume."""
    if folder.stat().st_ino != SUBVOLUME:
        return False
    return output("btrfs", "property", "get", "-ts", str(folder), "ro", codes=None).strip() == "ro=true"


def _user(uid: int) -> str:
    """A user's name, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    """A group's name, or its number where it has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def output(*argv: str, codes: tuple[int, ...] | None = (0,)) -> str:
    """What a program writes; raises OSError where it ends with another code than these, or is not there."""
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
        timeout=PROGRAM_SECONDS, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    if codes is not None and done.returncode not in codes:
        said = (done.stderr.strip() or done.stdout.strip() or "failed").splitlines()[-1]
        raise OSError(f"{argv[0]} ended with {done.returncode}: {said}")
    return done.stdout
