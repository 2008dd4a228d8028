"""How the booked room is shared between database and files (P04)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.errors import StepFailed
from hosting.policy.terms import GIB

if TYPE_CHECKING:
    from collections.abc import Mapping

MIB = 2**20

FREE_MIB_LEAST = 100
"""What a server's disks must have left before a set-up begins: MariaDB waits without an end on a full one."""


class DiskFull(StepFailed):
    """A server's disk has no room to work."""


def check_free(server: str, free_bytes: Mapping[str, int]) -> None:
    """See that there is room to work, before the first write.

    Args:
        server: its name.
        free_bytes: what is left, by path.

    Raises:
        DiskFull: a disk has less than what is needed.
    """
    for path, left in free_bytes.items():
        if left < FREE_MIB_LEAST * MIB:
            message = (
                f"The disk of {path} on {server} has only {left // MIB} MiB left; {FREE_MIB_LEAST} MiB are needed."
            )
            raise DiskFull(message, "Free room on it or enlarge it, then run again: it goes on from there.")


def files_limit(storage_gib: int, database_bytes: int) -> int:
    """What an instance's files may hold, in bytes: the booked pool less its database, in whole MiB, never negative.

    Whole MiB, so that a database that grows by a page does not move the limit each time it is measured.
    """
    return max(0, storage_gib * GIB - database_bytes) // MIB * MIB
