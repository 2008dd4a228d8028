"""What the shop says, taken into the inventory exactly once, whatever its order and however often (P08).

All of it happens in the caller's transaction and in the order's turn: notices for one order follow each other, also
when they arrive at the same moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.inventory.end_wishes import take_end
from hosting.inventory.export_wishes import take_wish
from hosting.inventory.models import Order, Payment, ShopEvent
from hosting.inventory.notices import (
    EndNotice,
    ExportNotice,
    MoneyMoved,
    NameNotice,
    Notice,
    NoticeType,
    OrderPlaced,
    RentNotice,
    Taken,
)
from hosting.inventory.orders import subject_of
from hosting.inventory.placing import place_order
from hosting.inventory.rents import note_rent
from hosting.inventory.settlements import settle_order
from hosting.inventory.taking import Taking
from hosting.inventory.turns import take_turn
from hosting.policy.payments import MovementKind, arrival
from hosting.policy.states import EventState, step

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

KINDS = {
    NoticeType.PAYMENT_RECEIVED: MovementKind.RECEIVED,
    NoticeType.PAYMENT_REFUNDED: MovementKind.REFUNDED,
}


def take_notice(session: Session, notice: Notice, now: datetime, holidays_state: str | None) -> Taken:
    """Keep an event of the shop and everything that follows from it.

    Args:
        session: of one transaction that is committed before the shop is answered.
        notice: its signature and form are checked already.
        now: the moment of taking it.
        holidays_state: the German state whose public holidays the service keeps, None for none.

    Returns:
        What became of it; a repeat and a contradiction change nothing.
    """
    take_turn(session, subject_of(notice.data.order))
    taking = Taking(session, notice, now, holidays_state)
    known = session.get(ShopEvent, notice.id)
    if known is not None:
        return _met_again(taking, known)
    event = ShopEvent(
        id=notice.id,
        type=notice.type,
        order_reference=notice.data.order,
        body=notice.body,
        body_sha256=notice.body_sha256,
        delivered_at=now,
        state=EventState.WAITING,
    )
    session.add(event)
    session.flush()
    match notice.data:
        case OrderPlaced():
            state = place_order(taking, notice.data)
        case MoneyMoved():
            state = _move_money(taking, notice.data)
        case RentNotice():
            state = note_rent(taking, notice.data)
        case NameNotice():
            state = _keep_name(taking, notice.data)
        case ExportNotice():
            state = take_wish(taking, notice.data)
        case EndNotice():
            state = take_end(taking, notice.data)
    event.state = step(EventState.WAITING, state)
    session.flush()
    return Taken(state)


def _met_again(taking: Taking, known: ShopEvent) -> Taken:
    """A repeat is nothing new; another body under the same id is a matter for a person."""
    notice = taking.notice
    if known.body_sha256 == notice.body_sha256:
        return Taken.REPEATED
    taking.put_before_a_person(
        "event_contradicted",
        f"{notice.id}:{notice.body_sha256[:16]}",
        f"The shop sent event {notice.id} again with another body; the first one counts.",
        {"first_order": known.order_reference, "first": known.body, "again": notice.body},
    )
    return Taken.CONTRADICTED


def _move_money(taking: Taking, data: MoneyMoved) -> EventState:
    """Enter money in the ledger, and see whether the order is paid by it; money for an unknown order waits for it."""
    session, notice = taking.session, taking.notice
    kind = KINDS[notice.type]
    moved = Payment(event_id=notice.id, order_reference=data.order, kind=kind, cents=data.cents, currency=data.currency)
    moved.received_at, moved.counts = arrival(data.received_at, notice.delivered_at, taking.now), False
    session.add(moved)
    session.flush()
    evidence = {"cents": data.cents, "currency": data.currency, "received_at": moved.received_at.isoformat()}
    taking.record(f"payment {kind}", "", evidence)
    order = session.scalars(select(Order).where(Order.reference == data.order).with_for_update()).first()
    if order is not None:
        objected = settle_order(session, order, taking.now, taking.holidays_state)
        return EventState.FOR_A_PERSON if notice.id in objected else EventState.APPLIED
    amount = f"{data.cents} cents {data.currency} {kind}"
    summary = f"{amount} for order {data.order}, which is unknown; kept until the order arrives."
    taking.put_before_a_person("order_unknown", notice.id, summary, evidence)
    return EventState.WAITING


def _keep_name(taking: Taking, data: NameNotice) -> EventState:
    """Keep what a customer says of a name until it is seen to (`name_wishes`): his instance may not be there yet."""
    taking.record(taking.notice.type.replace(".", " "), "", {"name": data.name})
    if taking.session.get(Order, data.order) is None:
        summary = f"The name {data.name} for order {data.order}, which is unknown; kept until the order arrives."
        taking.put_before_a_person("order_unknown", taking.notice.id, summary, {"name": data.name})
    return EventState.WAITING
