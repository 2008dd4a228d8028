"""The rows of offers of times for moves: found, locked, frozen into facts (P24)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory.models import MoveOffer
from hosting.policy.agreements import WithoutAnswer
from hosting.policy.maintenance import Window
from hosting.policy.move_plan import STOP_SECONDS
from hosting.policy.states import OfferState
from hosting.policy.values import InstanceName, ServerName

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.policy.agreements import Times


class UnknownOffer(Refused):
    """No offer has this number."""


@dataclass(frozen=True)
class OfferFacts:
    """An offer as the inventory knows it.

    Args:
        windows: that were offered, the first first.
        stop_seconds: so long the instance will be closed, estimated.
        without_answer: what follows where nobody answers, as the customer was told.
        answer_by: the end of the link.
        told_at: when the letter was sent.
        answer: the customer's words, or why it was withdrawn.
        move_id: the move that it has become.
    """

    id: int
    instance_name: InstanceName
    target_name: ServerName
    state: OfferState
    why: str
    windows: tuple[Window, ...]
    stop_seconds: float
    without_answer: WithoutAnswer
    made_at: datetime
    made_by: str
    remind_at: datetime
    answer_by: datetime
    told_at: datetime | None
    answered_at: datetime | None
    answered_by: str
    answer: str
    move_id: int | None


def open_row(session: Session, instance: str, *, lock: bool = False) -> MoveOffer | None:
    """The row of an instance's open offer, locked if asked for."""
    query = select(MoveOffer).where(MoveOffer.instance_name == instance, MoveOffer.state == OfferState.OFFERED)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).first()


def offer_row(session: Session, offer_id: int, *, lock: bool = False) -> MoveOffer:
    """The row of a number, locked if asked for."""
    row = session.get(MoveOffer, offer_id, with_for_update=lock, populate_existing=lock)
    if row is None:
        raise UnknownOffer(f"There is no offer {offer_id}.", "List them (phm move offers) and take one of them.")
    return row


def new_row(instance: str, target: str, why: str, by: str, now: datetime) -> MoveOffer:
    """An offer without windows."""
    return MoveOffer(
        instance_name=instance, target_name=target, state=OfferState.OFFERED, why=why, windows=[],
        stop_seconds=STOP_SECONDS, without_answer=WithoutAnswer.NOTHING, made_at=now, made_by=by, remind_at=now,
        answer_by=now, told_at=None, answered_at=None, answered_by="", answer="", move_id=None,
    )  # fmt: skip


def set_times(row: MoveOffer, times: Times) -> None:
    """Windows and moments of an offer."""
    row.windows = [[window.opens.isoformat(), window.closes.isoformat()] for window in times.windows]
    row.remind_at, row.answer_by = times.remind_at, times.answer_by


def facts_of(row: MoveOffer) -> OfferFacts:
    """The row, frozen."""
    return OfferFacts(
        id=row.id,
        instance_name=InstanceName(row.instance_name),
        target_name=ServerName(row.target_name),
        state=OfferState(row.state),
        why=row.why,
        windows=tuple(Window(*map(datetime.fromisoformat, pair)) for pair in row.windows),
        stop_seconds=row.stop_seconds,
        without_answer=WithoutAnswer(row.without_answer),
        made_at=row.made_at,
        made_by=row.made_by,
        remind_at=row.remind_at,
        answer_by=row.answer_by,
        told_at=row.told_at,
        answered_at=row.answered_at,
        answered_by=row.answered_by,
        answer=row.answer,
        move_id=row.move_id,
    )
