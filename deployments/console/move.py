"""`phm move`: instances that go to another server."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.console import move_finding, move_offers, move_returns
from deployments.console.context import Reason, acting, now, reading, reason_given
from deployments.console.move_plans import moment, previewed, show
from deployments.console.output import Json, emit
from deployments.console.wording import local
from hosting.errors import Refused
from hosting.policy.states import MoveState
from hosting.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts
    from hosting.settings import Settings

app = typer.Typer(help="Moves: instances that go to another server.")
for verb in (move_offers.offer, move_offers.agree, move_offers.postpone, move_offers.withdraw, move_offers.offers):
    app.command(verb.__name__)(verb)
app.command("to-kept-source")(move_returns.to_kept_source)
app.command("found-switched")(move_finding.found_switched)

Name = Annotated[str, typer.Argument(help="The instance's name.")]
Target = Annotated[str, typer.Argument(help="The server that it goes to.")]
At = Annotated[str, typer.Option("--at", help="When, e.g. 2026-12-01T23:30 in Berlin's time; now, if left out.")]
WithoutBackup = Annotated[
    bool, typer.Option("--without-backup", help="Begin although the last good backup is older than a day.")
]
Because = move_offers.Because
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without it you see what it means.")]
COLUMNS = {
    "id": "move", "instance_name": "instance", "source_name": "from", "target_name": "to", "state": "state",
    "due_at": "due", "switched_at": "switched", "stop_seconds": "stop, s", "finding": "finding",
}  # fmt: skip


@app.command("plan")
def plan_move(name: Name, target: Target, *, without_backup: WithoutBackup = False, as_json: Json = False) -> None:
    """Show what a move would be, and everything that forbids it; nothing is touched."""
    show(previewed(load_settings(), name, target, without_backup=without_backup), as_json=as_json)


@app.command("run")
def run_move(
    name: Name, target: Target, reason: Reason, *, at: At = "", because: Because = "",
    without_backup: WithoutBackup = False, yes: Yes = False,
) -> None:  # fmt: skip
    """Move an instance off-peak, as it was agreed on with the customer; the reason says how."""
    ask_for(name, target, reason, at=at, because=because, without_backup=without_backup, yes=yes)


@app.command("back")
def move_back(
    name: Name, reason: Reason, *, at: At = "", because: Because = "", without_backup: WithoutBackup = False,
    yes: Yes = False,
) -> None:  # fmt: skip
    """Move an instance with its present data to the server that it came from last."""
    from hosting.inventory.moves import SWITCHED_EVER, moves_of  # noqa: PLC0415  # not before it is needed: help is quick

    with reading() as session:
        been = [move.source_name for move in moves_of(session, name) if move.state in SWITCHED_EVER]
    if not been:
        raise Refused(f"Instance {name} has never moved.", "Name the server: phm move run.")
    ask_for(name, been[-1], reason, at=at, because=because, without_backup=without_backup, yes=yes)


@app.command("cancel")
def cancel(name: Name, reason: Reason) -> None:
    """Give up a move whose moment has not come; what was copied ahead of it is undone."""
    settings, why = load_settings(), reason_given(reason)

    def give_up(session: Session, by: str, when: datetime) -> MoveFacts:
        from hosting.inventory import move_moments  # noqa: PLC0415  # as above

        return move_moments.give_up(session, name, why, by=by, now=when)

    move = acting(give_up, settings)
    undone = "its run undoes what it has copied" if move.state is MoveState.COPYING else "nothing was touched"
    typer.echo(f"Move {move.id} is called off; {undone}.")


@app.command("status")
def status(name: Annotated[str, typer.Argument(help="Of this instance only.")] = "", *, as_json: Json = False) -> None:
    """List moves with how far they are, the last one first."""
    from hosting.inventory.moves import all_moves, moves_of  # noqa: PLC0415  # as above

    with reading() as session:
        found = moves_of(session, name) if name else all_moves(session)
    emit([asdict(move) for move in reversed(found)], COLUMNS, as_json=as_json, empty="Nothing has moved.")


def ask_for(name: str, target: str, reason: str, *, at: str, because: str, without_backup: bool, yes: bool) -> None:
    """Record the move and its work, after the plan was shown."""
    settings, why, due_at = load_settings(), reason_given(reason), moment(at)
    check_moment(settings, name, due_at or now(), because)
    found = previewed(settings, name, target, without_backup=without_backup)
    show(found, as_json=False)
    if found.objections:
        raise Refused("It can't be moved so.", "Put right what is listed above.")
    if not yes:
        typer.echo("Nothing was changed. To do it, give --yes.")
        return

    def record(session: Session, by: str, when: datetime) -> MoveFacts:
        from hosting.inventory.ordered_moves import order_move  # noqa: PLC0415  # as above

        return order_move(
            session, name, target, why, by=by, opens=due_at or when, now=when, without_backup=without_backup,
            because=because, holidays=settings.holidays_state,
        )  # fmt: skip

    move = acting(record, settings)
    copied = f", copied from {local(move.begins)}" if move.copies_from else ""
    typer.echo(f"It is move {move.id}, due {local(move.due_at)}{copied}; a run begins it within a minute of that.")


def check_moment(settings: Settings, name: str, opens: datetime, because: str) -> None:
    """See that an instance may be moved at a moment, before any server is asked.

    Raises:
        UnknownInstance: no instance has this name.
        NotOffPeak: it is not off-peak, and no word is given for it.
    """
    from hosting.inventory.instances import instance_facts  # noqa: PLC0415  # as above
    from hosting.inventory.levels import terms_of_instance  # noqa: PLC0415  # as above
    from hosting.policy.move_moments import move_window  # noqa: PLC0415  # as above

    with reading() as session:
        terms = terms_of_instance(session, instance_facts(session, name).name, opens)
    move_window(opens, terms, because=because, state=settings.holidays_state)
