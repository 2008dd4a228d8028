"""`phm availability`: how a year stands, of one instance or of all, and the report for its customer (P11)."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # as Typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import now, reading
from deployments.console.output import Json, emit, emit_one
from deployments.console.wording import duration, heading
from hosting.errors import ServiceError
from hosting.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hosting.inventory.availability_views import CustomerYear, InstanceYear
    from hosting.policy.availability import Outage, Stretch
    from hosting.policy.availability_days import DayTally
    from hosting.policy.availability_year import LevelTold

COLUMNS = {
    "instance": "instance", "level": "level", "percent": "up, %", "owed_percent": "owed, %", "now": "now",
    "down": "down", "left": "budget left", "used_up_on": "used up on", "unmeasured_percent": "not measured, %",
    "outages": "outages",
}  # fmt: skip
LEVEL_COLUMNS = {
    "level": "level", "instances": "instances", "percent": "up, %", "down": "down", "left": "budget left",
    "unmeasured_percent": "not measured, %",
}  # fmt: skip
TITLES = {
    "instance": "instance", "customer": "customer", "level": "level", "year": "year", "now": "now", "percent": "up, %",
    "owed_percent": "owed, %", "down": "down", "budget": "budget", "left": "budget left", "used_up_on": "used up on",
    "unmeasured_percent": "not measured, %", "not_owed": "suspended",
}  # fmt: skip
MONTH_COLUMNS = {
    "month": "month", "percent": "up, %", "down": "down", "unmeasured_percent": "not measured, %",
    "not_owed": "suspended",
}  # fmt: skip
OUTAGE_COLUMNS = {"since": "began", "until": "ended", "length": "length", "cause": "cause", "note": "what"}
FINDING_COLUMNS = {"severity": "severity", "sentence": "finding", "do": "what to do"}


def availability(
    instance: Annotated[str, typer.Argument(help="The instance's name; all of them without.")] = "",
    *,
    year: Annotated[int, typer.Option("--year", help="The calendar year; this one without.")] = 0,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the report for the instance's customer to this file.")
    ] = None,
    language: Annotated[str, typer.Option("--language", help="Of the report: de or en; the customer's without.")] = "",
    as_json: Json = False,
) -> None:
    """Show how a year stands: the mean, the outages, what is left of the budget, and until when at this rate.

    Planned work and agreed moves count; what was not measured is never taken for up.
    """
    from hosting.policy.months import day_of  # noqa: PLC0415  # not before it is needed: help is quick

    wanted = year or day_of(now()).year
    if html is not None:
        write_report(instance, wanted, html, language)
    elif instance:
        show_one(instance, wanted, as_json=as_json)
    else:
        show_all(wanted, as_json=as_json)


def show_all(year: int, *, as_json: bool) -> None:
    """Every instance, the least budget left first; each service level."""
    from hosting.inventory.availability_views import years_told  # noqa: PLC0415  # as above
    from hosting.policy.availability_year import levels_told  # noqa: PLC0415  # as above

    with reading() as session:
        years = years_told(session, year, now(), probe_seconds())
    emit([row_of(one) for one in years], COLUMNS, as_json=as_json, empty=f"No instance was open in {year}.")
    if not as_json and years:
        heading("Service levels, by the time that was measured")
        emit([level_row(one) for one in levels_told(one.told for one in years)], LEVEL_COLUMNS, as_json=False)
        show_findings(years)


def show_one(name: str, year: int, *, as_json: bool) -> None:
    """One instance: its figures, months, outages, and what was noted."""
    from hosting.inventory.availability_views import year_of_instance  # noqa: PLC0415  # as above
    from hosting.policy.availability import noted_in, unmeasured_in  # noqa: PLC0415  # as above

    with reading() as session:
        found = year_of_instance(session, name, year, now(), probe_seconds())
    told = found.told
    months = [month_row(one) for one in told.months]
    outages = [outage_row(one) for one in told.outages]
    noted, gaps = ([stretch_row(one) for one in which(told.line)] for which in (noted_in, unmeasured_in))
    if as_json:
        days = [{**month_row(one), "day": one.day, "month": None} for one in told.days]
        parts = {"months": months, "days": days, "outages": outages, "outside_fails": noted, "not_measured": gaps}
        emit_one({**row_of(found), **parts}, {}, as_json=True)
        return
    emit_one(row_of(found), TITLES, as_json=False)
    heading("Months")
    emit(months, MONTH_COLUMNS, as_json=False)
    heading("Outages")
    emit(outages, OUTAGE_COLUMNS, as_json=False, empty="There was none.")
    if noted:
        heading("Up at its location, not reached from outside: no outages")
        emit(noted, OUTAGE_COLUMNS, as_json=False)
    if gaps:
        heading("Not measured")
        emit(gaps, {key: OUTAGE_COLUMNS[key] for key in ("since", "until", "length")}, as_json=False)
    show_findings([found])


def probe_seconds() -> float | None:
    """How often instances are probed at least, by the setting."""
    return load_settings().probes.seconds


def show_findings(years: Iterable[InstanceYear]) -> None:
    """What the operators are told, where there is something."""
    found = [finding for one in years for finding in one.findings]
    if found:
        heading("Findings")
        emit([vars(one) for one in found], FINDING_COLUMNS, as_json=False)


def write_report(name: str, year: int, file: Path, language: str) -> None:
    """The report on all that the customer of an instance has.

    Raises:
        ServiceError: no instance is named, the language isn't spoken, or the file can't be written.
    """
    from hosting.inventory.availability_views import year_of_customer, year_of_instance  # noqa: PLC0415  # as above
    from hosting.policy.terms import LANGUAGES  # noqa: PLC0415  # as above

    if not name:
        raise ServiceError("A report is about a customer.", "Name one of his instances: phm availability NAME --html …")
    if language and language not in LANGUAGES:
        raise ServiceError(f"Reports are not written in {language!r}.", f"Take one of: {', '.join(LANGUAGES)}.")
    with reading() as session:
        customer = year_of_instance(session, name, year, now(), probe_seconds()).customer
        told = year_of_customer(session, customer, year, now(), probe_seconds())
    page = page_of(told, language or told.language)
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ServiceError(f"{file} can't be written: {error.strerror}.", "Name another file.") from error
    names = ", ".join(one.instance.name for one in told.instances)
    typer.echo(f"{file}: availability of {names} in {year}, for {told.name}.")


def page_of(told: CustomerYear, language: str) -> str:
    """The report as a page."""
    from hosting.templates.availability_report import availability_report  # noqa: PLC0415  # as above

    years = [(one.instance.name, one.told) for one in told.instances]
    return availability_report(told.name, language, told.year, years, now())


def row_of(one: InstanceYear) -> dict[str, Any]:
    """An instance's year as a row."""
    from hosting.policy.availability_year import shown_percent  # noqa: PLC0415  # as above
    from hosting.policy.months import day_of  # noqa: PLC0415  # as above

    told, tally = one.told, one.told.tally
    return {
        "instance": one.instance.name,
        "customer": one.customer,
        "server": one.instance.server_name,
        "level": one.level or "standard",
        "year": told.year,
        "now": one.now.standing if one.now else None,
        "percent": shown_percent(tally.percent) if tally.percent is not None else None,
        "owed_percent": None if told.percent_owed is None else round(told.percent_owed, 6),
        "kept": told.kept,
        "budget": duration(told.budget),
        "budget_seconds": told.budget.total_seconds(),
        "down": duration(tally.down),
        "down_seconds": tally.down.total_seconds(),
        "left": duration(told.left),
        "left_seconds": told.left.total_seconds(),
        "used_up_at": told.used_up_at,
        "used_up_on": day_of(told.used_up_at) if told.used_up_at else None,
        "unmeasured_percent": f"{tally.unmeasured_percent:.2f}",
        "unmeasured_seconds": tally.unmeasured.total_seconds(),
        "not_owed": duration(tally.not_owed),
        "outages": len(told.outages),
        "reckoned_to": told.reckoned_to,
    }


