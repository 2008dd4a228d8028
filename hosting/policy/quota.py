"""What an instance stores of what is booked, when its customer is warned, and where it is stopped (P04).

What counts is the database's files less their free extents, and the allocated blocks of the instance's files. Where the
pool is full, the product itself takes nothing more (phlymail.md section 4.4); the kernel's limit lies above, so that
what is on its way is not cut off by a failing write.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from hosting.errors import StepFailed
from hosting.policy.months import day_of
from hosting.policy.terms import GIB

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

MIB = 2**20

FREE_MIB_LEAST = 100
"""What a server's disks must have left before a set-up begins: MariaDB waits without an end on a full one."""


class DiskFull(StepFailed):
    """A server's disk has no room to work."""


def rebuilding_may_help(missing_bytes: int, use: Use) -> bool:
    """Whether tables written anew could make what is stored fit: InnoDB's files don't shrink by deleting (P25).

    Args:
        missing_bytes: by how much it does not fit.
        use: what is stored.
    """
    return 0 < missing_bytes <= use.database_bytes // REBUILD_GAINS


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


PER_MILLE = 1000

WARN_AT = (800, 900, 1000)
"""The customer is told when so much of the pool is used, in per mille; each once."""

EASED_BELOW = 50
"""A warning is given anew only after use has fallen so far below it, in per mille: use goes up and down by the day."""

FENCE_ABOVE = 50
"""The kernel's limit lies so far above the pool, in per mille of it; a server's reserve is larger than that."""


FENCE_NEAR = 10
"""Files that have come so near to the kernel's limit stand at it: uploads may fail there; in per mille of the pool."""

MOVED_BY = 10
"""So much of a pool that is nearly full has come or gone before it is measured between the hours, in per mille."""

HOURLY = timedelta(minutes=50)
"""An instance whose pool is nearly full is measured each hour: what the product is told is no older then."""

REBUILD_GAINS = 2
"""A database that is written anew comes to this part of itself at best: half of it was left empty by deleting."""


@dataclass(frozen=True)
class Use:
    """What an instance stores, in bytes."""

    database_bytes: int
    files_bytes: int

    @property
    def used_bytes(self) -> int:
        """What counts against the pool."""
        return self.database_bytes + self.files_bytes

    def per_mille(self, pool_gib: int) -> int:
        """How much of the pool that is; a pool of nothing is full."""
        return self.used_bytes * PER_MILLE // (pool_gib * GIB) if pool_gib else PER_MILLE


@dataclass(frozen=True)
class UseWarning:
    """What is to be told about an instance's use.

    Args:
        tell: the highest threshold that was reached since the last time, None if there is none.
        told: all thresholds that count as told from now on.
    """

    tell: int | None
    told: frozenset[int]


def warning(per_mille: int, told: Collection[int]) -> UseWarning:
    """Which threshold is told now, if any: the highest one that is reached, once until use has fallen well below it.

    Args:
        per_mille: how much of the pool is used.
        told: the thresholds that count as told.
    """
    reached = {threshold for threshold in WARN_AT if per_mille >= threshold}
    still = {threshold for threshold in told if per_mille > threshold - EASED_BELOW}
    new = reached - still
    return UseWarning(max(new, default=None), frozenset(still | reached))


def is_due(last_at: datetime | None, per_mille: int, now: datetime) -> bool:
    """Whether an instance is to be measured: once a night, and each hour where its pool is nearly full.

    Args:
        last_at: when it was measured last, None if never.
        per_mille: how much of the pool was used then.
        now: the moment.
    """
    if last_at is None or day_of(last_at) < day_of(now):
        return True
    return per_mille >= min(WARN_AT) and now - last_at >= HOURLY


def has_moved(measured_per_mille: int, seen_per_mille: int) -> bool:
    """Whether an instance is to be measured at once, by a look at its disks: what its product is told would be wrong.

    Below the first threshold nothing depends on the figure. From there on what counts is a threshold that was crossed,
    in either direction (who makes room shall not wait an hour for it), or a good part of the pool that came or went.

    Args:
        measured_per_mille: how much of the pool was used when it was measured last.
        seen_per_mille: how much of it is used by the look.
    """
    if max(measured_per_mille, seen_per_mille) < min(WARN_AT):
        return False
    crossed = any((measured_per_mille >= one) != (seen_per_mille >= one) for one in WARN_AT)
    return crossed or abs(seen_per_mille - measured_per_mille) >= MOVED_BY


def files_limit(storage_gib: int, database_bytes: int) -> int:
    """What the kernel lets an instance's files hold, in bytes: the pool and a little more, less its database.

    In whole MiB, so that a database that grows by a page does not move the limit each time it is measured; never
    negative. The little more is there since the product stops by itself where the pool is full, by a figure that is
    minutes old (docs/decisions/0022).
    """
    fence = storage_gib * GIB * (PER_MILLE + FENCE_ABOVE) // PER_MILLE
    return max(0, fence - database_bytes) // MIB * MIB


def without_fence(server: str) -> str:
    """What a person has to know of a server whose kernel keeps no limits of folders (docs/decisions/0037)."""
    return f"Who stores more than is booked on {server} is stopped by the product alone: its kernel keeps no limits."


def at_the_fence(use: Use, storage_gib: int) -> bool:
    """Whether the kernel refuses what is written, or will with the next larger thing: mail could be lost there."""
    left = files_limit(storage_gib, use.database_bytes) - use.files_bytes
    return left < storage_gib * GIB * FENCE_NEAR // PER_MILLE
