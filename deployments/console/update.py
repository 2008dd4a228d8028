"""`phm update`: a release on its way to instances, ring by ring (P17)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import Reason, acting, reading, reason_given
from deployments.console.output import Json, emit, emit_one
from deployments.console.wording import heading
from hosting.errors import Refused
from hosting.policy.roll_outs import FAILURES_MOST, PARALLEL, PARALLEL_MOST
from hosting.policy.way_back import STOP_MOST_SECONDS
from hosting.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.roll_out_rows import RollOutFacts, RollOutOrder, UpdateFacts
    from hosting.policy.roll_outs import Place
    from hosting.policy.values import ReleaseFacts

app = typer.Typer(help="Product updates: plan, run, status, halt, resume, skip, abort.")

Release = Annotated[str, typer.Argument(help="The release: its version, build, or the beginning of its id.")]
Server = Annotated[list[str] | None, typer.Option("--server", help="Only what is on this server; may be given again.")]
Instance = Annotated[list[str] | None, typer.Option("--instance", help="Only this instance; may be given again.")]
Canary = Annotated[
    list[str] | None, typer.Option("--canary", help="An instance or server that goes first; the smallest else.")
]
Number = Annotated[int, typer.Argument(help="The roll-out's number.")]
COLUMNS = {
    "id": "roll-out", "version": "to", "state": "state", "done": "done", "failed": "failed", "left": "left",
    "begun_at": "begun", "by": "by", "finding": "finding",
}  # fmt: skip
INSTANCE_COLUMNS = {
    "ring": "ring", "server": "server", "instance": "instance", "state": "state", "outage_seconds": "closed, s",
    "attempts": "tries", "ended_at": "ended", "finding": "finding",
}  # fmt: skip
TITLES = {"id": "roll-out", "version": "to", "state": "state", "urgent": "urgent", "why": "why", "finding": "finding"}


@app.command("plan")
def plan(
    release: Release = "",
    *,
    server: Server = None,
    instance: Instance = None,
    canary: Canary = None,
    as_json: Json = False,
) -> None:
    """Show who is behind a release (the current one, if none is named) and in which ring; nothing is touched."""
    show(order_of(release, "", server, instance, canary), as_json=as_json)


@app.command("run")
def run(
    release: Release = "",
    reason: Reason = "",
    *,
    server: Server = None,
    instance: Instance = None,
    canary: Canary = None,
    urgent: Annotated[bool, typer.Option("--urgent", help="A grave bug: at once, not off-peak; say why.")] = False,
    parallel: Annotated[int, typer.Option(min=1, max=PARALLEL_MOST, help="Of a server at once.")] = PARALLEL,
    failures: Annotated[int, typer.Option(min=0, help="So many in a ring are borne.")] = FAILURES_MOST,
    stop_seconds: Annotated[
        float, typer.Option(min=1, max=3600, help="Who would be closed for longer is left.")
    ] = STOP_MOST_SECONDS,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it you see what it means.")] = False,
) -> None:
    """Bring a release to the instances behind it; the dispatcher has it done, off-peak unless it is urgent."""
    why = reason_given(reason) if yes or reason else ""
    order = order_of(
        release, why, server, instance, canary, urgent=urgent, parallel=parallel, failures_most=failures,
        stop_most_seconds=stop_seconds,
    )  # fmt: skip
    if not yes:
        show(order, as_json=False)
        typer.echo("Nothing was changed. To do it, give --reason and --yes.")
        return

    settings = load_settings()

    def begin(session: Session, by: str, at: datetime) -> RollOutFacts:
        from hosting.inventory import roll_outs  # noqa: PLC0415  # not before it is needed: help is quick

        return roll_outs.begin(session, order, by, at, settings.holidays_state)

    facts = acting(begin, settings)
    when = "at once" if facts.urgent else "in the next off-peak hours"
    typer.echo(f"It is roll-out {facts.id} to {facts.release.version}; the dispatcher begins {when}.")
    typer.echo(f"Look at it: phm update status {facts.id}")


@app.command("status")
def status(
    number: Annotated[int, typer.Argument(help="Of this roll-out, instance by instance.")] = 0, *, as_json: Json = False
) -> None:
    """List the roll-outs, or show one with how far each instance is."""
    from hosting.inventory import roll_outs  # noqa: PLC0415  # as above

    with reading() as session:
        if not number:
            found = roll_outs.all_roll_outs(session)
            rows = [row_of(one, roll_outs.updates_of(session, one.id)) for one in reversed(found)]
            emit(rows, COLUMNS, as_json=as_json, empty="Nothing was rolled out.")
            return
        facts, updates = roll_outs.roll_out_facts(session, number), roll_outs.updates_of(session, number)
    rows = [{**asdict(one), "from": one.from_release.version} for one in updates]
    if as_json:
        emit_one({**row_of(facts, updates), "instances": rows}, {}, as_json=True)
        return
    emit_one(row_of(facts, updates), TITLES, as_json=False)
    heading("Instances")
    emit(rows, INSTANCE_COLUMNS, as_json=False)


@app.command("halt")
def halt(number: Number, reason: Reason) -> None:
    """Begin and close no further instance; those that are closed come to their end."""
    why = reason_given(reason)

    def act(session: Session, by: str, at: datetime) -> RollOutFacts:
        from hosting.inventory import roll_outs  # noqa: PLC0415  # as above

        return roll_outs.halt(session, number, why, by, at)

    typer.echo(f"Roll-out {acting(act).id} is halted. Go on with: phm update resume {number}")


@app.command("resume")
def resume(number: Number, reason: Reason) -> None:
    """Go on with a halted roll-out; what has failed stays as it is, and halts it no more."""
    why = reason_given(reason)

    def act(session: Session, by: str, at: datetime) -> RollOutFacts:
        from hosting.inventory import roll_outs  # noqa: PLC0415  # as above

        return roll_outs.resume(session, number, why, by, at)

    typer.echo(f"Roll-out {acting(act).id} goes on.")


@app.command("skip")
def skip(number: Number, instance: Annotated[str, typer.Argument(help="Its name.")], reason: Reason) -> None:
    """Leave an instance as it is for now; one that stands half done too, where no run is at it."""
    why = reason_given(reason)

    def act(session: Session, by: str, at: datetime) -> UpdateFacts:
        from hosting.inventory import roll_outs  # noqa: PLC0415  # as above

        return roll_outs.skip(session, number, instance, why, by=by, now=at)

    typer.echo(f"{acting(act).instance} is left out.")


@app.command("abort")
def abort(number: Number, reason: Reason) -> None:
    """Give a roll-out up: what is updated stays so, what waits stays at its release."""
    why = reason_given(reason)

    def act(session: Session, by: str, at: datetime) -> RollOutFacts:
        from hosting.inventory import roll_outs  # noqa: PLC0415  # as above

        return roll_outs.abort(session, number, why, by, at)

    typer.echo(f"Roll-out {acting(act).id} is given up; those that are closed come to their end.")


def order_of(
    release: str, why: str, servers: list[str] | None, only: list[str] | None, canaries: list[str] | None, **more: Any
) -> RollOutOrder:
    """What is wanted, of a release that an operator names.

    Raises:
        Refused: no release, or more than one, is called so.
    """
    from hosting.inventory.releases import all_releases, current_release  # noqa: PLC0415  # as above
    from hosting.inventory.roll_out_rows import RollOutOrder  # noqa: PLC0415  # as above

    with reading() as session:
        found = [one for one in all_releases(session) if is_called(one, release)] if release else []
        if not release:
            found = [current_release(session)]
    if len(found) != 1:
        message = f"{len(found)} releases are called {release}."
        raise Refused(message, "Take the beginning of the id of one: phm release list.")
    return RollOutOrder(
        found[0].id, why, servers=tuple(servers or ()), only=tuple(only or ()), canaries=tuple(canaries or ()), **more
    )  # fmt: skip


def is_called(release: ReleaseFacts, name: str) -> bool:
    """Whether an operator means this release."""
    return name in {release.version, str(release.build)} or (len(name) >= 6 and release.id.startswith(name))  # noqa: PLR2004  # no build has so many hexadecimal digits


def show(order: RollOutOrder, *, as_json: bool) -> None:
    """The rings; raises what forbids them."""
    from hosting.inventory import releases, roll_outs  # noqa: PLC0415  # as above

    with reading() as session:
        places = roll_outs.preview(session, order)
        release = releases.release_facts(session, order.release)
    rows = [{"ring": one.ring, "server": one.server, "instance": one.instance} for one in in_order(places)]
    emit(rows, {"ring": "ring", "server": "server", "instance": "instance"}, as_json=as_json)
    if not as_json:
        rings = len({one.ring for one in places})
        typer.echo(f"\n{len(places)} instances would get {release.version}, in {rings} rings one after another.")


def in_order(places: list[Place]) -> list[Place]:
    """By ring and server."""
    return sorted(places, key=lambda one: (one.ring, one.server, one.instance))


def row_of(facts: RollOutFacts, updates: list[UpdateFacts]) -> dict[str, Any]:
    """A roll-out as a row."""
    states = [one.state.value for one in updates]
    ended = sum(states.count(one) for one in ("done", "failed", "skipped"))
    return {
        **{key: value for key, value in asdict(facts).items() if key != "release"},
        "release": facts.release.id,
        "version": facts.release.version,
        "done": states.count("done"),
        "failed": states.count("failed"),
        "left": len(states) - ended,
    }
