"""What a folder holds, so that two states of an instance can be told apart (find(1))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.commands.command import Command, script

if TYPE_CHECKING:
    from pathlib import PurePosixPath as Path

_LIST = r"""find "$1" -xdev -type f -printf '%s %T@ %P\0'"""


def list_files(folder: Path) -> Command:
    """Every file below a folder with its size and the moment of its last change; links are not followed."""
    return script("list files", _LIST, str(folder), seconds=600.0)


def parse_files(out: str) -> dict[str, tuple[int, str]]:
    """What `list_files` told: size in bytes and moment, by path."""
    found = {}
    for line in out.split("\0"):
        if line:
            size, moment, path = line.split(" ", 2)
            found[path] = (int(size), moment)
    return found
