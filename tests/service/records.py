"""Records of instances and their backups, entered without a server: what the policy decides on, at chosen moments."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet
from pydantic import SecretStr

from blocks import loading
from blocks.inventory_database import InventoryDatabase
from blocks.mail_relay import MailRelay
from blocks.service_settings import ServiceSettings
from hosting.inventory import instances, recovery_points, servers
from hosting.inventory.session import in_transaction
from hosting.policy.values import PointKind
from tests.inventory.files import write_empty
from tests.inventory.words import placed, received, server, take, with_servers
from tests.policy.backups import point

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from prefect.blocks.core import Block
    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory
    from hosting.policy.values import PointFacts

MANIFEST: Mapping[str, Any] = {
    "database": {"bytes": 3 << 20, "tables": {"users": {"rows": 3, "sum": "8d1f"}, "mails": {"rows": 40, "sum": "77"}}},
    "files": {"files": 12, "bytes": 5 << 20, "sha256": "ab" * 32},
}


@contextlib.contextmanager
def provided(folder: Path, *blocks: Block, relay_port: int = 9) -> Iterator[Inventory]:
    """An empty inventory that tasks in this process work with, among further blocks."""
    before = dict(loading._LOADED)
    write_empty(folder / "inventory.db")
    database = InventoryDatabase(url=SecretStr(f"sqlite:///{folder}/inventory.db"))
    settings = ServiceSettings(
        zone="phlymail.test", sealing_key=SecretStr(Fernet.generate_key().decode()), public_url="http://127.0.0.1"
    )
    relay = MailRelay(host="127.0.0.1", port=relay_port, sender="s@phlymail.test", operator="o@phlymail.test")
    loading.provide(database, settings, relay, *blocks)
    with_servers(database.inventory, server("app1", 1000), server("app2", 1000, address="192.0.2.2"))
    try:
        yield database.inventory
    finally:
        database.inventory.close()
        loading._LOADED.clear()
        loading._LOADED.update(before)


def opened(inventory: Inventory, order: str, at: datetime, host: str = "app1") -> str:
    """An instance on a server, opened at a moment; its name."""
    take(inventory, placed(order), received(f"{order}-paid", order=order, at=at), now=at)

    def reserve(session: Session) -> str:
        here = servers.server_facts(session, host)
        made = instances.reserve_instance(
            session, order, lambda _pool, _all: here, release=_release(session), seal=str.upper, now=at
        )
        instances.record_active(session, made.name, at, {})
        return made.name

    return in_transaction(inventory, reserve)


def _release(session: Session) -> Any:
    from hosting.inventory.releases import current_release

    return current_release(session)


def with_backup(
    inventory: Inventory, name: str, generation: str, at: datetime, kind: PointKind = PointKind.FULL, **changes: Any
) -> PointFacts:
    """A point of an instance; a full one begins the generation."""

    def enter(session: Session) -> PointFacts:
        host = changes.get("server_name") or instances.instance_facts(session, name).server_name
        if kind is PointKind.FULL:
            recovery_points.begin_generation(session, generation, name, host, f"wrapped-{generation}", at)
        made = point(generation, at, kind, name, **{"server_name": host, "manifest": MANIFEST, **changes})
        return recovery_points.record_point(session, made, at)

    return in_transaction(inventory, partial(enter))
