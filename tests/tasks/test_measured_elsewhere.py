"""An instance that came to another server is looked at there at once, and measured there within the hour (P04, P24)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from hosting.inventory import instances
from hosting.inventory.measurements import MeasuredFacts, record_measured
from hosting.inventory.session import in_transaction
from hosting.policy.quota import Use
from hosting.policy.terms import GIB
from tasks.storage_reports import read_due, read_known
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.inventory.session import Inventory

NOW = datetime(2026, 11, 26, 17, 30, tzinfo=UTC)
USE = Use(GIB // 2, GIB // 2)
"""A fifth of its pool: nearly empty, so that it is measured nightly, and no look at its disks has it measured."""


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as inventory:
        yield inventory


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An instance that was measured on its server a minute ago."""
    made = opened(inventory, "A-1", NOW)
    measured_on(inventory, made, "app1", NOW)
    return made


def measured_on(inventory: Inventory, name: str, server: str, at: datetime) -> None:
    facts = MeasuredFacts(name, server, at, USE, 1, 0)
    in_transaction(inventory, lambda session: record_measured(session, facts))


def due() -> list[tuple[str, list[str]]]:
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        return [(str(server.name), [str(one.name) for one in found]) for server, found in read_due.fn()]


def measured_at_once() -> list[tuple[str, list[str]]]:
    """Whom the look has measured though nothing of it has changed on the disks."""
    return [
        (str(server.name), [str(one.instance.name) for one in known if one.has_moved(USE.database_bytes, None)])
        for server, known in read_known.fn()
    ]


def test_who_came_to_another_server_is_measured_there_by_the_next_look(inventory: Inventory, name: str) -> None:
    assert (due(), measured_at_once()) == ([], [("app1", [])])
    in_transaction(inventory, lambda session: instances.record_server(session, name, "app2", "Moved.", NOW))
    assert (due(), measured_at_once()) == ([("app2", [name])], [("app2", [name])])
    measured_on(inventory, name, "app2", NOW)
    assert (due(), measured_at_once()) == ([], [("app2", [])])
