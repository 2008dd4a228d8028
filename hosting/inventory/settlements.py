"""An order becomes paid, once: when its money reaches what is due, a contract and the work to keep it begin (P08)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import select

from hosting.inventory.calendars import calendar_for
from hosting.inventory.cases import raise_case
from hosting.inventory.deeds import SHOP, record
from hosting.inventory.levels import terms_of
from hosting.inventory.models import Booking, Contract, Order, Payment
from hosting.inventory.orders import subject_of
from hosting.inventory.work import PROVISION, ask_for
from hosting.policy.business_hours import promised_by
from hosting.policy.orders import bookings_of
from hosting.policy.payments import TAKES_MONEY, FindingKind, Movement, MovementKind, Settlement, settle
from hosting.policy.states import OrderState, step
from hosting.policy.terms import TIME_ZONE

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


def settle_order(session: Session, order: Order, now: datetime, holidays_state: str | None) -> frozenset[str]:
    """Weigh all money told for an order against what is due, and begin its fulfilment once that is reached.

    The caller holds the order's turn.

    Returns:
        The ids of the events whose money doesn't count.
    """
    state = OrderState(order.state)
    told = session.scalars(select(Payment).where(Payment.order_reference == order.reference)).all()
    rows = [row for row in told if state in TAKES_MONEY or not row.counts]  # what counted before a cancellation did
    movements = [
        Movement(row.event_id, MovementKind(row.kind), row.cents, row.currency, row.received_at) for row in rows
    ]
    settlement = settle(order.due_cents, order.currency, movements, state, order.placed_at)
    _put_before_a_person(session, order, settlement, now)
    for row in rows:
        row.counts = row.event_id in settlement.counted
    if settlement.paid_at is not None:
        _reach(session, order, settlement.paid_at, now, holidays_state)
    return frozenset(movement.event_id for movement in movements) - settlement.counted


def _put_before_a_person(session: Session, order: Order, settlement: Settlement, now: datetime) -> None:
    """One case for each finding."""
    for finding in settlement.findings:
        key = f"{order.reference}:{finding.key}" if finding.kind is FindingKind.OVERPAID else finding.key
        facts = {
            "order": order.reference, "state": order.state, "due_cents": order.due_cents,
            "received_cents": settlement.received_cents, "currency": order.currency,
        }  # fmt: skip
        summary = f"Order {order.reference}: {finding.message}"
        raise_case(session, key, finding.kind, subject_of(order.reference), summary, facts=facts, now=now)


def _reach(session: Session, order: Order, paid_at: datetime, now: datetime, holidays_state: str | None) -> None:
    """Placed becomes paid; a payment told later, but received earlier, makes an open promise earlier, never later."""
    state = OrderState(order.state)
    first = state is OrderState.PLACED
    if not first and not (state is OrderState.PAID and order.paid_at is not None and paid_at < order.paid_at):
        return
    calendar = calendar_for(session, order.service_level, holidays_state)
    terms = terms_of(session, order.service_level)
    order.state = step(state, OrderState.PAID)
    order.paid_at = paid_at
    order.promised_by = promised_by(paid_at, calendar, terms.setup_within)
    evidence = {"paid_at": paid_at.isoformat(), "promised_by": order.promised_by.isoformat()}
    what = "order paid" if first else "promise made earlier"
    record(session, SHOP, what, subject_of(order.reference), evidence=evidence, now=now)
    if first:
        _agree(session, order, paid_at)
        ask_for(session, PROVISION, order.reference, calendar.next_open(now), by=SHOP, now=now)


def _agree(session: Session, order: Order, paid_at: datetime) -> None:
    """The contract and its bookings, from the day of the payment in the service's zone (P05, P06, P23)."""
    contract = Contract(
        customer_reference=order.customer_reference,
        order_reference=order.reference,
        service_level=order.service_level,
        agreed_at=paid_at,
    )
    session.add(contract)
    session.flush()
    booked_on = paid_at.astimezone(ZoneInfo(TIME_ZONE)).date()
    terms = terms_of(session, order.service_level)
    session.add_all(
        Booking(
            contract_id=contract.id,
            kind=wish.kind,
            detail=wish.detail,
            booked_on=booked_on,
            minimum_months=wish.minimum_months,
        )
        for wish in bookings_of(order.accounts, order.storage_gib, terms)
    )
    session.flush()
