"""An end that is called off: the contract runs on, and what was closed is as it was; until the deletion (P41)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import bookings, name_orders
from hosting.inventory.deeds import SERVICE, record
from hosting.inventory.endings import CALLED_OFF, NoEnding, TooLate, ask_again, facts_of, last_ending, locked
from hosting.inventory.instances import subject_of
from hosting.inventory.models import Booking, Contract
from hosting.policy.months import start_of
from hosting.policy.orders import BookingKind
from hosting.policy.states import EndState, InstanceState, step
from hosting.policy.values import NameKind

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.ending_rows import Ending
    from hosting.policy.leaving import EndFacts


BACK = "back"
"""The entry of a name that tells whether it came back."""


def call_off(session: Session, instance: str, *, by: str, why: str, now: datetime) -> EndFacts:
    """The contract runs on after all: what was closed is opened again by a run; until the deletion begins.

    Raises:
        NoEnding: nobody has given notice.
        TooLate: its deletion has begun.
    """
    row = locked(session, last_ending(session, instance).id)
    state = EndState(row.state)
    if state in {EndState.DELETING, EndState.DELETED}:
        raise TooLate(instance, state)
    if state is EndState.CALLED_OFF:
        raise NoEnding(instance)
    if state is not EndState.REOPENING:
        row.why = f"{row.why} Called off: {why}".strip()
        _go_back(session, row, now)
        evidence = {"contract": row.contract_id, "from": state.value}
        record(session, by, CALLED_OFF, subject_of(instance), why=why, evidence=evidence, now=now)
    ask_again(session, facts_of(row), now)
    return facts_of(row)


def record_reopened(session: Session, number: int, now: datetime) -> tuple[EndFacts, list[str], list[str]]:
    """The instance is open as it was, and what was booked runs on; its names are on their way back, where they can be.

    Returns:
        The end, the names that come back, and those that do not: a domain needs its certificate again.
    """
    row = locked(session, number)
    instance = bookings.locked_row(session, row.instance_name)
    if row.state == EndState.REOPENING:
        if instance.state == InstanceState.CLOSED:
            instance.state = step(InstanceState.CLOSED, InstanceState(row.was))
        row.state, row.called_off_at, row.finding = EndState.CALLED_OFF, now, ""
        _book_again(session, row)
    return facts_of(row), *_names_again(session, row, now)


def _go_back(session: Session, row: Ending, now: datetime) -> None:
    """Called off before the end, nothing has changed for the customer; after it, a run opens what was closed.

    What it goes back to is told when it is closed; where that did not come about, it is what the instance is now.
    """
    if row.state == EndState.NOTICED and now < facts_of(row).effective_at:
        row.state, row.called_off_at = step(EndState.NOTICED, EndState.CALLED_OFF), now
        _book_again(session, row)
    else:
        row.state = step(EndState(row.state), EndState.REOPENING)
        instance = bookings.locked_row(session, row.instance_name)
        if instance.state != InstanceState.CLOSED:
            row.was = instance.state
    session.flush()


def _book_again(session: Session, row: Ending) -> None:
    """The base runs on, with what ended along with it; what the customer had cancelled by itself stays so."""
    session.get_one(Contract, row.contract_id).ends_on = None
    for one in session.scalars(select(Booking).where(Booking.contract_id == row.contract_id)):
        if one.over_at is not None and one.over_at < start_of(row.ends_on):
            continue
        one.over_at = None
        if one.kind == BookingKind.BASE or one.cancelled_at is None:
            one.ends_on = one.cancelled_at = None
    session.flush()


def _names_again(session: Session, row: Ending, now: datetime) -> tuple[list[str], list[str]]:
    """A subdomain that still rests is the instance's again, ordered once; which came back, and which did not."""
    if not all(BACK in one for one in row.names):
        row.names = [{**one, BACK: _is_ordered(session, row.instance_name, one, now)} for one in row.names]
        session.flush()
    back = [one["as_ordered"] for one in row.names if one[BACK]]
    return back, [one["as_ordered"] for one in row.names if not one[BACK]]


def _is_ordered(session: Session, instance: str, name: dict[str, Any], now: datetime) -> bool:
    """Whether a name is on its way back: a domain needs its certificate again, and may lead elsewhere by now."""
    if name["kind"] != NameKind.SUBDOMAIN:
        return False
    try:
        name_orders.order_subdomain(session, instance, name["a_label"], name["as_ordered"], by=SERVICE, now=now)
    except Refused:
        return False
    return True
