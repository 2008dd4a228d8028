"""What the shop tells, as values: checked for form at the receiver, not yet for sense."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime


class NoticeType(StrEnum):
    """The events that the shop sends."""

    ORDER_PLACED = "order.placed"
    PAYMENT_RECEIVED = "payment.received"
    PAYMENT_REFUNDED = "payment.refunded"
    RENT_OVERDUE = "rent.overdue"
    RENT_SETTLED = "rent.settled"
    NAME_ORDERED = "name.ordered"
    NAME_CANCELLED = "name.cancelled"
    EXPORT_ORDERED = "export.ordered"
    CONTRACT_CANCELLED = "contract.cancelled"
    CONTRACT_RUNS_ON = "contract.runs_on"


@dataclass(frozen=True)
class OrderPlaced:
    """An order; storage in GiB beyond the accounts' own, what is due (setup fee and first rent) in cents."""

    order: str
    customer: str
    name: str
    email: str
    language: str
    accounts: int
    storage_gib: int
    due_cents: int
    currency: str
    service_level: str | None = None


@dataclass(frozen=True)
class MoneyMoved:
    """Money that came or went for an order; the notice's type says which."""

    order: str
    cents: int
    currency: str
    received_at: datetime


@dataclass(frozen=True)
class RentNotice:
    """A rent that is overdue, or settled after all; the notice's type says which."""

    order: str
    cents: int
    currency: str
    due_on: date


@dataclass(frozen=True)
class NameNotice:
    """A name that a customer wishes for, or wants no longer, as he wrote it; the notice's type says which."""

    order: str
    name: str


@dataclass(frozen=True)
class ExportNotice:
    """A customer wants everything of his instance in open formats; of one user only, where one is named."""

    order: str
    user: str = ""


@dataclass(frozen=True)
class EndNotice:
    """A customer gives notice of his contract, for a day or the earliest one, or takes it back."""

    order: str
    ends_on: date | None = None


@dataclass(frozen=True)
class Notice:
    """One event of the shop: its id is unique for ever, the body is kept as it was sent.

    Args:
        id: of the event, the same in each delivery.
        type: what it tells.
        delivered_at: the delivery's own timestamp.
        body: as sent.
        data: the body's content.
    """

    id: str
    type: NoticeType
    delivered_at: datetime
    body: str
    data: OrderPlaced | MoneyMoved | RentNotice | NameNotice | ExportNotice | EndNotice

    @property
    def body_sha256(self) -> str:
        """By which a repeat is told from a contradiction."""
        return hashlib.sha256(self.body.encode()).hexdigest()


class Taken(StrEnum):
    """What became of a notice; each of them is answered alike."""

    APPLIED = "applied"
    WAITING = "waiting"  # for its order; a name, for being seen to
    FOR_A_PERSON = "for_a_person"
    REPEATED = "repeated"  # known already: changes nothing
    CONTRADICTED = "contradicted"  # its id is known with another body: changes nothing, a person looks
