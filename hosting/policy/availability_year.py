"""A calendar year of an instance: its mean, its budget, what is left of it, and when that would be used up (P11).

The year is counted in Berlin, from the instance's opening to the end of what is owed. The mean is the time up of the
time measured; planned work and agreed moves count as outages. The budget is the share of the measured time, past and
still to come, that may be down: so a part of a year has its part of the budget, and unmeasured time brings none.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from math import floor
from typing import TYPE_CHECKING

from hosting.policy.availability import ZERO, Standing, outages_of
from hosting.policy.availability_days import DayTally, Owed, Tally, days_of, levels_of, months_of, tally_of, whole_line
from hosting.policy.backup_audit import Finding, Severity
from hosting.policy.months import day_of, months_after, start_of
from hosting.policy.service_levels import STANDARD_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hosting.policy.availability import Outage, Stretch

FORETOLD_FROM = timedelta(days=7)
"""Of less time measured no rate is told: one stop in an hour would foretell the worst."""

SHOWN_PLACES = 3

BROKEN, AT_THIS_RATE, NOT_MEASURED = "budget used up", "budget used up soon", "not measured"
"""Kinds of findings; each is of a year or a month, which stands behind it."""

SINGLY_MOST = 10
"""So many findings of a kind are told one by one; more of them have one reason, and are told as one."""


@dataclass(frozen=True)
class YearTold:
    """What is told of an instance's year.

    Args:
        year: which.
        owed: by which levels, cut to the year, the first one first; none where nothing is owed in it.
        reckoned_to: up to which moment; what comes after is to come.
        line: how it stood, over all that is owed up to then.
        levels: how long it stood in which way, by level.
        budgets: how long it may be down in the year, by level.
        used_up_at: when the budget was used up, or would be at this rate; None where it lasts, or can't be told.
    """

    year: int
    owed: tuple[Owed, ...]
    reckoned_to: datetime
    line: tuple[Stretch, ...] = ()
    levels: Mapping[str, Tally] = field(default_factory=dict)
    budgets: Mapping[str, timedelta] = field(default_factory=dict)
    used_up_at: datetime | None = None

    @cached_property
    def tally(self) -> Tally:
        """All of it together."""
        return tally_of(self.line)

    @cached_property
    def days(self) -> tuple[DayTally, ...]:
        """Each day of Berlin, in order."""
        return days_of(self.line, self.owed)

    @property
    def months(self) -> tuple[DayTally, ...]:
        """The days by month."""
        return months_of(self.days)

    @property
    def outages(self) -> tuple[Outage, ...]:
        """The first one first."""
        return outages_of(self.line)

    @property
    def budget(self) -> timedelta:
        """How long it may be down in the year."""
        return sum(self.budgets.values(), ZERO)

    @property
    def left(self) -> timedelta:
        """What is left of the budget; less than nothing where the promise is broken."""
        return self.budget - self.tally.down

    @property
    def kept(self) -> bool:
        """Whether no more was down than may be."""
        return self.left >= ZERO

    @property
    def running(self) -> bool:
        """Whether more of what is owed in the year is to come."""
        ends = self.owed[-1].until if self.owed else None
        return ends is not None and self.reckoned_to < ends

    @property
    def percent_owed(self) -> float | None:
        """What is owed as the year's mean, of several levels by their share of the time; None where nothing is."""
        lengths = [(one.percent, (one.until or self.reckoned_to) - one.since) for one in self.owed]
        whole = sum((length for _, length in lengths), ZERO)
        return sum(percent * (length / whole) for percent, length in lengths) if whole else None


@dataclass(frozen=True)
class LevelTold:
    """What is told of all instances of a service level: their measured time together.

    Args:
        level: its name; empty for the standard terms.
        instances: how many had it in the year.
        tally: how long they stood in which way, all together.
        budget: how long they may be down, all together.
    """

    level: str
    instances: int
    tally: Tally
    budget: timedelta

    @property
    def left(self) -> timedelta:
        """What is left of the budget, all together."""
        return self.budget - self.tally.down


