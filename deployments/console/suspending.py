"""`phm suspend`, `phm resume`: an instance closed for its users while its data stay, and open again (P41)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.console.context import Yes, acting, ask, reading, reason_given
from deployments.console.output import emit
from deployments.console.wording import heading, local
from hosting.errors import Refused

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.suspensions import SuspensionFacts

Instance = Annotated[str, typer.Argument(help="The instance's name.")]
Because = Annotated[str, typer.Option("--because", help="Why; recorded, and not told to the customer.")]
Showing = Annotated[bool, typer.Option("--dry-run", help="Only show what it would mean.")]
COLUMNS = {
    "id": "suspension", "cause": "cause", "because": "because", "by": "by", "asked_at": "wanted since",
    "closed_at": "closed since", "ends_why": "ends since",
}  # fmt: skip


def suspend(instance: Instance, *, because: Because, dry_run: Showing = False, yes: Yes = False) -> None:
    """Close an instance for everybody; its data stay, backups go on, the customer gets a letter."""
    from hosting.inventory.instances import instance_facts  # noqa: PLC0415  # not before it is needed: help is quick
    from hosting.inventory.suspensions import SERVED, CannotBeSuspended, Cause  # noqa: PLC0415  # as above
    from hosting.inventory.suspensions import suspend as enter  # noqa: PLC0415  # as above

    why = reason_given(because)
    with reading() as session:
        facts = instance_facts(session, instance)
        known = standing(session, instance)
    if facts.state not in SERVED:
        raise CannotBeSuspended(f"Instance {instance} is {facts.state}: nobody uses it.", "There is nothing to close.")
    typer.echo(f"{instance} on {facts.server_name} answers 503 with a page that says whom to ask, for all its users.")
    typer.echo("No mail is fetched. Data, names and backups stay as they are. The customer gets a letter.")
    show(known, "It is suspended already")
    if dry_run:
        typer.echo("Nothing was changed: this was a dry run.")
        return
    ask(f"Suspend {instance}?", yes=yes)

    def act(session: Session, by: str, at: datetime) -> SuspensionFacts:
        return enter(session, instance, Cause.OPERATOR, why, by=by, now=at)

    made = acting(act)
    typer.echo(f"Suspension {made.id} is recorded; a run closes {instance} within a minute.")


def resume(
    instance: Instance,
    *,
    because: Annotated[str, typer.Option("--because", help="Why; recorded.")] = "by an operator's word",
    dry_run: Showing = False,
) -> None:
    """Open a suspended instance again, whatever it was suspended for; for a rent it is announced anew first."""
    from hosting.inventory.instances import instance_facts  # noqa: PLC0415  # as above
    from hosting.inventory.rents import resume_by_hand  # noqa: PLC0415  # as above

    why = reason_given(because)
    with reading() as session:
        state = instance_facts(session, instance).state
        known = standing(session, instance)
    if not known:
        message = f"Nobody wants {instance} suspended; it is {state}."
        raise Refused(message, f"Look at it: phm instance show {instance}.")
    show(known, "What ends by it")
    if dry_run:
        typer.echo("Nothing was changed: this was a dry run.")
        return
    acting(lambda session, by, at: partial(resume_by_hand, session, instance, why)(by=by, now=at))
    typer.echo(f"A run opens {instance} within a minute, and the customer gets a letter.")


def standing(session: Session, instance: str) -> list[SuspensionFacts]:
    """The suspensions of an instance that are wanted."""
    from hosting.inventory.suspensions import standing as found  # noqa: PLC0415  # as above

    return found(session, instance)


def show(known: list[SuspensionFacts], title: str) -> None:
    """Suspensions as a table; nothing where there is none."""
    if known:
        heading(title)
        rows = [
            {
                "id": one.id, "cause": one.cause, "because": one.because, "by": one.by, "asked_at": one.asked_at,
                "closed_at": local(one.closed_at) or "not yet", "ends_why": one.ends_why,
            }
            for one in known
        ]  # fmt: skip
        emit(rows, COLUMNS, as_json=False)
