"""The real application on a real inventory, and the shop that speaks to it."""

from __future__ import annotations

import base64
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from deployments.web.app import create_app
from fleet.shop import Event, Shop
from hosting.inventory import instances, links, releases, servers
from hosting.inventory.notices import MoneyMoved, Notice, NoticeType, OrderPlaced
from hosting.inventory.session import Inventory
from hosting.inventory.shop import take_notice
from hosting.policy.states import ServerState
from hosting.policy.values import ReleaseFacts, ReleaseId, ServerFacts, ServerName
from hosting.settings import Settings
from tests.inventory.files import write_empty

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from starlette.applications import Starlette


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def settings_for(url: str, shop_secrets: tuple[str, ...], port: int = 4280, private_key: str = "none") -> Settings:
    return Settings.model_validate(
        {
            "zone": "phlymail.test",
            "inventory_url": url,
            "sealing_key": base64.urlsafe_b64encode(b"k" * 32).decode(),
            "ssh": {"private_key": private_key, "connect_seconds": 2.0},
            "mail": {"host": "127.0.0.1", "sender": "service@phlymail.test", "operator": "operator@phlymail.test"},
            "store": {"endpoint": "http://127.0.0.1:1", "access_key": "a", "secret_key": "s"},
            "web": {"public_url": "https://shop.phlymail.test", "bind_port": port, "shop_secrets": shop_secrets},
        }
    )


@dataclass
class Instances:
    """Stands in for the servers: keeps each password that was set, or raises what it is told to."""

    passwords: list[tuple[str, str]] = field(default_factory=list)
    failure: Exception | None = None

    def set_password(self, instance: str, password: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.passwords.append((instance, password))


@dataclass
class Service:
    """The application with everything around it that tests look at."""

    app: Starlette
    inventory: Inventory
    settings: Settings
    shop: Shop
    instances: Instances

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://receiver.test") as client:
            yield client

    async def deliver(self, event: Event, headers: dict[str, str] | None = None) -> httpx.Response:
        async with self.client() as client:
            content = event.body.encode()
            return await client.post("/shop/events", content=content, headers=headers or self.shop.headers(event))


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    path = tmp_path / "inventory.sqlite"
    write_empty(path)
    inventory = Inventory(f"sqlite:///{path}")
    yield inventory
    inventory.close()


@pytest.fixture
def shop_secret() -> str:
    return new_secret()


@pytest.fixture
def service(inventory: Inventory, shop_secret: str) -> Service:
    settings = settings_for(str(inventory.url), (shop_secret,))
    instances = Instances()
    app = create_app(settings, inventory, None, instances.set_password)
    return Service(app, inventory, settings, Shop("http://receiver.test", shop_secret), instances)


def open_instance(
    inventory: Inventory,
    language: str = "de",
    address: str = "10.77.0.11",
    port: int = 22,
    host_key: str = "ssh-ed25519 AAAA",
) -> str:
    """An order that is paid and an instance that is active, without a server behind it; gives the instance's name."""
    now = datetime.now(UTC)
    order = OrderPlaced("A-1", "C-1", "Jürgen Groß", "j@example.org", language, 1, 0, 5890, "EUR")
    money = MoneyMoved("A-1", 5890, "EUR", now)
    release = ReleaseFacts(ReleaseId("0" * 64), 404, "4.04.70", "free", 1, current=True)
    host = "app1.phlymail.test"
    server = ServerFacts(
        ServerName("app1"), host, address, port, host_key, "DE", dedicated=True,
        state=ServerState.ACTIVE, room_gib=500,
    )  # fmt: skip
    with inventory.writing() as session:
        take_notice(session, Notice("evt_1", NoticeType.ORDER_PLACED, now, "{}", order), now, "BE")
        take_notice(session, Notice("evt_2", NoticeType.PAYMENT_RECEIVED, now, "{}", money), now, "BE")
        releases.add_release(session, release, "test", now)
        servers.add_server(session, server, "test", now)
        instance = instances.reserve_instance(
            session, "A-1", lambda _pool, all_: all_[0], release=release, seal=lambda text: text, now=now
        )
        instances.record_active(session, instance.name, now, {})
    return instance.name


def make_link(inventory: Inventory, instance: str, valid_for: timedelta = timedelta(days=14)) -> str:
    with inventory.writing() as session:
        return links.make_link(session, instance, "first access", datetime.now(UTC), valid_for)
