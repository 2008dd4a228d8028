"""A report on a year as it may look: two instances, outages of several causes, a gap, a way out that failed (P11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.policy.availability import Standing, Stretch
from hosting.policy.availability_year import year_told
from hosting.policy.outage_causes import Cause
from hosting.templates.availability_report import availability_report
from tests.policy.lines import DAY, HOUR, MINUTE, at, down, line, owed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Browser, Page

NEW_YEAR, NOW = at("2025-12-31 23:00"), at("2026-08-20 09:12")
GOOD = line(
    NEW_YEAR, NOW,
    down(at("2026-02-11 03:00"), 12 * MINUTE, Cause.PLANNED), down(at("2026-06-01 12:00"), HOUR, Cause.MOVE),
    Stretch(Standing.UNMEASURED, at("2026-04-19"), at("2026-04-21")),
    Stretch(Standing.OUTSIDE_FAILS, at("2026-05-01"), at("2026-05-01 03:00"), Cause.CUSTOMERS_DNS),
)  # fmt: skip
BAD = line(NEW_YEAR, NOW, down(at("2026-03-01"), 2 * DAY))


def write_report(folder: Path, language: str) -> str:
    """The address of a report on both, of which the second broke its promise."""
    years = [(name, year_told(one, [owed(NEW_YEAR)], 2026, NOW)) for name, one in (("k3v9q2", GOOD), ("m7p4xw", BAD))]
    file = folder / "report.html"
    file.write_text(availability_report("Ada Löwe", language, 2026, years, NOW), encoding="utf-8")
    return file.as_uri()


def take_pictures(browser: Browser, address: str, shoot: Callable[[Page, str], None]) -> None:
    """The report as it is read on a screen."""
    page = browser.new_context(viewport={"width": 1000, "height": 700}, java_script_enabled=False).new_page()
    page.goto(address)
    shoot(page, "availability-report")
