"""Time up, down, not measured and not owed, added up by the days of Berlin (P11).

Lengths are exact, and the sum of the parts is the whole: a day of 23 or 25 hours is one of 23 or 25 hours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate, groupby, pairwise
from typing import TYPE_CHECKING

from hosting.policy.availability import ZERO, Standing, Stretch, joined
from hosting.policy.backup_times import ONE_DAY
from hosting.policy.months import day_of, start_of
from hosting.policy.outage_causes import Cause

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date, datetime, timedelta


@dataclass(frozen=True)
class Owed:
    """A time in which availability is owed by one service level (P40).

    Args:
        level: its name; empty for the standard terms.
        percent: what is owed as a yearly mean.
        since: its beginning.
        until: its end; None where none is known.
    """

    level: str
    percent: float
    since: datetime
    until: datetime | None = None

    @property
    def may_be_down(self) -> float:
        """The share of the measured time that may be down."""
        return (100 - self.percent) / 100


@dataclass(frozen=True)
class Tally:
    """How long an instance stood in which way; of the time up, `outside_fails` was so at its location alone."""

    up: timedelta = ZERO
    down: timedelta = ZERO
    unmeasured: timedelta = ZERO
    not_owed: timedelta = ZERO
    outside_fails: timedelta = ZERO

    def __add__(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(
            self.up + other.up,
            self.down + other.down,
            self.unmeasured + other.unmeasured,
            self.not_owed + other.not_owed,
            self.outside_fails + other.outside_fails,
        )

    @property
    def measured(self) -> timedelta:
        """The base of the mean."""
        return self.up + self.down

    @property
    def owed(self) -> timedelta:
        """What is owed, measured or not."""
        return self.measured + self.unmeasured

    @property
    def whole(self) -> timedelta:
        """All of it."""
        return self.owed + self.not_owed

    @property
    def percent(self) -> float | None:
        """The share of the measured time that was up; None where nothing was measured."""
        return 100 * (self.up / self.measured) if self.measured else None

    @property
    def unmeasured_percent(self) -> float:
        """The share of the owed time of which nothing is known."""
        return 100 * (self.unmeasured / self.owed) if self.owed else 0.0


@dataclass(frozen=True)
class DayTally:
    """A day, or the part of it that one level owes; of a month the day is the first."""

    day: date
    level: str
    tally: Tally


def tally_of(stretches: Iterable[Stretch]) -> Tally:
    """The lengths of these stretches."""
    return _added((one.standing, one.length) for one in stretches)


def whole_line(line: Sequence[Stretch], owed: Sequence[Owed], until: datetime) -> tuple[Stretch, ...]:
    """A timeline over all that is owed up to a moment: what it lacks is unmeasured, what nobody owes is not owed.

    Args:
        line: stretches in order, without overlaps.
        owed: in order, without overlaps, each with its end.
        until: the end, at the latest.
    """
    found: list[Stretch] = []
    for part in owed:
        ends = min(part.until or until, until)
        if found and found[-1].until < part.since < ends:
            found.append(Stretch(Standing.NOT_OWED, found[-1].until, part.since, Cause.SUSPENDED))
        found += _filled(line, part.since, ends)
    return joined(found)


def cut(line: Iterable[Stretch], since: datetime, until: datetime | None) -> Iterator[Stretch]:
    """What of a timeline lies in a time."""
    for one in line:
        begins, ends = max(one.since, since), one.until if until is None else min(one.until, until)
        if begins < ends:
            yield one if (begins, ends) == (one.since, one.until) else replace(one, since=begins, until=ends)


def days_of(line: Sequence[Stretch], owed: Sequence[Owed]) -> tuple[DayTally, ...]:
    """The days of a whole timeline, each by the level that owes it; those that lie wholly in no level by none."""
    if not line:
        return ()
    since, until = line[0].since, line[-1].until
    edges = {moment for part in owed for moment in (part.since, part.until or until) if since < moment < until}
    bounds = sorted({since, until, *edges, *_midnights(since, until)})
    parts = (
        (day_of(begin), _level_at(owed, begin), _added(inside))
        for (begin, _), inside in zip(pairwise(bounds), _between(line, bounds), strict=True)
    )
    by_day = groupby(parts, key=lambda one: one[:2])
    return tuple(DayTally(day, level, sum((one[2] for one in same), Tally())) for (day, level), same in by_day)


def levels_of(line: Sequence[Stretch], owed: Sequence[Owed]) -> dict[str, Tally]:
    """A whole timeline by the levels that owe it."""
    found: dict[str, Tally] = {}
    for part in owed:
        inside = ((one.standing, one.length) for one in cut(line, part.since, part.until))
        found[part.level] = found.get(part.level, Tally()) + _added(inside)
    return found


def months_of(days: Iterable[DayTally]) -> tuple[DayTally, ...]:
    """Days in order by month; its level is that of its last day."""
    by_month = ((month, list(same)) for month, same in groupby(days, key=lambda one: one.day.replace(day=1)))
    return tuple(DayTally(month, same[-1].level, sum((one.tally for one in same), Tally())) for month, same in by_month)


def sums_of(days: Iterable[DayTally]) -> tuple[DayTally, ...]:
    """Days in order, each with all before it: the mean of the year by the day."""
    return tuple(accumulate(days, lambda before, one: replace(one, tally=before.tally + one.tally)))


def _filled(line: Sequence[Stretch], since: datetime, until: datetime) -> Iterator[Stretch]:
    """A timeline in a time, with what it lacks there as unmeasured."""
    at = since
    for one in cut(line, since, until):
        if at < one.since:
            yield Stretch(Standing.UNMEASURED, at, one.since)
        yield one
        at = one.until
    if at < until:
        yield Stretch(Standing.UNMEASURED, at, until)


def _added(lengths: Iterable[tuple[Standing, timedelta]]) -> Tally:
    """Lengths, added up by how it stood."""
    found = dict.fromkeys(Standing, ZERO)
    for standing, length in lengths:
        found[standing] += length
    return Tally(
        up=found[Standing.UP] + found[Standing.OUTSIDE_FAILS],
        down=found[Standing.DOWN],
        unmeasured=found[Standing.UNMEASURED],
        not_owed=found[Standing.NOT_OWED],
        outside_fails=found[Standing.OUTSIDE_FAILS],
    )


def _between(line: Sequence[Stretch], bounds: Sequence[datetime]) -> Iterator[list[tuple[Standing, timedelta]]]:
    """How it stood between each two bounds, and for how long; one way through both."""
    place = 0
    for begin, end in pairwise(bounds):
        inside = []
        while place < len(line) and line[place].since < end:
            one = line[place]
            inside.append((one.standing, min(one.until, end) - max(one.since, begin)))
            if one.until > end:
                break
            place += 1
        yield inside


def _midnights(since: datetime, until: datetime) -> Iterator[datetime]:
    """The beginnings of days between two moments."""
    day = day_of(since) + ONE_DAY
    while start_of(day) < until:
        yield start_of(day)
        day += ONE_DAY


def _level_at(owed: Sequence[Owed], moment: datetime) -> str:
    """Who owes what is served at a moment; the level before where nobody does."""
    return [one.level for one in owed if one.since <= moment][-1]
