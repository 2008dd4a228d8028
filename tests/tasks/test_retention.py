"""What has had its time leaves a real store, with all versions; what is relied on stays, and killed runs are ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from blocks import loading
from hosting.errors import Unreachable
from hosting.inventory import deeds, instances, leases, recovery_points
from hosting.inventory.restores import BEGUN, CALLED_OFF, ENDED, REMOVED, begun_restores, open_restores
from hosting.inventory.session import in_transaction
from hosting.policy.states import GenerationState
from tasks.recovery_points import PointGone, read_point
from tasks.restored_aside import read_old_restores
from tasks.retention import drop_generation, mark_droppable_generations
from tests.fleet_fixture import fleet
from tests.service.backup_bucket import broken, bucket_of, remove, versions, written
from tests.service.records import opened, provided, with_backup

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from blocks.backup_store import BackupStore
    from fleet import Fleet
    from hosting.inventory.session import Inventory

__all__ = ["fleet"]

pytestmark = pytest.mark.fleet

NOW = datetime.now(UTC)  # the store takes no requests of another day
WEEK, DAY = timedelta(weeks=1), timedelta(days=1)


@pytest.fixture(scope="module")
def store(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackupStore]:
    made = bucket_of(fleet, tmp_path_factory.mktemp("home"))
    yield made
    remove(made)


@pytest.fixture
def inventory(tmp_path: Path, store: BackupStore) -> Iterator[Inventory]:
    with provided(tmp_path, store) as made:
        yield made


@pytest.fixture
def name(inventory: Inventory, store: BackupStore) -> str:
    """An instance with a full backup each week for seven weeks; only the first one was ever proven."""
    made = opened(inventory, "A-1", NOW - 60 * DAY)
    for number, weeks in enumerate(range(7, 0, -1), 1):
        at = NOW - weeks * WEEK
        with_backup(inventory, made, f"g{number}", at, proven_at=at + DAY if number == 1 else None)
        written(store, "app1", made, f"g{number}")
    return made


def states(inventory: Inventory, name: str) -> dict[str, GenerationState]:
    with inventory.reading() as session:
        return {one.id: one.state for one in recovery_points.generations_of(session, name)}


def going() -> list[str]:
    return [one.id for one in mark_droppable_generations.fn()]


def test_what_is_five_weeks_old_goes_with_all_versions_and_the_last_proven_one_stays(
    inventory: Inventory, name: str, store: BackupStore
) -> None:
    marked = mark_droppable_generations.fn()
    assert [one.id for one in marked] == ["g2", "g3"]
    assert states(inventory, name)["g2"] is GenerationState.DROPPING
    dropped = [drop_generation.fn(one).found for one in marked]
    assert [(one.objects, one.versions, one.bytes) for one in dropped] == [(3, 4, 4000)] * 2
    assert [versions(store, "app1", name, f"g{number}") for number in range(1, 5)] == [4, 0, 0, 4]
    assert states(inventory, name)["g2"] is GenerationState.DROPPED
    with inventory.reading() as session:
        told = [one for one in deeds.deeds_of(session, f"instance:{name}") if one.what == "generation dropped"]
        assert [one.evidence["versions"] for one in told] == [4, 4]
        assert recovery_points.generation(session, "g2").wrapped_password == ""
    assert going() == []


def test_what_a_killed_run_left_is_gone_on_with(inventory: Inventory, name: str, store: BackupStore) -> None:
    first, second = mark_droppable_generations.fn()
    store.drop(first.server_name, first.instance_name, first.id)  # killed before it was recorded
    assert going() == ["g2", "g3"]
    for one in (first, second):
        drop_generation.fn(one)
    assert going() == []
    assert set(states(inventory, name).values()) == {
        GenerationState.CLOSED, GenerationState.DROPPED, GenerationState.OPEN,
    }  # fmt: skip


def test_while_the_store_is_down_a_generation_stays_marked(inventory: Inventory, name: str, store: BackupStore) -> None:
    (first, _) = mark_droppable_generations.fn()
    loading.provide(broken(store))
    with pytest.raises(Unreachable):
        drop_generation.fn(first)
    assert states(inventory, name)["g2"] is GenerationState.DROPPING


def test_nothing_is_taken_from_under_a_restore(inventory: Inventory, name: str) -> None:
    def lease(session: Session) -> None:
        leases.acquire(session, name, "run 1", "restore", now=datetime.now(UTC), ttl=timedelta(minutes=5))

    in_transaction(inventory, lease)
    assert going() == []
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=6), tick=False):
        tell(inventory, name, BEGUN, "1", NOW)
        assert going() == []
        tell(inventory, name, CALLED_OFF, "1", NOW)
        assert going() == ["g2", "g3"]


def test_a_point_that_is_being_dropped_is_not_restored(inventory: Inventory, name: str) -> None:
    with inventory.reading() as session:
        first, second = recovery_points.points_of(session, name)[:2]
    mark_droppable_generations.fn()
    assert read_point.fn(first.id)[0].id == first.id
    with pytest.raises(PointGone, match=f"phm snapshots {name}"):
        read_point.fn(second.id)


def tell(inventory: Inventory, name: str, what: str, stamp: str, at: datetime) -> None:
    """A deed of a restore, as its flow records it."""
    told = {"point": f"{name}-p", "server": "app1", "stamp": stamp, "what": "all"}
    subject = instances.subject_of(name)
    in_transaction(inventory, lambda session: deeds.record(session, "service", what, subject, evidence=told, now=at))


def test_what_a_restore_laid_aside_is_old_a_week_after_its_end(inventory: Inventory, name: str) -> None:
    for stamp, end, ago in (("old", ENDED, 8), ("back", CALLED_OFF, 9), ("young", ENDED, 6), ("gone", ENDED, 20)):
        tell(inventory, name, BEGUN, stamp, NOW - 30 * DAY)
        tell(inventory, name, end, stamp, NOW - ago * DAY)
    tell(inventory, name, REMOVED, "gone", NOW - 10 * DAY)
    tell(inventory, name, BEGUN, "open", NOW - 30 * DAY)
    assert [one.stamp for one in read_old_restores.fn()] == ["old", "back"]
    with inventory.reading() as session:
        assert [one.stamp for one in open_restores(session)] == ["open"]
        assert {one.server for one in begun_restores(session)} == {"app1"}
