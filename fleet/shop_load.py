"""A storm of notices: many orders' events, repeated and shuffled, from several clients, each until it is taken."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from fleet.shop import Event, Order, ShopUnheard, due_cents, moved, placed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet.shop import Shop

AGAIN_AFTER_SECONDS = 0.1


@dataclass(frozen=True)
class Storm:
    """What is to be delivered, in this order: every event at least once."""

    orders: tuple[Order, ...]
    deliveries: tuple[Event, ...]

    @property
    def events(self) -> dict[str, Event]:
        """The events by their ids, each once."""
        return {event.id: event for event in self.deliveries}


@dataclass
class Progress:
    """How far a storm has come; may be read by others while it blows."""

    taken: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    acknowledged: set[str] = field(default_factory=set)
    seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, event: Event, taken: str) -> None:
        """Note that an event was answered with 2xx."""
        with self._lock:
            self.taken[taken] += 1
            self.acknowledged.add(event.id)

    def refuse(self, said: str) -> None:
        """Note an answer of another kind, or none."""
        with self._lock:
            self.refused[said] += 1

    def told(self) -> set[str]:
        """The ids of the events that were answered with 2xx until now."""
        with self._lock:
            return set(self.acknowledged)

    @property
    def deliveries(self) -> int:
        """How many were answered with 2xx."""
        return self.taken.total()


def storm(orders: int, notices: int, seed: int, service_level: str | None = None) -> Storm:
    """Each order placed and paid in two parts, filled up with repeats, shuffled.

    Args:
        orders: how many orders.
        notices: how many deliveries in all, at least three an order.
        seed: the same one gives the same storm.
        service_level: of the orders, None for the standard one.

    Raises:
        ValueError: too few notices.
    """
    chance = random.Random(seed)  # noqa: S311  # for a shuffle that can be repeated, not for a secret
    placed_orders = tuple(_order(seed, number, service_level) for number in range(orders))
    events = [event for order in placed_orders for event in _events(order)]
    if notices < len(events):
        raise ValueError(f"{orders} orders need at least {len(events)} notices.")
    deliveries = events + chance.choices(events, k=notices - len(events))
    chance.shuffle(deliveries)
    return Storm(placed_orders, tuple(deliveries))


def blow(shop: Shop, deliveries: Sequence[Event], clients: int, seconds: float, progress: Progress) -> None:
    """Deliver all, each until it is answered with 2xx, from so many clients at once.

    Raises:
        ShopUnheard: not all were taken within the seconds; says how many were.
    """
    began = time.monotonic()
    end = began + seconds

    def client_work(share: Sequence[Event]) -> None:
        with httpx.Client(timeout=seconds) as client:
            for event in share:
                _until_taken(shop, client, event, end, progress)

    with ThreadPoolExecutor(clients) as pool:
        work = [pool.submit(client_work, deliveries[start::clients]) for start in range(clients)]
    for one in work:
        one.result()
    progress.seconds = time.monotonic() - began


def _until_taken(shop: Shop, client: httpx.Client, event: Event, end: float, progress: Progress) -> None:
    """Deliver one event until it is taken, or the time is over."""
    while time.monotonic() < end:
        try:
            response = shop.deliver(event, client)
        except httpx.TransportError as error:
            said = type(error).__name__
        else:
            if response.is_success:
                progress.take(event, response.json()["taken"])
                return
            said = str(response.status_code)
        progress.refuse(said)
        time.sleep(AGAIN_AFTER_SECONDS)
    message = f"{progress.deliveries} notices were taken before the time was over; not taken: {dict(progress.refused)}."
    raise ShopUnheard(message, "Look at the receiver's log.")


def _order(seed: int, number: int, service_level: str | None) -> Order:
    """One order of a storm."""
    reference = f"S{seed}-{number:04d}"
    name, email = f"Customer {number}", f"customer{number}@example.org"
    accounts = 1 + number % 3
    due = due_cents(accounts, 0)
    return Order(
        reference,
        f"C-{reference}",
        name,
        email,
        "de",
        accounts,
        storage_gb=0,
        due_cents=due,
        service_level=service_level,
    )


def _events(order: Order) -> tuple[Event, Event, Event]:
    """An order and its money, which comes in two parts."""
    half = order.due_cents // 2
    rest = order.due_cents - half
    return (
        placed(order, f"evt_{order.reference}_placed"),
        moved("payment.received", order.reference, half, event_id=f"evt_{order.reference}_half"),
        moved("payment.received", order.reference, rest, event_id=f"evt_{order.reference}_rest"),
    )
