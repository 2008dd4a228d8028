"""When the money received for an order is enough, and which money is a matter for a person (P08)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from hosting.policy.states import OrderState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

TAKES_MONEY = frozenset({OrderState.PLACED, OrderState.PAID, OrderState.FULFILLED})
"""Money for an order in another state doesn't count."""


class MovementKind(StrEnum):
    """Which way money went."""

    RECEIVED = "received"
    REFUNDED = "refunded"


class FindingKind(StrEnum):
    """Why money is put before a person."""

    WRONG_CURRENCY = "wrong_currency"
    NO_AMOUNT = "no_amount"
    ORDER_CLOSED = "order_closed"
    REFUND = "refund"
    OVERPAID = "overpaid"


@dataclass(frozen=True)
class Movement:
    """Money that came or went for an order; amounts in cents, the moment as `arrival` reads it."""

    event_id: str
    kind: MovementKind
    cents: int
    currency: str
    received_at: datetime

    @property
    def signed_cents(self) -> int:
        """What it does to the sum."""
        return self.cents if self.kind is MovementKind.RECEIVED else -self.cents


@dataclass(frozen=True)
class Finding:
    """A matter for a person; `key` is the same whenever the same matter is found."""

    kind: FindingKind
    key: str
    message: str


@dataclass(frozen=True)
class Settlement:
    """What the money for an order comes to.

    Args:
        received_cents: the sum of what counts, refunds taken off.
        paid_at: the moment at which the sum first reached what is due; a later refund doesn't undo it.
        counted: the ids of the events whose money counts.
        findings: what is put before a person.
    """

    received_cents: int
    paid_at: datetime | None
    counted: frozenset[str]
    findings: tuple[Finding, ...]


def arrival(received_at: datetime, delivered_at: datetime, now: datetime) -> datetime:
    """The moment of receipt as it counts: never later than the notice's delivery, never in the future (P08)."""
    return min(received_at, delivered_at, now)


def settle(
    due_cents: int,
    currency: str,
    movements: Iterable[Movement],
    order_state: OrderState,
    placed_at: datetime,
) -> Settlement:
    """What the set of an order's money comes to against what is due; the order of its delivery doesn't matter.

    Args:
        due_cents: setup fee and first rent.
        currency: of the order; other money doesn't count.
        movements: all that was told for this order.
        order_state: money for a refused or cancelled order doesn't count.
        placed_at: when the order was placed; one with nothing due is paid by that.
    """
    counting: list[Movement] = []
    findings: list[Finding] = []
    for movement in sorted(movements, key=_in_time):
        objection = _objection(movement, currency, order_state)
        if objection is None:
            counting.append(movement)
        if finding := objection or _remark(movement):
            findings.append(finding)
    open_order = order_state in TAKES_MONEY
    paid_at = placed_at if open_order and due_cents == 0 else None
    total = 0
    for movement in counting:
        total += movement.signed_cents
        if paid_at is None and total >= due_cents:
            paid_at = movement.received_at
    if open_order and total > due_cents:
        over = f"{total - due_cents} cents {currency} more than the {due_cents} due were received."
        findings.append(Finding(FindingKind.OVERPAID, f"{FindingKind.OVERPAID}:{total}", over))
    return Settlement(total, paid_at, frozenset(movement.event_id for movement in counting), tuple(findings))


def _in_time(movement: Movement) -> tuple[datetime, bool, str]:
    """The order in which money counts: by its receipt; at the same moment what came before what went."""
    return movement.received_at, movement.kind is MovementKind.REFUNDED, movement.event_id


def _objection(movement: Movement, currency: str, order_state: OrderState) -> Finding | None:
    """Why this money doesn't count, None if it does."""
    amount = f"{movement.cents} cents {movement.currency}"
    if order_state not in TAKES_MONEY:
        return _finding(
            FindingKind.ORDER_CLOSED, movement, f"{amount} {movement.kind} for an order that is {order_state}."
        )
    if movement.cents <= 0:
        return _finding(FindingKind.NO_AMOUNT, movement, f"{amount} {movement.kind}: not an amount of money.")
    if movement.currency != currency:
        return _finding(FindingKind.WRONG_CURRENCY, movement, f"{amount} {movement.kind}, but {currency} is due.")
    return None


def _remark(movement: Movement) -> Finding | None:
    """What a person is to know about money that counts."""
    if movement.kind is MovementKind.RECEIVED:
        return None
    message = f"{movement.cents} cents {movement.currency} refunded; nothing is taken back by itself."
    return _finding(FindingKind.REFUND, movement, message)


def _finding(kind: FindingKind, movement: Movement, message: str) -> Finding:
    """A finding about one movement."""
    return Finding(kind, f"{kind}:{movement.event_id}", message)
