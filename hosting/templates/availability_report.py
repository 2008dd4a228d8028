"""The report on a customer's year: HTML to read, to print, to send; German and English (P11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.policy.availability import noted_in
from hosting.policy.months import day_of
from hosting.policy.outage_causes import Cause
from hosting.templates import render
from hosting.templates.availability_plot import Plot, plot_of
from hosting.templates.availability_wording import (
    CAUSES,
    NONE,
    duration,
    percent,
    promised,
    short_day,
    short_moment,
    unmeasured,
)
from hosting.templates.wording import MONTHS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hosting.policy.availability import Outage, Stretch
    from hosting.policy.availability_days import DayTally
    from hosting.policy.availability_year import YearTold


@dataclass(frozen=True)
class MonthRow:
    """A month as the report shows it."""

    name: str
    percent: str
    down: str
    unmeasured: str
    not_owed: str


@dataclass(frozen=True)
class OutageRow:
    """An outage, or a time in which the instance was not reached from outside alone."""

    since: str
    until: str
    length: str
    cause: str
    ongoing: bool = False


@dataclass(frozen=True)
class Section:
    """An instance's part of the report, all figures as they are read.

    Args:
        name: of the instance.
        kept: whether the promise is kept so far.
        measured: whether anything was measured.
        used_up_on: the day on which the budget was, or would be, used up; empty where it lasts.
        running: whether more of the year is to come.
    """

    name: str
    kept: bool
    measured: bool
    percent: str
    promised: str
    budget: str
    down: str
    left: str
    over: str
    used_up_on: str
    running: bool
    unmeasured: str
    unmeasured_length: str
    not_owed: str
    since: str
    until: str
    months: tuple[MonthRow, ...]
    outages: tuple[OutageRow, ...]
    noted: tuple[OutageRow, ...]
    plot: Plot


def availability_report(
    customer: str, language: str, year: int, years: Sequence[tuple[str, YearTold]], made_at: datetime
) -> str:
    """The report as a page that needs nothing else: its style and its pictures are in it.

    Args:
        customer: his name.
        language: of the report.
        year: the calendar year.
        years: each instance's name with its year; in each something is owed.
        made_at: the moment that it tells as its own.
    """
    sections = [section_of(name, told, language) for name, told in years]
    return render(
        f"reports/{language}/availability.html.j2",
        language=language,
        customer=customer,
        year=year,
        sections=sections,
        made_at=made_at,
        running=any(one.running for one in sections),
    )


def availability_picture(name: str, told: YearTold) -> str:
    """The curve of an instance's year as an SVG file of its own, in English: for operators."""
    return render(
        "reports/picture.html.j2",
        picture=plot_of(told, "en"),
        title=f"Downtime of {name} in {told.year}",
        told=f"{duration(told.tally.down)} of {duration(told.budget)} that are permitted.",
        budget="Permitted downtime",
    ).strip()


def section_of(name: str, told: YearTold, language: str) -> Section:
    """An instance's year in the words of a language."""
    tally, owed = told.tally, told.percent_owed
    return Section(
        name=name,
        kept=told.kept,
        measured=tally.percent is not None,
        percent=percent(tally.percent, language),
        promised=NONE if owed is None else promised(owed, language),
        budget=duration(told.budget),
        down=duration(tally.down),
        left=duration(told.left),
        over=duration(-told.left),
        used_up_on="" if told.used_up_at is None else short_day(day_of(told.used_up_at), language),
        running=told.running,
        unmeasured=unmeasured(tally.unmeasured_percent, language),
        unmeasured_length=duration(tally.unmeasured),
        not_owed=duration(tally.not_owed) if tally.not_owed else "",
        since=short_moment(told.owed[0].since, language),
        until=short_moment(told.reckoned_to, language),
        months=tuple(_month(one, language) for one in told.months),
        outages=tuple(_outage(one, language) for one in told.outages),
        noted=tuple(_noted(one, language) for one in noted_in(told.line)),
        plot=plot_of(told, language),
    )


def _month(one: DayTally, language: str) -> MonthRow:
    """A month's row."""
    tally = one.tally
    return MonthRow(
        MONTHS[language][one.day.month - 1],
        percent(tally.percent, language),
        duration(tally.down),
        unmeasured(tally.unmeasured_percent, language),
        duration(tally.not_owed) if tally.not_owed else "",
    )


def _outage(one: Outage, language: str) -> OutageRow:
    """An outage's row, with all that was at work, the longest first."""
    causes = list(dict.fromkeys([one.cause, *(part.cause or Cause.UNKNOWN for part in one.parts)]))
    told = ", ".join(CAUSES[language][cause] for cause in causes)
    return _row(one, told, language, ongoing=one.ongoing)


def _noted(one: Stretch, language: str) -> OutageRow:
    """The row of a time in which it was not reached from outside alone."""
    return _row(one, CAUSES[language][one.cause or Cause.WAY_OUT], language)


def _row(one: Outage | Stretch, cause: str, language: str, *, ongoing: bool = False) -> OutageRow:
    """What both rows say."""
    return OutageRow(
        short_moment(one.since, language), short_moment(one.until, language), duration(one.length), cause, ongoing
    )
