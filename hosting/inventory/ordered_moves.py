"""Moves that an operator orders himself, at times that hold for every other move too (P15, P24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.inventory import moves, work
from hosting.inventory.levels import terms_of_instance
from hosting.policy.move_moments import move_window

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts


def order_move(
    session: Session, instance: str, target: str, why: str, *, by: str, opens: datetime, now: datetime,
    without_backup: bool, because: str = "",
) -> MoveFacts:  # fmt: skip
    """A move with its work, as it was agreed on in another way than by an offer; it has a window as every move has.

    Args:
        session: of the transaction.
        instance: its name.
        target: the server that it goes to.
        why: how it was agreed on.
        by: the operator.
        opens: the moment that was agreed on.
        now: this moment.
        without_backup: his word that it may begin without a fresh backup.
        because: his word on why it may be at a time that is not off-peak.

    Raises:
        UnknownInstance: no instance has this name.
        UnknownServer: no server has this name.
        NotOffPeak: the time is not off-peak, and nobody says why it is taken.
        MoveUnderWay: another move of the instance is not at its end.
    """
    window = move_window(opens, terms_of_instance(session, instance), because=because)
    made = moves.plan_move(
        session, instance, target, moves.with_word(why, because), by, opens, without_backup=without_backup, now=now,
        due_until=window.closes,
    )  # fmt: skip
    work.ask_for(session, work.MOVE, str(made.id), opens, by=by, now=now)
    return made
