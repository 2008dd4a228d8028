"""On which day a pool, or a server, is full if it goes on as it did (P04, P24): a robust line, or nothing at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LOOK_BACK = timedelta(days=60)
"""What is older says little about what comes next."""

LEAST_SPAN = timedelta(days=6)
LEAST_DAYS = 5
"""A line through fewer days, or less time, is a guess."""

HORIZON = timedelta(days=730)
"""Further ahead nothing is foretold."""

DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class Sample:
    """The bytes that were used at a moment."""

    at: datetime
    used_bytes: int


@dataclass(frozen=True)
class Growth:
    """The line that use follows: where it is now, and bytes a day."""

    at: datetime
    used_bytes: float
    bytes_a_day: float


def growth(history: Iterable[Sample], now: datetime) -> Growth | None:
    """The line through the last weeks, None where it can't be told.

    The median of all slopes between two days, and of what each day says about today (Theil and Sen): one night on which
    a mailbox was imported, or a measurement that is far off, doesn't turn it.
    """
    days = by_day(one for one in history if now - LOOK_BACK <= one.at <= now)
    if len(days) < LEAST_DAYS or days[-1].at - days[0].at < LEAST_SPAN:
        return None
    slope = median(
        (later.used_bytes - earlier.used_bytes) / ((later.at - earlier.at).total_seconds() / DAY_SECONDS)
        for earlier, later in combinations(days, 2)
    )
    today = median(one.used_bytes + slope * (now - one.at).total_seconds() / DAY_SECONDS for one in days)
    return Growth(now, today, slope)


def full_at(history: Sequence[Sample], room_bytes: int, now: datetime) -> datetime | None:
    """The moment at which so much room is used up, now if it is already; None where it can't be told, or not soon.

    Args:
        history: what was used at which moment, in any order.
        room_bytes: the pool, or what a server can hold.
        now: nothing after it is looked at.
    """
    known = [one for one in history if one.at <= now]
    if known and max(known, key=lambda one: one.at).used_bytes >= room_bytes:
        return now
    line = growth(known, now)
    if line is None or line.bytes_a_day <= 0:
        return None
    days = max(0.0, room_bytes - line.used_bytes) / line.bytes_a_day
    return now + timedelta(days=days) if days <= HORIZON / timedelta(days=1) else None


def by_day(history: Iterable[Sample]) -> list[Sample]:
    """The last sample of each day, in order."""
    last: dict[str, Sample] = {}
    for one in sorted(history, key=lambda sample: sample.at):
        last[f"{one.at:%Y-%m-%d}"] = one
    return list(last.values())
