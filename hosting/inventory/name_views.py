"""What a person sees who decides on a name: all that is known of it, side by side (P28)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.inventory import instances, name_application_rows, names, orders
from hosting.inventory.models import Instance, Order
from hosting.inventory.name_rows import HOLDING
from hosting.policy.subdomain import appearance, similar_names
from hosting.policy.values import NameKind

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.inventory.name_application_rows import ApplicationFacts
    from hosting.policy.values import NameFacts, OrderFacts


@dataclass(frozen=True)
class ApplicationView:
    """An application with everything around it.

    Args:
        looks: its scripts, its signs that are not plain, how it is spelled, its skeleton.
        similar: names of other instances that look or read alike, or differ by few letters.
        order: of the instance, which names the customer.
        held: the names that the instance has, or had.
        earlier: other applications of the same customer, for all of his instances.
    """

    application: ApplicationFacts
    looks: dict[str, Any]
    similar: tuple[NameFacts, ...]
    order: OrderFacts
    held: tuple[NameFacts, ...]
    earlier: tuple[ApplicationFacts, ...]


def application_view(session: Session, number: int) -> ApplicationView:
    """One application with everything around it.

    Raises:
        UnknownApplication: none has this number.
    """
    return _view(session, name_application_rows.application_facts(session, number))


def queue_views(session: Session) -> list[ApplicationView]:
    """The applications that wait for a person, the oldest first, each with everything around it."""
    return [_view(session, one) for one in name_application_rows.queue(session)]


def _view(session: Session, one: ApplicationFacts) -> ApplicationView:
    """An application with everything around it."""
    order = orders.order_facts(session, instances.instance_facts(session, one.instance_name).order_reference)
    every = names.all_names(session)
    others = {
        name.as_ordered: name
        for name in every
        if name.instance_name != one.instance_name and name.kind is NameKind.SUBDOMAIN and name.state in HOLDING
    }
    same_customer = select(Instance.name).join(Order, Order.reference == Instance.order_reference)
    his = session.scalars(same_customer.where(Order.customer_reference == order.customer_reference)).all()
    return ApplicationView(
        application=one,
        looks=appearance(one.name),
        similar=tuple(others[name] for name in similar_names(one.name, others)),
        order=order,
        held=tuple(name for name in every if name.instance_name == one.instance_name),
        earlier=tuple(other for other in name_application_rows.applications(session, *his) if other.id != one.id),
    )
