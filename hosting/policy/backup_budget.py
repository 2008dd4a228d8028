"""How long a backup or a restore may take before it counts as hanging, and how long what a killed run left counts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hosting.policy.values import PointKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hosting.policy.values import PointFacts

FIRST_SECONDS = 6 * 3600.0
"""Nothing is known of a first backup: 500 GiB at 25 MiB/s would not be done; who is that big is seen to by a person."""

LEAST_SECONDS = 900.0
"""Restic alone tries again for a quarter of an hour when the store does not answer."""

TIMES_SLOWEST = 4
COUNTED = 7


def backup_seconds(points: Sequence[PointFacts], *, full: bool) -> float:
    """The most seconds that a backup may take: a few times the slowest of the last ones of its kind."""
    like = [point.seconds for point in points if (point.kind == "full") == full]
    if not like:
        return FIRST_SECONDS
    return max(LEAST_SECONDS, TIMES_SLOWEST * max(like[-COUNTED:]))


COUNTS_FOR = timedelta(minutes=15)
"""Who asks for a backup before a risky change gets none of yesterday's, begun by a run that was killed then."""


def still_counts(left: PointFacts, wish: PointKind, asked_at: datetime) -> bool:
    """Whether a point that a killed run had begun is the one that was asked for then: young, and of the kind."""
    return asked_at - left.taken_at <= COUNTS_FOR and (wish is not PointKind.FULL or left.kind is PointKind.FULL)


def kind_after(left: PointFacts, wish: PointKind) -> PointKind:
    """Of which kind the next point is, where that of a killed run does not count: nobody needs two full ones."""
    return PointKind.INCREMENTAL if left.kind is PointKind.FULL else wish


SLOWEST_MIB_A_SECOND = 4
"""A slower restore is stopped: a database loads at 20 (MOVES.md), a network gives 100."""


def restore_seconds(point: PointFacts) -> float:
    """The most seconds that bringing a point back may take."""
    whole = point.manifest["database"]["bytes"] + point.manifest["files"]["bytes"]
    return LEAST_SECONDS + float(whole) / (SLOWEST_MIB_A_SECOND * 2**20)


def restore_needs(point: PointFacts) -> dict[str, int]:
    """The bytes that a point needs beside what is there, by disk: a database is about twice its dump."""
    return {"/srv": point.manifest["files"]["bytes"], "/var/lib/mysql": 2 * point.manifest["database"]["bytes"]}
