"""Which generations are looked through next: each instance's newest one every week, a part of its data with it (P20).

The metadata of a generation is checked whole each time; of its data one part of `PARTS` is read, another one each week.
Each generation is a copy of all data, so that in `PARTS` weeks as much is read as there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING

from hosting.policy.backup_budget import LEAST_SECONDS, SLOWEST_MIB_A_SECOND
from hosting.policy.backup_plan import KEPT, NEVER, fair_turns
from hosting.policy.backup_times import ONE_DAY, in_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from hosting.policy.values import GenerationFacts, InstanceName, PointFacts

EVERY = timedelta(days=7)
PARTS = 4
NIGHTS = 5
"""All checks of a week find room in so many nights; two may be lost."""


@dataclass(frozen=True)
class LastCheck:
    """When an instance's newest generation was last checked, and how many checks there were before and with it."""

    at: datetime
    count: int


@dataclass(frozen=True)
class NextCheck:
    """A generation that is to be checked, and the part of its data that is read, from 1, of so many."""

    generation: GenerationFacts
    part: int
    parts: int = PARTS


def newest_kept(generations: Iterable[GenerationFacts], points: Iterable[PointFacts]) -> GenerationFacts | None:
    """The newest generation of an instance that holds a point and is relied on."""
    filled = {point.generation for point in points}
    kept = [one for one in generations if one.state in KEPT and one.id in filled]
    return max(kept, key=lambda one: (one.begun_at, one.id), default=None)


def next_checks(
    newest: Mapping[InstanceName, GenerationFacts],
    last: Mapping[InstanceName, LastCheck],
    now: datetime,
    failed: Mapping[InstanceName, datetime] | None = None,
) -> list[NextCheck]:
    """The checks of this night: those never done first, then the oldest; so many that a week is enough for all.

    What could not be checked is tried again beside the others, so that it keeps nobody from a check.

    Args:
        newest: the newest generation of each instance.
        last: the last check of each instance that ever had one.
        now: the moment of the question.
        failed: when the last try ended of those whose last one came to nothing.
    """
    latest = in_utc(now) - EVERY + ONE_DAY / 2  # a night's check at another minute than last week's is in time
    due = [name for name in newest if name not in last or last[name].at <= latest]
    due.sort(key=lambda name: (last[name].at if name in last else NEVER, name))
    most = ceil(len(newest) / NIGHTS)
    return [
        NextCheck(newest[name], (last[name].count if name in last else 0) % PARTS + 1)
        for name in fair_turns(due, failed or {}, most)
    ]


def check_seconds(check: NextCheck) -> float:
    """The most seconds that a check may take, and the second one that confirms what the first one found."""
    return 2 * (LEAST_SECONDS + check.generation.bytes_added / check.parts / (SLOWEST_MIB_A_SECOND * 2**20))
