"""How the booked room is shared between database and files (P04)."""

from __future__ import annotations

from hosting.policy.terms import GIB

MIB = 2**20


def files_limit(storage_gib: int, database_bytes: int) -> int:
    """What an instance's files may hold, in bytes: the booked pool less its database, in whole MiB, never negative.

    Whole MiB, so that a database that grows by a page does not move the limit each time it is measured.
    """
    return max(0, storage_gib * GIB - database_bytes) // MIB * MIB
