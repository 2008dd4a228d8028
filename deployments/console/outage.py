"""`phm outage`: who was not reached, since when and why; and a person's word about the cause (P11)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from deployments.console.context import acting, now, reading, reason_given
from deployments.console.output import Json, emit
from hosting.policy.outage_causes import Cause  # noqa: TC001  # as Typer reads it

app = typer.Typer(help="Outages: who was not reached, since when and why.")

COLUMNS = {
    "id": "outage", "instance": "instance", "server": "server", "began_at": "began", "ended_at": "ended",
    "cause": "cause", "why": "what", "cause_by": "stated by", "alarm": "alarm",
}  # fmt: skip


@app.command("list")
def list_outages(
    *,
    days: Annotated[int, typer.Option(help="So many days back.", min=1, max=3660)] = 30,
    instance: Annotated[str, typer.Option(help="Of one instance; of all without.")] = "",
    as_json: Json = False,
) -> None:
    """List the outages of the last days, the first one first; those that go on have no end."""
    from hosting.inventory.instances import instance_facts  # noqa: PLC0415  # not before it is needed: help is quick
    from hosting.inventory.outages import outages_between  # noqa: PLC0415  # as above

    at = now()
    with reading() as session:
        only = [instance_facts(session, instance).name] if instance else None
        found = outages_between(session, at - timedelta(days=days), at, only)
    emit([asdict(one) for one in found], COLUMNS, as_json=as_json, empty=f"No outage in the last {days} days.")


@app.command("explain")
def explain(
    number: Annotated[int, typer.Argument(help="The outage's number, as phm outage list shows it.")],
    cause: Annotated[Cause, typer.Option(help="What it was.")],
    why: Annotated[str, typer.Option(help="How you know; recorded with your name.")],
) -> None:
    """State the cause of an outage: it stays, whatever the program finds, and changes no figure but by suspended."""
    from hosting.inventory.outages import state_cause  # noqa: PLC0415  # as above

    said = reason_given(why)
    done = acting(lambda session, by, at: state_cause(session, number, cause, by=by, why=said, now=at))
    typer.echo(f"Outage {number} of {done.instance} is put down to {done.cause}.")
