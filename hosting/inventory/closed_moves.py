"""Moves whose instance is closed: nobody waits there for the next attempt, or for a person (P24)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.inventory import deeds, leases, moves, work
from hosting.inventory.models import Move
from hosting.policy.attempts import CLOSED_AGAIN_AFTER
from hosting.policy.states import WorkState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts
    from hosting.inventory.work import WorkFacts

SOON = CLOSED_AGAIN_AFTER + timedelta(seconds=5)
"""What is due within that is left to come."""


def closed_moves(session: Session) -> list[MoveFacts]:
    """The moves whose instance may be closed just now, the first planned first."""
    numbers = select(Move.id).where(Move.closed_at.is_not(None)).order_by(Move.id)
    return [moves.move_facts(session, number) for number in session.scalars(numbers).all()]


def closed_move_of(session: Session, one: WorkFacts) -> MoveFacts | None:
    """The move of a piece of work, where its instance may be closed."""
    if one.kind != work.MOVE:
        return None
    facts = moves.move_facts(session, int(one.subject))
    return facts if facts.closed_at else None


def go_on_at_once(session: Session, now: datetime) -> list[int]:
    """Moves whose instance is closed while nobody works on it are run again, whatever became of the run before.

    The run that was cancelled, killed, or failed in a way that nobody foresaw: the next one undoes or goes on. Where
    a run was made already and is due, it is left to come; `settle_ended` sees to one that does not.

    Returns:
        Their numbers.
    """
    hurried = []
    for move in closed_moves(session):
        lease = leases.lease_of(session, move.instance_name)
        if lease is not None and lease.expires_at > now:
            continue
        one = work.work_of(session, work.MOVE, str(move.id))
        waits = one is not None and one.state in {WorkState.OPEN, WorkState.DISPATCHED}
        if one is not None and (one.state in work.ENDS or (waits and one.due_at <= now + SOON)):
            continue
        if one is None:
            work.ask_for(session, work.MOVE, str(move.id), now, by=deeds.SERVICE, now=now)
        else:
            work.reschedule(session, one.id, now)
        hurried.append(move.id)
    return hurried
