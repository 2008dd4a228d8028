"""The page that tells how availability is reckoned tells what the program does (P11)."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from hosting.policy.availability import Standing, Stretch
from hosting.policy.availability_year import shown_percent, year_told
from hosting.policy.months import day_of, start_of
from hosting.policy.outage_causes import Cause
from hosting.policy.terms import STANDARD
from hosting.templates.availability_wording import duration
from tests.policy.lines import DAY, at, down, line, owed

PAGE = (Path(__file__).parents[2] / "docs" / "availability.md").read_text(encoding="utf-8")
ORDER = (
    "suspended",
    "restore",
    "move",
    "import",
    "update",
    "planned",
    "ours",
    "the customer's DNS",
    "the way out",
    "unknown",
)


def section(heading: str) -> list[str]:
    return PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0].splitlines()


def examples() -> list[list[str]]:
    rows = [line for line in section("Worked examples") if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def hours(text: str) -> timedelta:
    return timedelta(hours=float(text.removesuffix(" h")))


@pytest.mark.parametrize("row", examples(), ids=" ".join)
def test_every_example_is_reckoned_as_it_is_told(row: list[str]) -> None:
    opened, looked_at, length, ends, unmeasured, percent, budget, left, used_up_on = row
    since, now = start_of(date.fromisoformat(opened)), start_of(date.fromisoformat(looked_at))
    over, year = at(f"{ends} 12:00"), day_of(now - timedelta(days=1)).year
    others = [down(over - hours(length), hours(length))]
    if unmeasured != "0 h":
        others.append(Stretch(Standing.UNMEASURED, over + DAY, over + DAY + hours(unmeasured)))
    told = year_told(line(since, now, *others), [owed(since, percent=STANDARD.availability_percent)], year, now)
    shown = (shown_percent(told.tally.percent), duration(told.budget), duration(told.left))
    assert shown == (percent, budget, left)
    assert ("-" if told.used_up_at is None else str(day_of(told.used_up_at))) == used_up_on


def test_the_causes_are_told_in_the_order_in_which_they_go_before_one_another() -> None:
    told = [line.partition(". ")[2] for line in section("Which cause") if line[:1].isdigit()]
    assert len(told) == len(Cause)
    assert all(line.startswith(name) for line, name in zip(told, ORDER, strict=True))
    assert [one.value.split("_")[0] for one in Cause] == [
        "suspended", "restore", "move", "import", "update", "planned", "ours", "customers", "way", "unknown",
    ]  # fmt: skip


def test_the_numbers_on_the_page_are_those_of_the_terms() -> None:
    assert f"the {STANDARD.availability_percent:g} % of the service description" in " ".join(PAGE.split()).lower()
    assert f"More than {STANDARD.availability_unmeasured_percent:g} % of a month is a finding" in PAGE
