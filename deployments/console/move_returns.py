"""`phm move to-kept-source`: what a move left on its source serves again, once the loss was accepted (P24)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import NotConfirmed, Reason, acting, reading, reason_given, working
from deployments.console.output import emit_one
from deployments.console.wording import local
from hosting.policy.kept_source import check_accepted
from hosting.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts
    from tasks.kept_source import Kept

Name = Annotated[str, typer.Argument(help="The instance's name.")]
Lose = Annotated[
    str, typer.Option("--lose", help="The instance's name once more: what was changed since may be lost. Else asked.")
]
TITLES = {
    "instance": "instance", "serving": "serves now", "keeper": "keeps", "state_of": "state of", "minutes": "lost, min",
    "rows_lost": "rows lost", "files_lost": "files lost", "rows_back": "rows as before",
    "files_back": "files as before", "tables": "tables",
}  # fmt: skip


def to_kept_source(name: Name, reason: Reason, *, lose: Lose = "") -> None:
    """Serve again what the last move left on its source: what was changed since is lost, and shown before.

    With the present data an instance goes back with: phm move back.
    """
    from deployments.connections import provide_all  # noqa: PLC0415  # not before it is needed: help is quick
    from hosting.inventory.kept_source import kept_move, plan_return  # noqa: PLC0415  # as above
    from tasks.kept_source import preview  # noqa: PLC0415  # as above

    settings, why = load_settings(), reason_given(reason)
    with reading() as session:
        kept_move(session, name)
    provide_all(settings)
    with working(f"Counting on both servers what {name} would lose"):
        found = preview(name)
    emit_one(row_of(found), TITLES, as_json=False)
    typer.echo(str(found.loss))
    check_accepted(name, lose or typed(name))

    def record(session: Session, by: str, when: datetime) -> MoveFacts:
        return plan_return(session, name, why, found.loss, by=by, now=when)

    move = acting(record, settings)
    typer.echo(f"It is move {move.id}; the dispatcher starts it within a minute.")
    typer.echo(f"What serves now is kept on {found.serving.name}.")


def typed(name: str) -> str:
    """What an operator types; without a keyboard nobody did.

    Raises:
        NotConfirmed: nobody did.
    """
    try:
        return str(typer.prompt(f"To lose that, type the name of the instance ({name})", err=True))
    except typer.Abort as error:
        raise NotConfirmed(
            "Nothing was changed: it was not confirmed.", f"Type the name, or give --lose {name}."
        ) from error


def row_of(found: Kept) -> dict[str, Any]:
    """A kept state with what would be lost, as people read it."""
    loss = found.loss
    return {
        "instance": found.instance.name,
        "serving": found.serving.name,
        "keeper": found.keeper.name,
        "state_of": local(found.move.switched_at) if found.move.switched_at else "-",
        "minutes": loss.minutes,
        "rows_lost": loss.rows_lost,
        "files_lost": loss.files_lost,
        "rows_back": loss.rows_back,
        "files_back": loss.files_back,
        "tables": ", ".join(loss.tables) or "-",
    }
