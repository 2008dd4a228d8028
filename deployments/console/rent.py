"""`phm rent`: rents that are overdue by the shop's word, and how far their customers were warned (P41)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import acting, now, reading, reason_given
from deployments.console.output import Json, emit, emit_one
from deployments.console.wording import heading
from hosting.errors import Refused

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.rent import ArrearsFacts

app = typer.Typer(help="Rents that are overdue: how far each customer was warned, and more time for one.")

Instance = Annotated[str, typer.Argument(help="The instance's name.")]
COLUMNS = {
    "order": "order", "instance": "instance", "begun_at": "overdue since", "stands": "stands", "owed": "rents due on",
    "suspends_at": "suspends at", "held_until": "held until",
}  # fmt: skip
TITLES = {
    **COLUMNS, "reminded_at": "reminded", "reminded_again_at": "reminded again", "announced_at": "announced",
    "held_by": "held by", "held_why": "held because",
}  # fmt: skip
RENT_COLUMNS = {"due_on": "due on", "overdue_at": "overdue by the shop since", "settled_at": "settled"}


@app.command("list")
def list_arrears(*, as_json: Json = False) -> None:
    """List the orders whose rent is overdue, the longest first."""
    from hosting.inventory.rents import open_arrears  # noqa: PLC0415  # not before it is needed: help is quick

    with reading() as session:
        rows = [row_of(session, one) for one in open_arrears(session)]
    emit(rows, COLUMNS, as_json=as_json, empty="No rent is overdue.")


@app.command("show")
def show(instance: Instance, *, as_json: Json = False) -> None:
    """Show an instance's rents as far as the shop told of them, and how far its customer was warned."""
    from hosting.inventory.instances import instance_facts  # noqa: PLC0415  # as above
    from hosting.inventory.rents import arrears_of, rents_of  # noqa: PLC0415  # as above

    with reading() as session:
        order = instance_facts(session, instance).order_reference
        found = arrears_of(session, order)
        row = row_of(session, found) if found else {"order": order, "instance": instance, "stands": "not overdue"}
        told = [asdict(one) for one in rents_of(session, order)]
    if as_json:
        emit_one({**row, "rents": told}, {}, as_json=True)
        return
    emit_one(row, TITLES, as_json=False)
    heading("Rents that the shop told of")
    emit(told, RENT_COLUMNS, as_json=False)


@app.command("hold")
def hold(
    instance: Instance,
    *,
    until: Annotated[str, typer.Option("--until", help="The first day on which it goes on, e.g. 2027-01-15.")],
    because: Annotated[str, typer.Option("--because", help="Why, e.g. the customer's call of today; recorded.")],
) -> None:
    """Give a customer time: no letter, no suspension until that day; who is suspended for it is let in until then."""
    from hosting.inventory import rents  # noqa: PLC0415  # as above

    why = reason_given(because)
    try:
        day = date.fromisoformat(until)
    except ValueError as error:
        raise Refused(f"{until!r} is no day.", "Write it like 2027-01-15.") from error

    def act(session: Session, by: str, at: datetime) -> ArrearsFacts:
        return rents.hold(session, instance, day, why, by=by, now=at)

    held = acting(act)
    typer.echo(f"Order {held.order} is left alone until {held.held_until}; a suspension is announced anew after that.")


def row_of(session: Session, one: ArrearsFacts) -> dict[str, Any]:
    """How an order stands, as a row."""
    from hosting.inventory.rents import rents_of, served_instance  # noqa: PLC0415  # as above
    from hosting.inventory.suspensions import standing  # noqa: PLC0415  # as above

    instance = served_instance(session, one.order)
    suspended = bool(instance and any(known.cause == "rent" for known in standing(session, instance)))
    return {
        **asdict(one), "instance": instance, "stands": stands(one, now(), suspended=suspended),
        "owed": ", ".join(str(rent.due_on) for rent in rents_of(session, one.order) if rent.is_open),
    }  # fmt: skip


def stands(one: ArrearsFacts, at: datetime, *, suspended: bool) -> str:
    """How far it is, in a word."""
    if suspended:
        return "suspended"
    if one.is_held(at):
        return "held"
    told = {"announced": one.announced_at, "reminded again": one.reminded_again_at, "reminded": one.reminded_at}
    return next((word for word, when in told.items() if when), "new")
