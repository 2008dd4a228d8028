"""Cancelling an order that is not fulfilled: what is closed by it, and what is left for a person (P08)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import cases, instances, leases, name_orders, orders, work
from hosting.inventory.deeds import record
from hosting.inventory.models import Booking, Contract, Payment
from hosting.inventory.turns import take_turn
from hosting.policy.payments import MovementKind
from hosting.policy.states import InstanceState, OrderState, step
from hosting.policy.terms import TIME_ZONE
from hosting.product.layout import InstanceLayout

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.work import WorkFacts
    from hosting.policy.values import InstanceFacts, OrderFacts

CANCELLED = "order_cancelled"
"""The kind of the case that a cancelled order is that leaves money or a half-made instance."""


class CannotBeCancelled(Refused):
    """The order is fulfilled, refused, or being fulfilled at this moment."""


@dataclass(frozen=True)
class Cancellation:
    """What cancelling an order means, before it is done and after.

    Args:
        order: the order as it is.
        received_cents: what counts for it, for the shop to give back.
        work: its set-up, None if it was never asked for.
        instance: whose place is given back, None if none was reserved.
        remains: what the set-up may have left on the server, for an operator to take away.
    """

    order: OrderFacts
    received_cents: int
    work: WorkFacts | None
    instance: InstanceFacts | None
    remains: tuple[str, ...]

    @property
    def is_done(self) -> bool:
        """Whether the order is cancelled."""
        return self.order.state is OrderState.CANCELLED


def cancellation(session: Session, reference: str, now: datetime) -> Cancellation:
    """What cancelling an order would mean now, or has meant.

    Raises:
        UnknownOrder: no order has this reference.
        CannotBeCancelled: it is fulfilled or refused, or a run sets it up at this moment.
    """
    order, instance = orders.order_facts(session, reference), instances.instance_of_order(session, reference)
    _check(session, order, instance, now)
    setup = work.work_of(session, work.PROVISION, reference)
    remains = InstanceLayout.of(instance).traces if instance else ()
    return Cancellation(order, _received_cents(session, order), setup, instance, remains)


def cancel_order(session: Session, reference: str, by: str, why: str, now: datetime) -> Cancellation:
    """Cancel an order that is not fulfilled: once, however often it is asked for.

    Its work is closed, its place is given back, its contract ends; what was received, and what its set-up left on
    the server, is put before a person. Money that comes for it later is, too.

    Raises:
        UnknownOrder: no order has this reference.
        CannotBeCancelled: it is fulfilled or refused, or a run sets it up at this moment.
    """
    take_turn(session, orders.subject_of(reference))
    row = orders.order_row(session, reference, lock=True)
    if known := instances.instance_of_order(session, reference):
        instances.lock(session, known.name)
    found = cancellation(session, reference, now)
    if found.is_done:
        return found
    row.state = step(OrderState(row.state), OrderState.CANCELLED)
    work.cancel(session, work.PROVISION, reference, f"The order is cancelled: {why}")
    if found.instance is not None:
        name_orders.give_back(session, found.instance.name, by=by, why=why, now=now)
        instances.give_back(session, found.instance.name, by, why, now)
    _end_contract(session, reference, now)
    _settle_failures(session, reference, by, now)
    evidence = {"from": found.order.state, "received_cents": found.received_cents}
    record(session, by, "order cancelled", orders.subject_of(reference), why=why, evidence=evidence, now=now)
    _put_before_a_person(session, found, why, now)
    return cancellation(session, reference, now)


def _check(session: Session, order: OrderFacts, instance: InstanceFacts | None, now: datetime) -> None:
    """Refuse what can't be cancelled, with the way out."""
    if order.state is OrderState.FULFILLED:
        message = f"Order {order.reference} is fulfilled: instance {instance.name if instance else 'of it'} is open."
        raise CannotBeCancelled(message, "It ends with its contract (P05); until then it runs on.")
    if order.state is OrderState.REFUSED:
        message = f"Order {order.reference} was refused when it was placed; there is nothing to cancel."
        raise CannotBeCancelled(message, f"Look at its case: phm order show {order.reference}.")
    lease = leases.lease_of(session, instance.name) if instance else None
    if lease is not None and now < lease.expires_at and order.state is not OrderState.CANCELLED:
        message = f"Order {order.reference} is being set up at this moment by {lease.owner} as {lease.instance_name}."
        raise CannotBeCancelled(message, "Wait for the run's end, or cancel it in the Prefect UI; then try again.")


def _received_cents(session: Session, order: OrderFacts) -> int:
    """The money that counts for an order, what was given back taken off."""
    rows = session.scalars(select(Payment).where(Payment.order_reference == order.reference, Payment.counts)).all()
    return sum(row.cents if row.kind == MovementKind.RECEIVED else -row.cents for row in rows)


def _end_contract(session: Session, reference: str, now: datetime) -> None:
    """The contract of a paid order ends on the day of the cancellation, with all that is booked under it."""
    today = now.astimezone(ZoneInfo(TIME_ZONE)).date()
    for contract in session.scalars(select(Contract).where(Contract.order_reference == reference)).all():
        contract.ends_on = today
        for booking in session.scalars(select(Booking).where(Booking.contract_id == contract.id)).all():
            booking.ends_on, booking.cancelled_at, booking.over_at = today, now, now
    session.flush()


def _settle_failures(session: Session, reference: str, by: str, now: datetime) -> None:
    """What failed about the set-up needs nobody any more."""
    for subject in (orders.subject_of(reference), f"work:{work.PROVISION}:{reference}"):
        for case in cases.cases_of(session, subject):
            if case.kind in {cases.SETUP_FAILED, cases.NOT_DONE} and case.settled_at is None:
                cases.settle_case(session, case.id, by, "The order was cancelled.", now)


def _put_before_a_person(session: Session, found: Cancellation, why: str, now: datetime) -> None:
    """What is left to be done by people, if anything is."""
    order, instance = found.order, found.instance
    said, facts = [f"Order {order.reference} is cancelled: {why.rstrip('.')}."], dict[str, Any]()
    if found.received_cents:
        said.append(f"{found.received_cents} cents {order.currency} were received; the shop has to give them back.")
        facts |= {"received_cents": found.received_cents, "currency": order.currency}
    if instance is not None and instance.state is InstanceState.RESERVED:
        said.append(f"What its set-up left of {instance.name} on {instance.server_name} has to be taken away.")
        facts |= {"instance": instance.name, "server": instance.server_name, "remains": list(found.remains)}
    if facts:
        key, subject = f"{CANCELLED}:{order.reference}", orders.subject_of(order.reference)
        cases.raise_case(session, key, CANCELLED, subject, " ".join(said), facts=facts, now=now)