def year_bounds(year: int) -> tuple[datetime, datetime]:
    """The first moment of a calendar year in Berlin, and the first after it."""
    return start_of(date(year, 1, 1)), start_of(date(year + 1, 1, 1))


def owed_in(owed: Iterable[Owed], year: int) -> tuple[Owed, ...]:
    """What is owed in a year, cut to it, the first one first."""
    begins, ends = year_bounds(year)
    found = []
    for one in sorted(owed, key=lambda one: one.since):
        since, until = max(one.since, begins), min(one.until or ends, ends)
        if since < until:
            found.append(Owed(one.level, one.percent, since, until))
    return tuple(found)


def year_told(line: Sequence[Stretch], owed: Iterable[Owed], year: int, now: datetime) -> YearTold:
    """A year of an instance.

    Args:
        line: its timeline in order; what is owed and not in it counts as unmeasured.
        owed: by which levels; they don't overlap.
        year: the calendar year.
        now: nothing after it is looked at.
    """
    parts = owed_in(owed, year)
    to = min(now, year_bounds(year)[1])
    seen = whole_line(line, parts, to)
    levels = levels_of(seen, parts)
    budgets = _budgets(parts, levels, to)
    used_up_at = _used_up_at(seen, parts, sum(budgets.values(), ZERO), to)
    return YearTold(year, parts, to, seen, levels, budgets, used_up_at)


def levels_told(years: Iterable[YearTold]) -> tuple[LevelTold, ...]:
    """The service levels of these instances, by name; the mean of each is weighed by the time that was measured."""
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    budgets: defaultdict[str, timedelta] = defaultdict(timedelta)
    counts: defaultdict[str, int] = defaultdict(int)
    for told in years:
        for level, budget in told.budgets.items():
            budgets[level] += budget
            tallies[level] += told.levels[level]
            counts[level] += 1
    return tuple(LevelTold(level, counts[level], tallies[level], budgets[level]) for level in sorted(budgets))


def level_days(years: Iterable[YearTold], level: str) -> tuple[DayTally, ...]:
    """The days of a service level, each with all instances that had it then."""
    found: defaultdict[date, Tally] = defaultdict(Tally)
    for told in years:
        for one in told.days:
            if one.level == level:
                found[one.day] += one.tally
    return tuple(DayTally(day, level, tally) for day, tally in sorted(found.items()))


def availability_findings(name: str, told: YearTold, unmeasured_most: float) -> list[Finding]:
    """What of an instance's year is told to the operators.

    Args:
        name: of the instance.
        told: its year.
        unmeasured_most: more of a month without measurement is a finding, in percent.
    """
    subject, found = f"instance:{name}", []
    shown, look = shown_percent(told.tally.percent), f"See its outages: phm availability {name} --year {told.year}."
    if not told.kept:
        said = f"{name} has been up {shown} % of {told.year}: more than its whole budget is used up."
        found.append(Finding(Severity.WRONG, subject, said, look, f"{BROKEN} {told.year}"))
    elif told.used_up_at is not None:
        day = day_of(told.used_up_at)
        said = f"{name} has been up {shown} % of {told.year}; at this rate its budget is used up on {day}."
        found.append(Finding(Severity.WATCH, subject, said, look, f"{AT_THIS_RATE} {told.year}"))
    for level, tally in sorted(told.levels.items()):
        if len(told.levels) > 1 and told.kept and tally.down > told.budgets[level]:
            by = level or STANDARD_NAME
            up = shown_percent(tally.percent)
            said = f"{name} has been up {up} % of its time by {by}: more than its share is used up."
            do = f"By the whole year the promise is kept. {look}"
            found.append(Finding(Severity.WATCH, subject, said, do, f"{BROKEN} by {by} {told.year}"))
    for month, share in _unmeasured(told):
        if share > unmeasured_most:
            said = f"{share:.1f} % of {month:%B %Y} were not measured for {name}: no probe has a result."
            do = "See that the prober runs, and that another server of its location can ask: phm status."
            found.append(Finding(Severity.WRONG, subject, said, do, f"{NOT_MEASURED} {month:%Y-%m}"))
    return found


