"""The page that tells customers and operators about off-peak hours tells what the program does (P15, P16, P40)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from hosting.policy.maintenance import is_off_peak, next_window, off_peak_windows
from hosting.policy.terms import STANDARD, TIME_ZONE

if TYPE_CHECKING:
    from hosting.policy.terms import Terms

PAGE = (Path(__file__).parents[2] / "docs" / "maintenance.md").read_text(encoding="utf-8")
BERLIN = ZoneInfo(TIME_ZONE)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
CHANGES = "The nights in which the clock is changed"


def table(heading: str) -> list[list[str]]:
    """The rows under a heading of the page, without the table's own head."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def told_level(opens: str, closes: str, days: str, holidays: str) -> tuple[Terms, str | None]:
    """A level of the page as its terms and the state whose holidays are kept."""
    whole = () if days == "none" else tuple(DAYS.index(day) for day in days.split(", "))
    state = None if holidays == "none" else holidays
    terms = replace(
        STANDARD, off_peak_opens=time.fromisoformat(opens), off_peak_closes=time.fromisoformat(closes),
        off_peak_days=whole, off_peak_on_holidays=state is not None,
    )  # fmt: skip
    return terms, state


LEVELS = {name: told_level(*told) for name, *told in table("Levels")}


def told_moment(text: str) -> datetime:
    """`Sat 24 Oct 2026 22:00 CEST` in UTC; the weekday and the clock's name have to be right."""
    weekday, *words, clock = text.split()
    hours = {"CET": 1, "CEST": 2}[clock]
    wall = datetime.strptime(" ".join(words), "%d %b %Y %H:%M").replace(tzinfo=UTC)
    moment = wall - timedelta(hours=hours)
    there = moment.astimezone(BERLIN)
    assert (DAYS[there.weekday()], there.tzname()) == (weekday, clock), text
    return moment


def told_length(text: str) -> timedelta:
    number, unit = text.split()
    return float(number) * {"h": timedelta(hours=1), "min": timedelta(minutes=1)}[unit]


def check_first(level: str, asked: datetime, opens: str, closes: str, lasts: str) -> None:
    """The first window that is not over at a moment is the one that is told, and no moment beside it is off-peak."""
    terms, state = LEVELS[level]
    found = next(off_peak_windows(asked, terms, state))
    assert (found.opens, found.closes, found.lasts) == (told_moment(opens), told_moment(closes), told_length(lasts))
    second = timedelta(seconds=1)
    for moment, off_peak in ((found.opens - second, False), (found.opens, True),
                             (found.closes - second, True), (found.closes, False)):  # fmt: skip
        assert is_off_peak(moment, terms, state) is off_peak


@pytest.mark.parametrize("row", table(CHANGES), ids=lambda row: f"{row[0]} {row[1]}")
def test_each_night_in_which_the_clock_is_changed_is_as_the_page_tells(row: list[str]) -> None:
    level, opens, closes, lasts = row
    check_first(level, told_moment(opens) - timedelta(hours=10), opens, closes, lasts)


def test_the_page_tells_every_night_of_five_years_in_which_the_clock_is_changed() -> None:
    days = [date(2026, 1, 1) + timedelta(days=ahead) for ahead in range(5 * 365 + 1)]
    ends = [datetime.combine(day, time(12), BERLIN).utcoffset() for day in days]
    changed = [day for day, (before, after) in zip(days[1:], pairwise(ends), strict=True) if before != after]
    assert len(changed) == 10
    told = [
        told_moment(closes).astimezone(BERLIN).date() for level, _, closes, _ in table(CHANGES) if level == "nights"
    ]
    assert told == changed
    weekends = [
        told_moment(opens).astimezone(BERLIN).date() for level, opens, *_ in table(CHANGES) if level == "standard"
    ]
    assert weekends == [day - timedelta(days=2) for day in changed]


@pytest.mark.parametrize("row", table("Examples"), ids=lambda row: f"{row[0]} {row[1]}")
def test_each_window_of_the_page_is_the_first_one_after_its_moment(row: list[str]) -> None:
    level, asked, opens, closes, lasts, _ = row
    check_first(level, told_moment(asked), opens, closes, lasts)


@pytest.mark.parametrize("row", table("When may work begin?"), ids=lambda row: f"{row[0]} {row[1]}, {row[2]}")
def test_work_begins_when_the_page_tells(row: list[str]) -> None:
    level, at, lasts, fits, why = row
    terms, state = LEVELS[level]
    assert next_window(told_moment(at), told_length(lasts), (terms,), state).opens == told_moment(fits), why


def test_the_page_tells_the_standard_terms() -> None:
    assert LEVELS["standard"] == (STANDARD, None)
