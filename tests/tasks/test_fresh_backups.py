"""A move and an update of a server begin with the same backup: the newest one that can be relied on, of the last day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
import time_machine

from hosting.inventory import instances, recovery_points, server_updates
from hosting.inventory.session import in_transaction
from hosting.policy.fresh_backups import is_fresh
from hosting.policy.states import GenerationState
from tasks.move_records import obstacles_of
from tests.service.records import opened, provided, with_backup

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.inventory.session import Inventory

NOW = datetime(2026, 11, 26, 22, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as inventory:
        yield inventory


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An instance with a good backup of this hour, and the one of the week before."""
    made = opened(inventory, "A-1", NOW - 200 * HOUR)
    with_backup(inventory, made, "g1", NOW - 190 * HOUR)
    with_backup(inventory, made, "g2", NOW - HOUR)
    return made


def last_backups(inventory: Inventory, name: str) -> tuple[datetime | None, datetime | None]:
    """What a move, and what an update of its server, goes by."""
    with time_machine.travel(NOW, tick=False), inventory.reading() as session:
        found = obstacles_of(session, instances.instance_facts(session, name), without_backup=False)
        return found.last_backup, server_updates.last_backups(session, "app1", NOW)[name]


def test_both_go_by_the_newest_good_backup(inventory: Inventory, name: str) -> None:
    assert last_backups(inventory, name) == (NOW - HOUR, NOW - HOUR)


def test_what_lies_in_a_damaged_generation_lets_neither_begin(inventory: Inventory, name: str) -> None:
    mark = partial(recovery_points.mark_generation, generation_id="g2", state=GenerationState.DAMAGED)
    in_transaction(inventory, partial(mark, finding="Its last look found an object gone.", now=NOW))
    assert last_backups(inventory, name) == (NOW - 190 * HOUR, NOW - 190 * HOUR)


def test_a_backup_is_fresh_for_a_day() -> None:
    found = [is_fresh(at, NOW) for at in (NOW, NOW - 24 * HOUR, NOW - 24 * HOUR - timedelta(seconds=1), None)]
    assert found == [True, True, False, False]
