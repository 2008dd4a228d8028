"""Moves that an operator orders himself, at times that hold for every other move too (P15, P24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.inventory import moves, work
from hosting.inventory.instances import instance_facts
from hosting.inventory.levels import terms_of_instance
from hosting.inventory.move_turns import timetable
from hosting.inventory.servers import lock_servers, server_facts
from hosting.policy.move_moments import move_window

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts


def order_move(
    session: Session, instance: str, target: str, why: str, *, by: str, opens: datetime, now: datetime,
    without_backup: bool, because: str = "", holidays: str | None = None,
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
        holidays: the state whose public holidays are kept.

    Raises:
        UnknownInstance: no instance has this name.
        UnknownServer: no server has this name.
        NotOffPeak: the time is not off-peak, and nobody says why it is taken.
        MoveUnderWay: another move of the instance is not at its end.
        CopiedTooLate: the copying takes so long that it would have to have begun by now.
    """
    lock_servers(session)
    window = move_window(opens, terms_of_instance(session, instance, opens), because=because, state=holidays)
    table = timetable(session, instance_facts(session, instance), server_facts(session, target).name, now)
    table.check_in_time(window, now)
    begins = table.begins(window, now)
    made = moves.plan_move(
        session, instance, target, moves.with_word(why, because), by, opens, without_backup=without_backup, now=now,
        due_until=window.closes, copies_from=begins if begins < opens else None,
    )  # fmt: skip
    work.ask_for(session, work.MOVE, str(made.id), begins, by=by, now=now)
    return made
