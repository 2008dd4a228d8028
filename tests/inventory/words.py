"""The words in which the inventory's tests speak: notices of the shop, servers, threads at one moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import func, select

from hosting.inventory import cases, orders, servers
from hosting.inventory.notices import MoneyMoved, Notice, NoticeType, OrderPlaced, Taken
from hosting.inventory.releases import add_release
from hosting.inventory.session import Inventory, in_transaction
from hosting.inventory.shop import take_notice
from hosting.policy.states import ServerState
from hosting.policy.values import OrderFacts, ReleaseFacts, ReleaseId, ServerFacts, ServerName

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

Result = TypeVar("Result")

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)  # a Monday, 11:00 in Berlin
HOUR = timedelta(hours=1)
STATE = "BE"
DUE = 4900
ORDER = OrderPlaced("A-1", "C-1", "Ada Löwe", "ada@example.test", "de", 3, 10, DUE, "EUR")
RELEASE = ReleaseFacts(ReleaseId("ab" * 32), 40470, "4.04.70", "free", 1000)


def placed(order: str = "A-1", event: str = "", **changes: Any) -> Notice:
    data = replace(ORDER, order=order, **changes)
    return notice(event or f"placed-{order}", NoticeType.ORDER_PLACED, data)


def received(event: str, cents: int = DUE, at: datetime = NOW, order: str = "A-1", currency: str = "EUR") -> Notice:
    return notice(event, NoticeType.PAYMENT_RECEIVED, MoneyMoved(order, cents, currency, at))


def refunded(event: str, cents: int = DUE, at: datetime = NOW, order: str = "A-1") -> Notice:
    return notice(event, NoticeType.PAYMENT_REFUNDED, MoneyMoved(order, cents, "EUR", at))


def notice(event: str, kind: NoticeType, data: Any, delivered_at: datetime = NOW + 12 * HOUR) -> Notice:
    return Notice(event, kind, delivered_at, f'{{"type": "{kind}", "data": "{data!r}"}}', data)


def take(inventory: Inventory, *notices: Notice, now: datetime = NOW + 12 * HOUR) -> list[Taken]:
    """Each in a transaction of its own, as they are delivered."""

    def taking(given: Notice) -> Taken:
        return in_transaction(inventory, lambda session: take_notice(session, given, now, STATE))

    return [taking(given) for given in notices]


def order(inventory: Inventory, reference: str = "A-1") -> OrderFacts:
    with inventory.reading() as session:
        return orders.order_facts(session, reference)


def open_kinds(inventory: Inventory) -> list[str]:
    with inventory.reading() as session:
        return sorted(case.kind for case in cases.open_cases(session))


def summaries(inventory: Inventory) -> list[str]:
    with inventory.reading() as session:
        return [case.summary for case in cases.open_cases(session)]


def rows(inventory: Inventory, table: type[Any]) -> int:
    with inventory.reading() as session:
        return int(session.scalar(select(func.count()).select_from(table)) or 0)


def server(name: str, room_gib: int = 100, **changes: Any) -> ServerFacts:
    facts = ServerFacts(
        name=ServerName(name),
        host_name=f"{name}.phlymail.test",
        address="192.0.2.1",
        ssh_port=22,
        host_key=f"ssh-ed25519 AAAA{name}",
        country="DE",
        dedicated=True,
        state=ServerState.ACTIVE,
        room_gib=room_gib,
    )
    return replace(facts, **changes)


def with_servers(inventory: Inventory, *given: ServerFacts) -> None:
    def enter(session: Session) -> None:
        add_release(session, RELEASE, "olga", NOW)
        for one in given:
            servers.add_server(session, one, "olga", NOW)

    in_transaction(inventory, enter)


def at_once(*functions: Callable[[], Result]) -> list[Result]:
    """All of them in threads that start at the same moment."""
    barrier = Barrier(len(functions), timeout=30)

    def start(function: Callable[[], Result]) -> Result:
        barrier.wait()
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return [future.result(120) for future in [pool.submit(start, function) for function in functions]]
