"""An agreement that can't be kept at its hour: the next free time inside its window, else times offered anew (P24).

Nothing that a customer agreed on is called off without his being told, and offered something else. After so many times
in a row nobody promises him another one by himself: a person does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import deeds, instances, moves, offers, servers, work
from hosting.inventory.models import MoveOffer
from hosting.inventory.move_turns import timetable
from hosting.inventory.offer_rows import facts_of
from hosting.policy.move_turns import TURN
from hosting.policy.states import MoveState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts
    from hosting.inventory.offer_rows import OfferFacts

ANEW_MOST = 2
"""So often in a row times are offered anew by themselves."""

OFFERED_ANEW = "offered_anew"
"""The entry of a move's evidence that names the offer which was made in its place."""


def begin_later(session: Session, move_id: int, why: str, now: datetime) -> MoveFacts | None:
    """Have a planned move that can't begin now begin later in the window that was agreed on; None: it has no time left.

    The customer was told of the window, so that nobody has to be told.

    Raises:
        UnknownMove: none has this number.
    """
    servers.lock_servers(session)
    move = moves.move_facts(session, move_id)
    if move.state is not MoveState.PLANNED or move.due_until is None:
        return None
    instance = instances.lock(session, move.instance_name)
    times = timetable(session, instance, move.target_name, now)
    begins = times.next_from(max(now, move.begins) + TURN, move.due_until)
    if begins is None:
        return None
    asked = work.ask_for(session, work.MOVE, str(move.id), begins, by=deeds.SERVICE, now=now)
    work.reschedule(session, asked.id, begins)
    evidence = {"move": move.id, "from": move.begins.isoformat(), "to": begins.isoformat()}
    subject = instances.subject_of(move.instance_name)
    deeds.record(session, deeds.SERVICE, "move begins later", subject, why=why, evidence=evidence, now=now)
    return moves.set_begin(session, move.id, begins, why)


def offer_anew(session: Session, move_id: int, now: datetime, holidays: str | None = None) -> OfferFacts | None:
    """Offer the customer of a move that was called off other times; None where a person has to see to it first.

    Raises:
        UnknownMove: none has this number.
    """
    move = moves.move_facts(session, move_id)
    row = session.scalars(select(MoveOffer).where(MoveOffer.move_id == move_id)).first()
    if row is None or move.state is not MoveState.CALLED_OFF or in_a_row(session, move) >= ANEW_MOST:
        return None
    before = facts_of(row)
    try:
        with session.begin_nested():
            made = offers.offer_windows(
                session, move.instance_name, move.target_name, before.why, by=deeds.SERVICE, now=now,
                without_answer=before.without_answer, stop_seconds=before.stop_seconds,
                holidays=holidays,
            )  # fmt: skip
    except Refused:  # the target has no room any more, for example: the case of the move tells
        return None
    moves.add_evidence(session, move.id, {OFFERED_ANEW: made.id})
    return made


def in_a_row(session: Session, move: MoveFacts) -> int:
    """How often the last moves of an instance before one ended with times that were offered anew."""
    before = [one for one in moves.moves_of(session, move.instance_name) if one.id < move.id]
    kept = (one.state is not MoveState.CALLED_OFF or OFFERED_ANEW not in one.evidence for one in reversed(before))
    return next((number for number, was_kept in enumerate(kept) if was_kept), len(before))


def is_made_anew(session: Session, offer: OfferFacts) -> bool:
    """Whether an offer stands in the place of an agreement that could not be kept."""
    return any(move.evidence.get(OFFERED_ANEW) == offer.id for move in moves.moves_of(session, offer.instance_name))
