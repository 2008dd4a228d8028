"""Orders as the inventory knows them (P08)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory.models import Customer, Order
from hosting.policy.states import OrderState
from hosting.policy.values import OrderFacts, OrderReference

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

OPEN = (OrderState.PLACED, OrderState.PAID)
"""The states of an order that somebody still waits for."""


class UnknownOrder(Refused):
    """No order has this reference."""


def order_facts(session: Session, reference: str) -> OrderFacts:
    """One order.

    Raises:
        UnknownOrder: no order has this reference.
    """
    return facts_of(session, order_row(session, reference))


def all_orders(session: Session, *, open_only: bool = False) -> list[OrderFacts]:
    """All orders, or those that somebody still waits for, the oldest first."""
    rows = select(Order, Customer).join(Customer).order_by(Order.placed_at, Order.reference)
    if open_only:
        rows = rows.where(Order.state.in_(OPEN))
    return [_facts(order, customer) for order, customer in session.execute(rows)]


def open_promises(session: Session) -> list[OrderFacts]:
    """The orders that are paid and not fulfilled, the one promised first first (P08)."""
    rows = select(Order, Customer).join(Customer).where(Order.state == OrderState.PAID)
    rows = rows.order_by(Order.promised_by, Order.reference)
    return [_facts(order, customer) for order, customer in session.execute(rows)]


def order_row(session: Session, reference: str, *, lock: bool = False) -> Order:
    """The order's row, locked until the transaction ends if asked for.

    Raises:
        UnknownOrder: no order has this reference.
    """
    query = select(Order).where(Order.reference == reference)
    row = session.scalars(query.with_for_update().execution_options(populate_existing=True) if lock else query).first()
    if row is None:
        raise UnknownOrder(f"There is no order {reference}.", "List the orders (phm order list) and take one of them.")
    return row


def facts_of(session: Session, order: Order) -> OrderFacts:
    """An order's row as facts, with its customer's."""
    return _facts(order, session.get_one(Customer, order.customer_reference))


def subject_of(reference: str) -> str:
    """How deeds, cases and turns name an order."""
    return f"order:{reference}"


def _facts(order: Order, customer: Customer) -> OrderFacts:
    """Both rows, frozen."""
    return OrderFacts(
        reference=OrderReference(order.reference),
        customer_reference=customer.reference,
        customer_name=customer.name,
        email=customer.email,
        language=customer.language,
        accounts=order.accounts,
        storage_gib=order.storage_gib,
        due_cents=order.due_cents,
        currency=order.currency,
        service_level=order.service_level,
        placed_at=order.placed_at,
        state=OrderState(order.state),
        paid_at=order.paid_at,
        promised_by=order.promised_by,
        ready_at=order.ready_at,
    )
