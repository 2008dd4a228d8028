"""What the product is told of an instance's room, by the hoster's hook (phlymail.md section 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.policy.terms import GIB

if TYPE_CHECKING:
    from hosting.policy.quota import Use

MIB = 2**20


def room_figures(pool_gib: int, use: Use) -> str:
    """The file that the hook reads: quota and usage in MiB, usage rounded down.

    The product takes nothing more once quota less usage is not above zero: at the last MiB, not before.
    """
    return f"quota = {pool_gib * GIB // MIB}\nusage = {use.used_bytes // MIB}\n"
