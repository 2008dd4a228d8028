"""The product ends: who was told, who has taken his data along, who has given notice, who is left (P41)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.inventory import endings, exports
from hosting.inventory.models import Customer, Instance, Letter, Order
from hosting.policy.states import EndState, InstanceState

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy.orm import Session

SERVED = (InstanceState.ACTIVE, InstanceState.SUSPENDED)
LETTER = "product_ends"


@dataclass(frozen=True)
class Standing:
    """A customer with an instance that is or was open, and how far he is on his way.

    Args:
        exported_at: when all of his data were last ready to be fetched.
        fetched_at: when he fetched something of them.
        ends_on: the day on which his contract ends, once there was notice.
        state: of his instance.
    """

    customer: str
    name: str
    email: str
    language: str
    instance: str
    state: InstanceState
    told_at: datetime | None
    exported_at: datetime | None
    fetched_at: datetime | None
    ends_on: date | None
    end: EndState | None

    @property
    def is_left(self) -> bool:
        """Whether he is still served and nobody has given notice."""
        return self.state in SERVED and self.end is None

    @property
    def is_to_be_told(self) -> bool:
        """Whether he is served and was never told."""
        return self.state in SERVED and self.told_at is None


def key_of(customer: str) -> str:
    """The key under which a customer is told once, however often the campaign is run."""
    return f"product-ends:{customer}"


def standings(session: Session) -> list[Standing]:
    """Everybody who has, or had, an open instance, by customer and instance."""
    query = select(Customer, Instance).join(Order, Order.customer_reference == Customer.reference)
    query = query.join(Instance, Instance.order_reference == Order.reference)
    query = query.where(Instance.active_at.is_not(None)).order_by(Customer.reference, Instance.number)
    told = {one.key: one.sent_at for one in session.scalars(select(Letter).where(Letter.key.like("product-ends:%")))}
    return [
        _standing(session, customer, instance, told.get(key_of(customer.reference)))
        for customer, instance in session.execute(query)
    ]


def _standing(session: Session, customer: Customer, instance: Instance, told_at: datetime | None) -> Standing:
    """One of them."""
    end = endings.open_ending(session, instance.name)
    if end is None and instance.state == InstanceState.ENDED:
        end = endings.any_ending(session, instance.name)
    made = [one for one in exports.all_exports(session, instance.name) if not one.only_user]
    ready = [one.ready_at for one in made if one.ready_at is not None]
    fetched = [one.fetched_at for one in made if one.fetched_at is not None]
    return Standing(
        customer.reference, customer.name, customer.email, customer.language, instance.name,
        InstanceState(instance.state), told_at, max(ready, default=None), max(fetched, default=None),
        end.ends_on if end else None, end.state if end else None,
    )  # fmt: skip
