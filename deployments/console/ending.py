"""`phm end`: a contract's end, from the notice to the record of what was deleted (P05, P41)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from deployments.console.context import acting, now, reading, reason_given, working
from deployments.console.output import Json, emit, emit_one
from deployments.console.wording import heading
from hosting.errors import Refused
from hosting.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.ending_records import PlaceRecord
    from hosting.policy.leaving import EndFacts


class NoticeOrVerb(TyperGroup):
    """`phm end NAME` gives notice, all else is a verb: no instance is called as one, since its name has no vowels."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb that is named, else the notice."""
        if args and self.get_command(ctx, args[0]) is None:
            args = ["notice", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(cls=NoticeOrVerb, help="The end of a contract: NAME (notice), status, record, call-off, hold, …")

Name = Annotated[str, typer.Argument(help="The instance's name.")]
Because = Annotated[str, typer.Option("--because", help="Why; recorded.")]
COLUMNS = {
    "instance_name": "instance", "contract_id": "contract", "state": "state", "ends_on": "ends on",
    "delete_on": "deleted on", "hold_by": "held by", "finding": "finding",
}  # fmt: skip
TITLES = {
    **COLUMNS, "asked_by": "notice by", "asked_at": "notice", "why": "why", "point_at": "last recovery point",
    "ended_at": "closed", "hold_why": "held since", "deleting_at": "deletion begun", "deleted_at": "deleted",
    "called_off_at": "called off", "owed_since": "owed since",
}  # fmt: skip
RECORD_COLUMNS = {
    "place": "place", "count": "things", "bytes": "bytes", "sha256": "SHA-256 of the list", "left": "left",
    "cleared_at": "cleared", "finding": "finding",
}  # fmt: skip
SHOWN = 16
"""So many digits of a hash are shown to people; --json has all."""


@app.command("notice")
def notice(
    name: Name,
    *,
    on: Annotated[str, typer.Option("--on", help="The first day without it, e.g. 2027-03-01.")] = "",
    earliest: Annotated[bool, typer.Option("--earliest", help="The first day on which it may end.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the days; nothing is recorded.")] = False,
    because: Because = "",
) -> None:
    """Give notice of an instance's contract, as the customer asked: `phm end NAME --on DAY` or `--earliest`."""
    from hosting.inventory import endings, levels  # noqa: PLC0415  # not before it is needed: help is quick

    if bool(on) == earliest:
        raise Refused("On which day does it end?", "Give --on DAY, or --earliest.")
    wanted = day_of(on) if on else None
    if dry_run:
        with reading() as session:
            day = endings.day_meant(session, name, wanted, now())
            kept = levels.terms_of_instance(session, name, now()).ended_kept_days
        typer.echo(f"{name} would end on {day}, at 0:00, and be deleted {kept} days later. Nothing was recorded.")
        typer.echo(f"What there is of it: phm end would-delete {name}")
        return
    why = reason_given(because)
    end = changed(lambda session, by, at: endings.give_notice(session, name, wanted, by=by, why=why, now=at))
    typer.echo(f"{name} ends on {end.ends_on}, at 0:00, and is deleted on {end.delete_on}.")
    typer.echo(f"The customer gets a letter within a minute. To take it back: phm end call-off {name} --because …")


@app.command("status")
def status(
    name: Annotated[str, typer.Argument(help="The instance's name; all that are on their way, if none.")] = "",
    *,
    as_json: Json = False,
) -> None:
    """How far an end is, or all of them: the day, what it waits for, what is owed."""
    from hosting.inventory import endings  # noqa: PLC0415  # as above

    with reading() as session:
        found = [endings.last_ending(session, name)] if name else endings.all_endings(session)
    if name:
        emit_one(row_of(found[0]), TITLES, as_json=as_json)
    else:
        emit([row_of(one) for one in found], COLUMNS, as_json=as_json, empty="Nobody has given notice.")


@app.command("record")
def record(name: Name, *, as_json: Json = False) -> None:
    """What a deletion found and left, place by place: counts, bytes, hashes; it names nobody."""
    from hosting.inventory import ending_records, endings  # noqa: PLC0415  # as above

    with reading() as session:
        end = endings.last_ending(session, name)
        places = ending_records.records_of(session, end.id)
    if as_json:
        told = {"contract": end.contract_id, "state": end.state, "deleted_at": end.deleted_at}
        emit_one({**told, "places": [record_row(one, None) for one in places]}, {}, as_json=True)
        return
    heading(f"Contract {end.contract_id}, {end.state.value.replace('_', ' ')}")
    emit([record_row(one, SHOWN) for one in places], RECORD_COLUMNS, as_json=False, empty="Nothing was deleted.")


@app.command("call-off")
def call_off(name: Name, *, because: Because = "") -> None:
    """The contract goes on after all: a run opens what was closed; until the deletion begins."""
    from hosting.inventory import called_off_ends  # noqa: PLC0415  # as above

    why = reason_given(because)
    end = changed(lambda session, by, at: called_off_ends.call_off(session, name, by=by, why=why, now=at))
    done = end.state.value == "called_off"
    typer.echo(f"{name} goes on." if done else f"{name} is opened again within a minute: phm end status {name}")


@app.command("hold")
def hold(name: Name, *, because: Because = "") -> None:
    """Nothing of it is deleted until `phm end unhold`: a dispute, an inquiry, a doubt."""
    from hosting.inventory import endings  # noqa: PLC0415  # as above

    why = reason_given(because)
    changed(lambda session, by, at: endings.hold(session, name, by=by, why=why, now=at))
    typer.echo(f"{name} is not deleted before: phm end unhold {name} --because …")


@app.command("unhold")
def unhold(name: Name, *, because: Because = "") -> None:
    """The hold is over: what is due by its days is done within a minute."""
    from hosting.inventory import endings  # noqa: PLC0415  # as above

    why = reason_given(because)
    end = changed(lambda session, by, at: endings.unhold(session, name, by=by, why=why, now=at))
    typer.echo(f"{name} is deleted on {end.delete_on}, if its contract is over by then.")


@app.command("again")
def again(name: Name) -> None:
    """Go on now with an end that waits for its next try; what is not due stays."""
    from hosting.inventory import endings  # noqa: PLC0415  # as above

    def ask(session: Session, by: str, at: datetime) -> EndFacts:  # noqa: ARG001  # as it is called
        end = endings.last_ending(session, name)
        endings.ask_again(session, end, at)
        return end

    typer.echo(f"{changed(ask).instance_name} is looked at within a minute: phm end status {name}")


@app.command("would-delete")
def would_delete(name: Name, *, as_json: Json = False) -> None:
    """List what a deletion would take away now, asked of every place; nothing is changed."""
    from deployments.connections import provide_all  # noqa: PLC0415  # as above
    from hosting.inventory import endings, instances  # noqa: PLC0415  # as above
    from tasks.deleting import would_go  # noqa: PLC0415  # as above
    from tasks.leaving_places import read_places  # noqa: PLC0415  # as above

    settings = load_settings()
    with reading() as session:
        instance, held = instances.instance_facts(session, name), endings.names_held(session, name)
    provide_all(settings)
    with working(f"Asking every place for {name}"):
        found = would_go(held, read_places.fn(instance))
    rows = [
        {"place": place, "finding": told} if isinstance(told, str) else {"place": place, **shown(told, None)}
        for place, told in found
    ]
    emit(rows, {key: RECORD_COLUMNS[key] for key in ("place", "count", "bytes", "finding")}, as_json=as_json)


def changed(act: Callable[[Session, str, datetime], EndFacts]) -> EndFacts:
    """One transaction in the operator's name."""
    return acting(act, load_settings())


def day_of(text: str) -> date:
    """A day as it was typed.

    Raises:
        Refused: it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"{text!r} is no day.", "Write it as 2027-03-01.") from error


def row_of(end: EndFacts) -> dict[str, Any]:
    """An end as people read it."""
    return {**vars(end), "delete_on": end.delete_on, "effective_at": end.effective_at}


def record_row(one: PlaceRecord, digits: int | None) -> dict[str, Any]:
    """A place of a record."""
    left = one.after.count if one.after else None
    return {
        "place": one.place, **shown(one.before, digits), "listed_at": one.listed_at, "left": left,
        "cleared_at": one.cleared_at, "finding": one.finding,
    }  # fmt: skip


def shown(listing: Any, digits: int | None) -> dict[str, Any]:
    """A listing with so many digits of its hash."""
    return {"count": listing.count, "bytes": listing.bytes, "sha256": listing.sha256[:digits]}
