"""An order enters the inventory: checked, its customer known, and the money counted that came before it (P08)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.inventory.cases import settle_by_key
from hosting.inventory.deeds import SHOP
from hosting.inventory.levels import level_names, terms_of
from hosting.inventory.models import Customer, Order, Payment, ShopEvent
from hosting.inventory.notices import NoticeType
from hosting.inventory.settlements import settle_order
from hosting.policy.orders import OrderWish, check_order
from hosting.policy.states import EventState, OrderState, step

if TYPE_CHECKING:
    from hosting.inventory.notices import OrderPlaced
    from hosting.inventory.taking import Taking


def place_order(taking: Taking, data: OrderPlaced) -> EventState:
    """Enter an order, refuse it if it can't be kept, and let the money count that came before it."""
    session = taking.session
    if session.get(Order, data.order) is not None:
        return _placed_again(taking, data)
    levels = level_names(session)
    level = data.service_level if data.service_level in levels else None
    wish = OrderWish(data.accounts, data.storage_gib, data.language, data.due_cents, data.currency, data.service_level)
    findings = check_order(wish, terms_of(session, level), levels)
    _ensure_customer(taking, data, accepted=not findings)
    order = Order(
        reference=data.order,
        customer_reference=data.customer,
        accounts=data.accounts,
        storage_gib=data.storage_gib,
        due_cents=data.due_cents,
        currency=data.currency,
        service_level=level,
        placed_at=min(taking.notice.delivered_at, taking.now),
        state=OrderState.REFUSED if findings else OrderState.PLACED,
    )
    session.add(order)
    session.flush()
    said = " ".join(findings)
    taking.record("order refused" if findings else "order placed", said, {})
    if findings:
        summary = f"Order {data.order} is refused: {said}"
        taking.put_before_a_person("order_refused", data.order, summary, asdict(data))
    objected = settle_order(session, order, taking.now, taking.holidays_state)
    _wait_no_longer(taking, data.order, objected)
    return EventState.FOR_A_PERSON if findings else EventState.APPLIED


def _placed_again(taking: Taking, data: OrderPlaced) -> EventState:
    """An order that is known stays as it is; one that is told differently is a matter for a person."""
    notice = taking.notice
    told = select(ShopEvent.body_sha256).where(
        ShopEvent.order_reference == data.order,
        ShopEvent.type == NoticeType.ORDER_PLACED,
        ShopEvent.id != notice.id,
    )
    if notice.body_sha256 in taking.session.scalars(told).all():
        return EventState.APPLIED
    summary = f"The shop placed order {data.order} again, told differently; the first one counts."
    taking.put_before_a_person("order_placed_again", notice.id, summary, asdict(data))
    return EventState.FOR_A_PERSON


def _wait_no_longer(taking: Taking, order: str, objected: frozenset[str]) -> None:
    """The money that waited for this order is applied; what of it doesn't count is for a person."""
    waiting = (
        select(ShopEvent)
        .join(Payment, Payment.event_id == ShopEvent.id)
        .where(ShopEvent.order_reference == order, ShopEvent.state == EventState.WAITING)
    )
    for event in taking.session.scalars(waiting).all():
        state = EventState.FOR_A_PERSON if event.id in objected else EventState.APPLIED
        event.state = step(EventState(event.state), state)
        why = "The order has arrived."
        settle_by_key(taking.session, f"order_unknown:{event.id}", SHOP, why, taking.now)


def _ensure_customer(taking: Taking, data: OrderPlaced, *, accepted: bool) -> None:
    """The customer as the latest accepted order tells; a refused order changes nobody that is known."""
    query = select(Customer).where(Customer.reference == data.customer).with_for_update()
    row = taking.session.scalars(query).first()
    if row is None:
        row = Customer(reference=data.customer, added_at=taking.now)
        taking.session.add(row)
    elif not accepted:
        return
    row.name, row.email, row.language = data.name, data.email, data.language
    taking.session.flush()
