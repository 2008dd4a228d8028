"""A lock on a host that lives as long as the connection that asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.commands.command import Command, script

if TYPE_CHECKING:
    from pathlib import PurePosixPath as Path

_HOLD = 'exec 9>"$1"; flock -w "$2" 9 || { echo "another process works on it" >&2; exit 3; }; echo held; cat >/dev/null'


def hold(lock: Path, seconds: int) -> Command:
    """Take a lock within so many seconds, say `held`, and keep it until the other side hangs up."""
    return script("lock", _HOLD, str(lock), str(seconds), seconds=seconds + 10)
