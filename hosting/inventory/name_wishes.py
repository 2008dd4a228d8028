"""Names that customers order or cancel in the shop: kept with the event, seen to once their instance is there (P28)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import cases, instances, name_applications, name_orders, names, orders
from hosting.inventory.deeds import SHOP
from hosting.inventory.models import Order, ShopEvent
from hosting.inventory.notices import NoticeType
from hosting.inventory.turns import take_turn
from hosting.policy.labels import normal, read_label
from hosting.policy.own_domain import check_domain
from hosting.policy.states import EventState, OrderState, step

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.listed_names import NameLists

KINDS = (NoticeType.NAME_ORDERED, NoticeType.NAME_CANCELLED)
NO_INSTANCE_COMES = frozenset({OrderState.REFUSED, OrderState.CANCELLED})


@dataclass(frozen=True)
class Wish:
    """A name that was ordered in the shop, or cancelled there.

    Args:
        event: the shop's.
        order: under which the instance is, or is to be.
        name: as the customer wrote it.
    """

    event: str
    order: str
    name: str
    is_cancelled: bool


def waiting_wishes(session: Session) -> list[Wish]:
    """The wishes that nobody has seen to, in the order in which they arrived."""
    kind, waits = ShopEvent.type.in_(KINDS), ShopEvent.state == EventState.WAITING
    rows = session.scalars(select(ShopEvent).where(kind, waits).order_by(ShopEvent.delivered_at, ShopEvent.id))
    return [
        Wish(row.id, row.order_reference, json.loads(row.body)["data"]["name"], row.type == NoticeType.NAME_CANCELLED)
        for row in rows
    ]


def judge_wish(session: Session, wish: Wish, lists: NameLists, *, zone: str, now: datetime) -> EventState:
    """A wish becomes an application, or takes a name away, once its instance is there; else a person sees to it.

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
        try:
            _done(session, instance.name, wish, lists, zone=zone, now=now)
            objection = ""
        except Refused as refused:
            objection = str(refused)
    row.state = step(EventState.WAITING, EventState.FOR_A_PERSON if objection else EventState.APPLIED)
    cases.settle_by_key(session, f"order_unknown:{wish.event}", SHOP, "The order has arrived.", now)
    if objection:
        said = ("ordered", "judged") if not wish.is_cancelled else ("cancelled", "taken away")
        summary = f"The name {wish.name} was {said[0]} in the shop and can't be {said[1]}. {objection}"
        key, facts = f"name_not_judged:{wish.event}", {"event": wish.event, "name": wish.name}
        subject = orders.subject_of(wish.order)
        cases.raise_case(session, key, cases.NAME_NOT_JUDGED, subject, summary, facts=facts, now=now)
    session.flush()
    return EventState(row.state)


def _done(session: Session, instance: str, wish: Wish, lists: NameLists, *, zone: str, now: datetime) -> None:
    """An application handed in as the customer's, or a name on its way from the instance (P28, P29, P32).

    What is cancelled may be applied for still, or live, or both; it is found by what DNS has, however it is spelled.

    Raises:
        Refused: as `name_applications.apply_for`, and where the instance neither has the name nor waits for it.
    """
    if not wish.is_cancelled:
        why = f"ordered in the shop (event {wish.event})"
        name_applications.apply_for(session, instance, wish.name, lists, zone=zone, by=SHOP, why=why, now=now)
        return
    why = f"cancelled in the shop (event {wish.event})"
    label, domain = read_label(wish.name, zone), check_domain(wish.name, (), ()).domain
    found = name_applications.withdraw(session, instance, label.name, by=SHOP, why=why, now=now)
    said = {label.a_label, label.name, domain.ascii if domain else ""}
    for name in names.names_of(session, instance):
        if {name.a_label, normal(name.as_ordered)} & said:
            name_orders.order_release(session, instance, name.a_label, by=SHOP, why=why, now=now)
            found = True
    if not found:
        raise names.NoSuchNameHere(f"Instance {instance} does not have it.", f"Look at: phm name list {instance}.")
