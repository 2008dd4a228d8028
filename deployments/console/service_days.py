"""`phm calendar`: days that are closed or opened for set-ups, against weekday and public holiday (P09)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from deployments.console.context import Reason, acting, now, reading, reason_given
from deployments.console.output import Json, emit
from hosting.errors import Refused
from hosting.policy.terms import TIME_ZONE

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

app = typer.Typer(help="Days closed or opened for set-ups, against weekday and public holiday.")

Day = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The day, e.g. 2026-12-24.")]
COLUMNS = {"day": "day", "weekday": "", "word": "service", "reason": "reason", "by": "by"}


@app.command("close")
def close(day: Day, reason: Reason) -> None:
    """Close a day: nothing is set up on it, and it doesn't count as service time."""
    override(day.date(), reason, opened=False)


@app.command("open")
def open_day(day: Day, reason: Reason) -> None:
    """Open a day, in the usual hours: a Saturday, a public holiday."""
    override(day.date(), reason, opened=True)


@app.command("list")
def list_days(*, as_json: Json = False) -> None:
    """List the days that operators closed and opened."""
    from hosting.inventory.views import overridden_days  # noqa: PLC0415  # not before it is needed: help is quick

    with reading() as session:
        found = [asdict(one) for one in overridden_days(session)]
    if not as_json:
        found = [{**row, "weekday": f"{row['day']:%A}", "word": "open" if row["opened"] else "closed"} for row in found]
    emit(found, COLUMNS, as_json=as_json, empty="No day is closed or opened besides the calendar.")


def override(day: date, reason: str, *, opened: bool) -> None:
    """Enter a day and record who did it and why; the promises made before stay as they were made.

    Raises:
        Refused: the day is over, or no reason is given.
    """
    from hosting.inventory import calendars, deeds  # noqa: PLC0415  # as above

    why, word = reason_given(reason), "opened" if opened else "closed"
    if day < now().astimezone(ZoneInfo(TIME_ZONE)).date():
        raise Refused(f"{day} is over.", "Name today or a day to come.")

    def enter(session: Session, by: str, at: datetime) -> None:
        calendars.override_day(session, day, opened=opened, reason=why, by=by)
        deeds.record(session, by, f"day {word}", f"day:{day}", why=why, now=at)

    acting(enter)
    typer.echo(f"{day:%A}, {day} is {word} for set-ups. Promises made before stay as they were made.")
