"""An instance's storage: a btrfs subvolume with a limit, or a plain folder where the server has no btrfs.

FLEET.md II.5: a qgroup limit is kept by the kernel, and its use is read without walking files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.commands.command import Command, script

if TYPE_CHECKING:
    from pathlib import PurePosixPath as Path

_SUBVOLUME = """
if [ -d "$1" ]; then btrfs subvolume show "$1" >/dev/null; echo unchanged; exit; fi
btrfs -q subvolume create "$1" 2>/dev/null || btrfs subvolume create "$1" >/dev/null
chmod 750 "$1"; echo changed
"""

# Asked for a plain folder, btrfs would limit the whole file system that the folder lies in.
_LIMIT = """
[ "$(stat -c %i "$1")" = 256 ] || { echo "$1 is no subvolume" >&2; exit 3; }
have=$(btrfs qgroup show --raw -ref "$1" 2>/dev/null | awk '$1 ~ /^0\\// {print $4}')
[ "$have" = "$2" ] && { echo unchanged; exit; }
btrfs qgroup limit "$2" "$1"; echo changed
"""

_SCRATCH = """
r=unchanged
if [ ! -d "$1" ]; then
  btrfs -q subvolume create "$1" 2>/dev/null || btrfs subvolume create "$1" >/dev/null
  chmod 750 "$1"; r=changed
fi
if [ "$(stat -c %i "$1")" = 256 ]; then
  have=$(btrfs qgroup show --raw -ref "$1" 2>/dev/null | awk '$1 ~ /^0\\// {print $4}')
  if [ "$have" != "$2" ]; then btrfs qgroup limit "$2" "$1"; r=changed; fi
fi
echo $r
"""

_USED = """
btrfs filesystem sync "$1"; btrfs qgroup show --raw -re "$1" | awk '$1 ~ /^0\\// {print $2; exit}'
"""


def read_free(*paths: str) -> Command:
    """The bytes that the disks of these paths have left, one line each."""
    return script("free room", 'for p in "$@"; do df -B1 --output=avail "$p" | tail -n 1; done', *paths)


def parse_free(paths: tuple[str, ...], out: str) -> dict[str, int]:
    """What `read_free` told, by path."""
    return dict(zip(paths, map(int, out.split()), strict=True))


def ensure_subvolume(path: Path) -> Command:
    """A subvolume at this path; fails where a plain folder stands there."""
    return script("subvolume", _SUBVOLUME, str(path))


def ensure_scratch(path: Path, most_bytes: int) -> Command:
    """A subvolume with a limit in bytes; a plain folder that stands there from before goes on without one."""
    return script("scratch", _SCRATCH, str(path), str(most_bytes))


def ensure_limit(path: Path, most_bytes: int) -> Command:
    """The most that a subvolume may refer to, in bytes."""
    return script("limit", _LIMIT, str(path), str(most_bytes))


def used_bytes(path: Path, *, btrfs: bool) -> Command:
    """The bytes that a storage uses: the kernel's count of the subvolume, or the allocated blocks of a folder."""
    return script("used", _USED, str(path)) if btrfs else script("used", 'du -s -B1 "$1" | cut -f1', str(path))
