"""`phm server evacuate`: the whole plan of emptying a server, shown before anything is recorded."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from deployments.console.context import acting, ask, now, reading
from deployments.console.output import emit, emit_one
from deployments.console.wording import heading

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.evacuation_rows import EvacuationFacts, EvacuationOrder
    from hosting.policy.evacuation import EvacuationPlan

COLUMNS = {
    "batch": "batch", "instance": "instance", "target": "to", "storage_gib": "booked, GB", "takes": "takes about, s",
    "closed": "of it closed, s",
}  # fmt: skip
STAYING_COLUMNS = {"instance": "instance", "storage_gib": "booked, GB", "why": "why"}


def show_plan(order: EvacuationOrder, *, as_json: bool) -> None:
    """The plan: targets, order, time, total, and what stays; raises what forbids it."""
    from hosting.inventory.evacuations import preview  # noqa: PLC0415  # not before it is needed: help is quick
    from hosting.inventory.servers import all_servers, server_facts  # noqa: PLC0415  # as above
    from hosting.policy.evacuation import choose_successor  # noqa: PLC0415  # as above

    with reading() as session:
        plan = preview(session, order, now())
        successor = choose_successor(server_facts(session, order.server), all_servers(session), order.successor)
    if as_json:
        emit_one({**asdict(plan), "seconds": plan.seconds, "successor": successor.name}, {}, as_json=True)
        return
    emit(rows_of(plan), COLUMNS, as_json=False, empty="Nothing is to be moved.")
    if plan.going:
        heading("On their way already, or their customers are asked")
        typer.echo("\n".join(f"{one.name} to {one.going_to}" for one in plan.going))
    if plan.staying:
        heading("These stay for now")
        emit([asdict(one) for one in plan.staying], STAYING_COLUMNS, as_json=False)
    asked = "without asking the customers" if order.emergency else "each when its customer agreed to a time"
    typer.echo(f"\n{len(plan.moves)} moves, {asked}; one after another about {plan.seconds / 60:.0f} min in all.")
    typer.echo(f"Then {order.server} is retired, and {successor.name} answers under its name.")


def begin(order: EvacuationOrder, *, yes: bool) -> None:
    """Record the order, once the operator has said yes."""

    def record(session: Session, by: str, at: datetime) -> EvacuationFacts:
        from hosting.inventory import evacuations  # noqa: PLC0415  # as above

        return evacuations.begin(session, order, by, at)

    ask(f"Empty {order.server}?", yes=yes)
    facts = acting(record)
    typer.echo(f"{order.server} takes nothing new and is being emptied (evacuation {facts.id}).")
    typer.echo("The dispatcher goes on with it each minute; look at: phm move status.")


def end(server: str, why: str, *, yes: bool) -> None:
    """Stop an evacuation."""

    def record(session: Session, by: str, at: datetime) -> EvacuationFacts:
        from hosting.inventory import evacuations  # noqa: PLC0415  # as above

        return evacuations.stop(session, server, why, by, at)

    ask(f"Stop emptying {server}?", yes=yes)
    acting(record)
    typer.echo(f"No further move from {server} begins; those at work come to their end. It still takes nothing new.")


def rows_of(plan: EvacuationPlan) -> list[dict[str, Any]]:
    """The moves as rows, in their order."""
    return [
        {**asdict(one), "batch": number, "takes": f"{one.seconds:.0f}", "closed": f"{one.stop_seconds:.0f}"}
        for number, batch in enumerate(plan.batches, 1)
        for one in batch
    ]
