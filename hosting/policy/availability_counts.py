"""Days whose probes are forgotten: they were counted for good before, and their outages are on record (P11)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from hosting.policy.availability import ZERO, Standing, Stretch, joined
from hosting.policy.availability_days import Owed, cut, days_of, whole_line
from hosting.policy.backup_times import ONE_DAY
from hosting.policy.months import start_of
from hosting.policy.outage_causes import Cause, Labelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime


@dataclass(frozen=True)
class Counted:
    """How long an instance stood in which way on a day of Berlin, as it was counted when the day was over."""

    day: date
    up: timedelta
    down: timedelta
    unmeasured: timedelta


def with_counts(
    line: Sequence[Stretch],
    owed: Sequence[Owed],
    counts: Iterable[Counted],
    outages: Iterable[Labelled],
    until: datetime,
) -> tuple[Stretch, ...]:
    """A timeline in which days of which less is known than was counted are as they were counted.

    Their sums are right, and their outages lie where they are on record; where in the day the rest lay is forgotten.

    Args:
        line: stretches in order, without overlaps.
        owed: in order, without overlaps, each with its end; one at least.
        counts: days that were counted.
        outages: on record, with their causes.
        until: the end, at the latest.
    """
    whole, recorded = whole_line(line, owed, until), sorted(outages, key=lambda one: one.since)
    if not whole:
        return ()
    unmeasured: defaultdict[date, timedelta] = defaultdict(timedelta)
    for one in days_of(whole, owed):
        unmeasured[one.day] += one.tally.unmeasured
    found, at = list[Stretch](), whole[0].since
    for count in sorted(counts, key=lambda one: one.day):
        if unmeasured[count.day] > count.unmeasured:
            since, ends = max(start_of(count.day), at), min(start_of(count.day + ONE_DAY), whole[-1].until)
            found += [*cut(whole, at, since), *_day(count, recorded, since, ends)]
            at = ends
    return joined([*found, *cut(whole, at, None)])


def _day(count: Counted, outages: Iterable[Labelled], since: datetime, until: datetime) -> list[Stretch]:
    """One day as it was counted; what of it is down and not on record comes first."""
    left, at, found = count.down, since, list[Stretch]()
    parts = [(max(one.since, since), min(one.until or until, until), one) for one in outages]
    downs = [(begin, end, one) for begin, end, one in parts if begin < end]
    known = sum((end - begin for begin, end, _ in downs), ZERO)
    rest = [
        (Standing.DOWN, max(ZERO, left - known)),
        (Standing.UNMEASURED, count.unmeasured),
        (Standing.NOT_OWED, max(ZERO, (until - since) - count.up - count.down - count.unmeasured)),
        (Standing.UP, until - since),
    ]
    for begin, end, one in [*downs, (until, until, None)]:
        rest = _fill(found, rest, at, begin)
        at = max(at, begin)
        ends = min(end, at + left) if one is not None else at
        if one is not None and at < ends:
            found.append(Stretch(Standing.DOWN, at, ends, one.cause, one.note))
            left -= ends - at
            at = ends
    return found


def _fill(
    found: list[Stretch], rest: list[tuple[Standing, timedelta]], since: datetime, until: datetime
) -> list[tuple[Standing, timedelta]]:
    """A time filled with what is left to be placed, in its order; what is left after it."""
    left = []
    for standing, length in rest:
        takes = min(length, until - since) if since < until else ZERO
        if takes > ZERO:
            cause = {Standing.DOWN: Cause.UNKNOWN, Standing.NOT_OWED: Cause.SUSPENDED}.get(standing)
            found.append(Stretch(standing, since, since + takes, cause))
            since += takes
        left.append((standing, length - takes))
    return left
