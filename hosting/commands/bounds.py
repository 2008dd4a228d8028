"""What keeps instances within what is booked, set for many of them by one command (P04).

The figures that the product asks for (phlymail.md section 4.4), and the kernel's limit where there is btrfs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.commands.command import Command, script
from hosting.policy.quota import files_limit
from hosting.product.layout import InstanceLayout
from hosting.product.room import room_figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hosting.policy.quota import Use
    from hosting.policy.values import InstanceFacts

SECONDS = 120
FAILED = "failed "

# One that fails (its folder is being exchanged by a restore) stops none of the others. Asked for a plain folder, btrfs
# would limit the whole file system that the folder lies in.
_BOUNDS = """
umask 077
figures() {
  t=$(dirname "$1")/.room.phm-new
  printf '%s' "$3" >"$t" && chown "root:$2" "$t" && chmod 640 "$t" || return 1
  if cmp -s "$t" "$1"; then rm -f "$t"; else mv -fT "$t" "$1" && echo changed; fi
}
limit() {
  [ "$(stat -c %i "$1")" = 256 ] || return 1
  have=$(btrfs qgroup show --raw -ref "$1" 2>/dev/null | awk '$1 ~ /^0\\// {print $4}')
  [ "$have" = "$2" ] || { btrfs qgroup limit "$2" "$1" && echo changed; }
}
while [ $# -gt 0 ]; do
  figures "$2" "$3" "$4" && { [ -z "$6" ] || limit "$5" "$6"; } || echo "failed $1"
  shift 6
done
"""


@dataclass(frozen=True)
class Bounds:
    """What is booked for an instance, and what it uses."""

    instance: InstanceFacts
    use: Use


def ensure_bounds(bounds: Sequence[Bounds], *, btrfs: bool) -> Command:
    """The bounds of these instances; says `changed` for each change, and `failed` with the name where it can't be."""
    words: list[str] = []
    for one in bounds:
        layout, pool = InstanceLayout.of(one.instance), one.instance.storage_gib
        limit = str(files_limit(pool, one.use.database_bytes)) if btrfs else ""
        told = room_figures(pool, one.use)
        words += [layout.name, str(layout.room_file), layout.user, told, str(layout.data), limit]
    return script("bounds", _BOUNDS, *words, seconds=SECONDS)


def parse_bounds(out: str) -> tuple[bool, frozenset[str]]:
    """Whether anything changed, and the names of those whose bounds could not be set."""
    lines = out.splitlines()
    failed = frozenset(line.removeprefix(FAILED) for line in lines if line.startswith(FAILED))
    return "changed" in lines, failed
