"""Names that customers order in the shop: kept with the event, judged once their instance is there (P26, P28)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import cases, instances, name_applications, orders
from hosting.inventory.deeds import SHOP
from hosting.inventory.models import Order, ShopEvent
from hosting.inventory.notices import NoticeType
from hosting.inventory.turns import take_turn
from hosting.policy.states import EventState, OrderState, step

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.listed_names import NameLists

NO_INSTANCE_COMES = frozenset({OrderState.REFUSED, OrderState.CANCELLED})


@dataclass(frozen=True)
class Wish:
    """A name that was ordered in the shop.

    Args:
        event: the shop's.
        order: under which the instance is, or is to be.
        name: as the customer wrote it.
    """

    event: str
    order: str
    name: str


def waiting_wishes(session: Session) -> list[Wish]:
    """The wishes that nobody has judged, the first ordered first."""
    kind, waits = ShopEvent.type == NoticeType.NAME_ORDERED, ShopEvent.state == EventState.WAITING
    rows = session.scalars(select(ShopEvent).where(kind, waits).order_by(ShopEvent.delivered_at, ShopEvent.id))
    return [Wish(row.id, row.order_reference, json.loads(row.body)["data"]["name"]) for row in rows]


def judge_wish(session: Session, wish: Wish, lists: NameLists, *, zone: str, now: datetime) -> EventState:
    """A wish becomes an application, once its instance is there; what can't be one is put before a person.

    Returns:
        What became of it: it still waits where the order or its instance is not there yet.
    """
    take_turn(session, orders.subject_of(wish.order))
    row = session.get_one(ShopEvent, wish.event, with_for_update=True, populate_existing=True)
    if row.state != EventState.WAITING:
        return EventState(row.state)
    order, instance = session.get(Order, wish.order), instances.instance_of_order(session, wish.order)
    if order is None or (instance is None and order.state not in NO_INSTANCE_COMES):
        return EventState.WAITING
    objection = f"Order {wish.order} is {order.state}."
    if instance is not None:
        objection = _applied_for(session, instance.name, wish, lists, zone=zone, now=now)
    row.state = step(EventState.WAITING, EventState.FOR_A_PERSON if objection else EventState.APPLIED)
    cases.settle_by_key(session, f"order_unknown:{wish.event}", SHOP, "The order has arrived.", now)
    if objection:
        summary = f"The name {wish.name} was ordered in the shop and can't be judged. {objection}"
        key, facts = f"name_not_judged:{wish.event}", {"event": wish.event, "name": wish.name}
        subject = orders.subject_of(wish.order)
        cases.raise_case(session, key, cases.NAME_NOT_JUDGED, subject, summary, facts=facts, now=now)
    session.flush()
    return EventState(row.state)


def _applied_for(session: Session, instance: str, wish: Wish, lists: NameLists, *, zone: str, now: datetime) -> str:
    """The application handed in as the customer's; why that can't be done, empty if it is."""
    why = f"ordered in the shop (event {wish.event})"
    try:
        name_applications.apply_for(session, instance, wish.name, lists, zone=zone, by=SHOP, why=why, now=now)
    except Refused as refused:
        return str(refused)
    return ""