def gathered(findings: Iterable[Finding]) -> list[Finding]:
    """Findings as a letter tells them: many of one kind as one, what breaks a promise first."""
    by_code: defaultdict[str, list[Finding]] = defaultdict(list)
    for one in findings:
        by_code[one.code].append(one)
    told: list[Finding] = []
    for code, same in by_code.items():
        if len(same) <= SINGLY_MOST:
            told += same
            continue
        said = f"{len(same)} instances have the same finding ({code}). The first: {same[0].sentence}"
        told.append(Finding(same[0].severity, "service", said, f"{same[0].do} All: phm availability.", code))
    return sorted(told, key=lambda one: (one.severity is not Severity.WRONG, one.subject))


def shown_percent(percent: float | None) -> str:
    """A mean as people read it, rounded down: what is below the promise never looks as if it kept it."""
    if percent is None:
        return "-"
    return f"{floor(round(percent * 10**SHOWN_PLACES, 6)) / 10**SHOWN_PLACES:.{SHOWN_PLACES}f}"


def _budgets(parts: Sequence[Owed], levels: Mapping[str, Tally], to: datetime) -> dict[str, timedelta]:
    """How long may be down by each level: of what was measured, and of what is still to come."""
    found: dict[str, timedelta] = {}
    for part in parts:
        to_come = max(ZERO, (part.until or to) - max(part.since, to))
        before = found.get(part.level)
        past = levels[part.level].measured * part.may_be_down if before is None else before
        found[part.level] = past + to_come * part.may_be_down
    return found


def _used_up_at(line: Sequence[Stretch], parts: Sequence[Owed], budget: timedelta, to: datetime) -> datetime | None:
    """When the budget was used up; else when it would be, if it went on as in the measured time of the year."""
    down = measured = ZERO
    for one in line:
        measured += one.length if one.standing not in {Standing.UNMEASURED, Standing.NOT_OWED} else ZERO
        if one.standing is Standing.DOWN:
            if down + one.length >= budget:
                return one.since + (budget - down)
            down += one.length
    if not down or measured < FORETOLD_FROM:
        return None
    ends, seconds = parts[-1].until, (budget - down).total_seconds() * (measured / down)  # may be of thousands of years
    return to + timedelta(seconds=seconds) if ends is not None and seconds < (ends - to).total_seconds() else None


def _unmeasured(told: YearTold) -> list[tuple[date, float]]:
    """What share of each month is not measured, in percent, of all of it that is owed: what is to come included."""
    unmeasured = _by_month(told.line, Standing.UNMEASURED)
    not_owed = _by_month(told.line, Standing.NOT_OWED) if unmeasured else {}
    found = []
    for month, length in sorted(unmeasured.items()):
        begins, ends = start_of(month), start_of(months_after(month, 1))
        owed = sum((_overlap(part, begins, ends) for part in told.owed), ZERO) - not_owed.get(month, ZERO)
        if owed > ZERO:
            found.append((month, 100 * (length / owed)))
    return found


def _by_month(line: Iterable[Stretch], standing: Standing) -> dict[date, timedelta]:
    """How long it stood so, by the first days of months; the days of a year need not be counted for that."""
    found: defaultdict[date, timedelta] = defaultdict(timedelta)
    for one in line:
        begin = one.since
        while one.standing is standing and begin < one.until:
            month = day_of(begin).replace(day=1)
            end = min(one.until, start_of(months_after(month, 1)))
            found[month] += end - begin
            begin = end
    return dict(found)


def _overlap(part: Owed, since: datetime, until: datetime) -> timedelta:
    """How long of a time is owed."""
    return max(ZERO, min(part.until or until, until) - max(part.since, since))
