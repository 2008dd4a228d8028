"""The shop of the fleet: it has the prices, and it tells what happened in events that it signs and sends."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
from standardwebhooks import Webhook

from fleet.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

SETUP_FEE_CENTS = 4900
BASE_RENT_CENTS = 990
ACCOUNT_RENT_CENTS = 490
STORAGE_RENT_CENTS = 250
STORAGE_STEP_GB = 5
"""The shop's prices, made up: rents are monthly, an account's beyond the first, storage's for each step."""

RETRY_DELAYS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds before an event is sent again after an answer other than 2xx, or none."""

ANSWER_SECONDS = 15.0


class ShopUnheard(FleetError):
    """The service did not take an event, however often it was sent."""


@dataclass(frozen=True)
class Event:
    """One thing that happened; its id and body are the same in each delivery."""

    id: str
    type: str
    body: str


@dataclass(frozen=True)
class Order:
    """What a customer ordered, with what is due for it: setup fee and first rent."""

    reference: str
    customer: str
    name: str
    email: str
    language: str
    accounts: int
    storage_gb: int
    due_cents: int
    currency: str = "EUR"
    service_level: str | None = None


@dataclass(frozen=True)
class Answer:
    """What the service said to an event in the end."""

    status: int
    content: Mapping[str, Any]
    deliveries: int


def due_cents(accounts: int, storage_gb: int) -> int:
    """The setup fee and the first month's rent."""
    rent = BASE_RENT_CENTS + max(accounts - 1, 0) * ACCOUNT_RENT_CENTS
    return SETUP_FEE_CENTS + rent + max(storage_gb, 0) // STORAGE_STEP_GB * STORAGE_RENT_CENTS


class Shop:
    """Sends events as Standard Webhooks senders do: the same event again, newly signed, until it is taken.

    Args:
        url: of the service's receiver, e.g. `http://127.0.0.1:4280`.
        secret: shared with it (whsec_…).
        delays: seconds before each further attempt.
    """

    def __init__(self, url: str, secret: str, delays: tuple[float, ...] = RETRY_DELAYS) -> None:
        self.url = f"{url.rstrip('/')}/shop/events"
        self._webhook = Webhook(secret)
        self._delays = delays

    def order(
        self,
        *,
        name: str = "Erika Mustermann",
        email: str = "erika@example.org",
        language: str = "de",
        accounts: int = 1,
        storage_gb: int = 0,
        reference: str | None = None,
        customer: str | None = None,
        service_level: str | None = None,
    ) -> tuple[Order, Answer]:
        """Place an order and tell the service.

        Raises:
            ShopUnheard: it wasn't taken.
        """
        reference = reference or f"A-{secrets.token_hex(4)}"
        customer = customer or f"C-{reference}"
        due = due_cents(accounts, storage_gb)
        order = Order(
            reference, customer, name, email, language, accounts, storage_gb, due, service_level=service_level
        )
        return order, self.send(placed(order))

    def pay(self, order: Order, cents: int | None = None, received_at: datetime | None = None) -> Answer:
        """Tell that money came in for an order: what is due, if no amount is named.

        Raises:
            ShopUnheard: it wasn't taken.
        """
        amount = order.due_cents if cents is None else cents
        return self.send(moved("payment.received", order.reference, amount, order.currency, received_at=received_at))

    def refund(self, order: Order, cents: int | None = None) -> Answer:
        """Tell that money went back.

        Raises:
            ShopUnheard: it wasn't taken.
        """
        amount = order.due_cents if cents is None else cents
        return self.send(moved("payment.refunded", order.reference, amount, order.currency))

    def wish(self, reference: str, name: str) -> Answer:
        """Tell that the customer of an order wishes for a subdomain.

        Raises:
            ShopUnheard: it wasn't taken.
        """
        return self.send(wished(reference, name))

    def unwish(self, reference: str, name: str) -> Answer:
        """Tell that the customer of an order wants his name no longer.

        Raises:
            ShopUnheard: it wasn't taken.
        """
        return self.send(wished(reference, name, kind="name.cancelled"))

    def send(self, event: Event) -> Answer:
        """Send an event until it is taken, a bounded number of times.

        Raises:
            ShopUnheard: it wasn't taken.
        """
        said = ""
        for attempt, delay in enumerate((0.0, *self._delays), start=1):
            time.sleep(delay)
            try:
                response = self.deliver(event)
            except httpx.TransportError as error:
                said = f"no answer ({type(error).__name__})"
                continue
            if response.is_success:
                return Answer(response.status_code, response.json(), attempt)
            said = f"{response.status_code} {response.text}"
        message = f"{self.url} did not take event {event.id} ({event.type}): {said}."
        raise ShopUnheard(message, "Start the receiver (phm up), or correct what it says.")

    def deliver(self, event: Event, client: httpx.Client | None = None) -> httpx.Response:
        """Sign and send once, now; whatever the answer is."""
        post = client.post if client else httpx.post
        return post(self.url, content=event.body.encode(), headers=self.headers(event), timeout=ANSWER_SECONDS)

    def headers(self, event: Event, at: datetime | None = None) -> dict[str, str]:
        """The headers of a delivery at a moment, now if none is named."""
        moment = at or datetime.now(UTC)
        return {
            "content-type": "application/json",
            "webhook-id": event.id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": self._webhook.sign(event.id, moment, event.body),
        }


def event(kind: str, data: Mapping[str, Any], event_id: str | None = None) -> Event:
    """An event of any type; with an id of its own if none is named."""
    body = json.dumps({"type": kind, "timestamp": _text(datetime.now(UTC)), "data": data}, ensure_ascii=False)
    return Event(event_id or f"evt_{secrets.token_hex(12)}", kind, body)


def placed(order: Order, event_id: str | None = None) -> Event:
    """`order.placed`."""
    data = {
        "order": order.reference,
        "customer": {
            "reference": order.customer,
            "name": order.name,
            "email": order.email,
            "language": order.language,
        },
        "accounts": order.accounts,
        "storage_gb": order.storage_gb,
        "due": {"cents": order.due_cents, "currency": order.currency},
        "service_level": order.service_level,
    }
    return event("order.placed", data, event_id)


def moved(
    kind: str,
    reference: str,
    cents: int,
    currency: str = "EUR",
    *,
    received_at: datetime | None = None,
    event_id: str | None = None,
) -> Event:
    """`payment.received` or `payment.refunded`; received now if no moment is named."""
    at = received_at or datetime.now(UTC)
    data = {"order": reference, "amount": {"cents": cents, "currency": currency}, "received_at": _text(at)}
    return event(kind, data, event_id)


def rent(kind: str, reference: str, cents: int, due_on: date, event_id: str | None = None) -> Event:
    """`rent.overdue` or `rent.settled`."""
    data = {"order": reference, "amount": {"cents": cents, "currency": "EUR"}, "due_on": due_on.isoformat()}
    return event(kind, data, event_id)


def wished(reference: str, name: str, event_id: str | None = None, *, kind: str = "name.ordered") -> Event:
    """`name.ordered` or `name.cancelled`."""
    return event(kind, {"order": reference, "name": name}, event_id)


def _text(moment: datetime) -> str:
    """A moment as RFC 3339 has it, in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
