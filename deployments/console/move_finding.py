"""`phm move found-switched`: the inventory, come from a backup, is told of a switch that it does not know (P24)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deployments.console.context import Reason, acting, reason_given, working
from deployments.console.output import emit
from hosting.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts

Name = Annotated[str, typer.Argument(help="The instance's name.")]
Yes = Annotated[bool, typer.Option("--yes", help="Record it; without it you see what was found.")]
COLUMNS = {"server": "server", "seen": "seen there"}


def found_switched(name: Name, *, reason: Reason = "", yes: Yes = False) -> None:
    """Record that an instance is on another server, where an older inventory does not know that it moved.

    All servers are asked first: one alone has to serve it, and that on which the inventory has it pass on to it.
    """
    from deployments.connections import provide_all  # noqa: PLC0415  # not before it is needed: help is quick
    from tasks.found_switch import find_switch  # noqa: PLC0415  # as above

    settings, why = load_settings(), reason_given(reason) if yes or reason else ""  # to look needs none
    provide_all(settings)
    with working(f"Asking all servers for {name}"):
        found = find_switch(name)
    seen = {one.server: str(one) for one in found.seen}
    emit([{"server": server, "seen": what} for server, what in seen.items()], COLUMNS, as_json=False)
    source, target = found.source.name, found.target.name
    typer.echo(f"{name} is on {target}; the inventory has it on {source}.")
    if not yes:
        typer.echo("Nothing was changed. To do it, give --yes.")
        return

    def record(session: Session, by: str, when: datetime) -> MoveFacts:
        from hosting.inventory.found_switches import record_found  # noqa: PLC0415  # as above

        return record_found(
            session, name, source, target, why, by=by, seen=seen, compared=found.compared, now=when
        )  # fmt: skip

    move = acting(record, settings)
    typer.echo(f"It is move {move.id}; a run sees to the rest within a minute. The customer gets no letter by it.")
