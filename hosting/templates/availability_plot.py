"""The curve of a year: how its budget was used up by outages, drawn as SVG by `reports/plot.html.j2` (P11)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from typing import TYPE_CHECKING

from hosting.policy.availability import ZERO, Standing
from hosting.policy.availability_year import year_bounds
from hosting.policy.months import start_of
from hosting.templates.availability_wording import SHORT_MONTHS

if TYPE_CHECKING:
    from datetime import datetime

    from hosting.policy.availability_year import YearTold

WIDTH, HEIGHT = 760, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 752, 14, 226
"""Where the axes stand."""

STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3000, 6000, 12_000, 30_000, 60_000)
"""Minutes between two lines of the grid."""

LINES_MOST = 6
HOUR_MINUTES = 60
LEAST_BAND = 0.8
"""A band is at least so wide, that it is seen."""


@dataclass(frozen=True)
class Mark:
    """A place on an axis, with its words."""

    at: float
    label: str


@dataclass(frozen=True)
class Band:
    """A time of the year."""

    left: float
    width: float


@dataclass(frozen=True)
class Plot:
    """All that is drawn, in pixels of the picture.

    Args:
        months: the beginnings of months.
        grid: lines of equal time down.
        used: the points of the curve, as SVG writes them.
        budget: the height of the budget's line.
        foretold: the points of the line to the day on which the budget would be used up; empty where it lasts.
        unmeasured: times of which nothing is known.
        today: where what was reckoned ends; None at the year's end.
    """

    months: tuple[Mark, ...]
    grid: tuple[Mark, ...]
    used: str
    budget: float
    foretold: str
    unmeasured: tuple[Band, ...]
    today: float | None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = RIGHT
    top: int = TOP
    bottom: int = BOTTOM


def plot_of(told: YearTold, language: str) -> Plot:
    """The picture of a year."""
    begins, ends = year_bounds(told.year)
    down = told.tally.down
    highest = max(down, told.budget, timedelta(minutes=1))
    step = next((one for one in STEPS if highest / timedelta(minutes=one) <= LINES_MOST), STEPS[-1])
    lines = ceil(highest / timedelta(minutes=step))
    top = timedelta(minutes=step * lines)

    def across(moment: datetime) -> float:
        return round(LEFT + (RIGHT - LEFT) * ((moment - begins) / (ends - begins)), 2)

    def up(length: timedelta) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * (length / top), 2)

    foretold = ""
    if told.used_up_at is not None and told.used_up_at > told.reckoned_to:
        foretold = f"{across(told.reckoned_to)},{up(down)} {across(told.used_up_at)},{up(told.budget)}"
    firsts = [date(told.year, month, 1) for month in range(1, 13)]
    return Plot(
        months=tuple(Mark(across(start_of(day)), SHORT_MONTHS[language][day.month - 1]) for day in firsts),
        grid=tuple(Mark(up(timedelta(minutes=step * one)), _told(step * one)) for one in range(lines + 1)),
        used=" ".join(f"{across(moment)},{up(length)}" for moment, length in _used(told)),
        budget=up(told.budget),
        foretold=foretold,
        unmeasured=tuple(
            Band(across(one.since), max(LEAST_BAND, round(across(one.until) - across(one.since), 2)))
            for one in told.line
            if one.standing is Standing.UNMEASURED
        ),
        today=across(told.reckoned_to) if begins < told.reckoned_to < ends else None,
    )


def _used(told: YearTold) -> list[tuple[datetime, timedelta]]:
    """The corners of the curve: at each moment how much was down before it."""
    if not told.line:
        return []
    used, corners = ZERO, [(told.line[0].since, ZERO)]
    for one in told.outages:
        corners.append((one.since, used))
        used += one.length
        corners.append((one.until, used))
    return [*corners, (told.line[-1].until, used)]


def _told(minutes: int) -> str:
    """Minutes on an axis: "30 min", "10 h"."""
    if not minutes:
        return "0"
    return f"{minutes} min" if minutes % HOUR_MINUTES else f"{minutes // HOUR_MINUTES} h"
