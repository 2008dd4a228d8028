"""What a store keeps under its lock is told, owed, and deleted once the lock has ended (P41)."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from blocks import loading
from fleet import Fleet
from hosting.policy.leaving import NOTHING
from tasks.leaving_places import StillLocked, clear_store, list_store
from tests.service.backup_bucket import bucket_of, remove, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blocks.backup_store import BackupStore

pytestmark = pytest.mark.fleet

LOCKED = timedelta(seconds=6)
MINE, OTHERS = "app1/k3v9q2/", "app1/k3v9q22/"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[BackupStore]:
    """A bucket of its own, which the tasks of this process work with."""
    made, before = bucket_of(Fleet(), tmp_path), dict(loading._LOADED)
    loading.provide(made)
    yield made
    remove(made)
    loading._LOADED.clear()
    loading._LOADED.update(before)


def test_all_versions_below_every_prefix_go_and_nothing_of_a_neighbour(store: BackupStore) -> None:
    written(store, "app1", "k3v9q2", "g1")
    written(store, "app2", "k3v9q2", "g2")
    written(store, "app1", "k3v9q22", "g3")
    store.put_bytes("exports/k3v9q2/7/1.zip", b"zip")
    prefixes = (MINE, "app2/k3v9q2/", "exports/k3v9q2/")
    there = list_store(prefixes)
    assert (there.count, there.bytes) == (9, 8003)  # the overwritten ones, too
    clear_store(prefixes)
    assert list_store(prefixes) == NOTHING
    assert list_store((OTHERS,)).count == 4
    clear_store(prefixes)  # again, it finds nothing


def test_what_nobody_may_delete_is_told_with_its_day_and_goes_once_that_has_come(store: BackupStore) -> None:
    written(store, "app1", "k3v9q2", "g1")
    until = datetime.now(UTC) + LOCKED
    store.client.put_object(
        Bucket=store.bucket, Key=f"{MINE}g1/locked", Body=b"x", ObjectLockMode="COMPLIANCE",
        ObjectLockRetainUntilDate=until,
    )  # fmt: skip
    with pytest.raises(StillLocked, match=f"until {until:%Y-%m-%d %H:%M} UTC; their keys are destroyed"):
        clear_store((MINE,))
    assert list_store((MINE,)).count
    time.sleep(LOCKED.total_seconds() + 1)
    clear_store((MINE,))
    assert list_store((MINE,)) == NOTHING