def level_row(one: LevelTold) -> dict[str, Any]:
    """A service level as a row."""
    from hosting.policy.availability_year import shown_percent  # noqa: PLC0415  # as above

    return {
        "level": one.level or "standard",
        "instances": one.instances,
        "percent": shown_percent(one.tally.percent),
        "down": duration(one.tally.down),
        "left": duration(one.left),
        "unmeasured_percent": f"{one.tally.unmeasured_percent:.2f}",
    }


def month_row(one: DayTally) -> dict[str, Any]:
    """A month, or a day, as a row."""
    from hosting.policy.availability_year import shown_percent  # noqa: PLC0415  # as above

    return {
        "month": f"{one.day:%Y-%m}",
        "level": one.level or "standard",
        "percent": shown_percent(one.tally.percent),
        "down": length_of(one.tally.down.total_seconds()),
        "down_seconds": one.tally.down.total_seconds(),
        "unmeasured_percent": f"{one.tally.unmeasured_percent:.2f}",
        "unmeasured_seconds": one.tally.unmeasured.total_seconds(),
        "not_owed": duration(one.tally.not_owed),
    }


def outage_row(one: Outage) -> dict[str, Any]:
    """An outage as a row; its cause is the one that was at work longest."""
    leading = one.leading
    return {
        "since": one.since,
        "until": None if one.ongoing else one.until,
        "length": length_of(one.length.total_seconds()),
        "seconds": one.length.total_seconds(),
        "cause": one.cause,
        "note": leading.note or (f"answered: {leading.answer}" if leading.answer else ""),
        "ongoing": one.ongoing,
    }


def stretch_row(one: Stretch) -> dict[str, Any]:
    """Another time as a row."""
    return {
        "since": one.since,
        "until": one.until,
        "length": length_of(one.length.total_seconds()),
        "seconds": one.length.total_seconds(),
        "cause": one.cause,
        "note": one.note or (f"answered: {one.answer}" if one.answer else ""),
    }


def length_of(seconds: float) -> str:
    """A length to the second: an outage may have few."""
    whole = round(seconds)
    return f"{whole // 3600} h {whole // 60 % 60:02d} min {whole % 60:02d} s"
