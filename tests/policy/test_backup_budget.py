"""How long backups may take, and what the point of a killed run counts for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hosting.policy.backup_budget import (
    FIRST_SECONDS,
    LEAST_SECONDS,
    backup_seconds,
    kind_after,
    restore_needs,
    restore_seconds,
    still_counts,
)
from hosting.policy.values import PointKind
from tests.policy.backups import point

FULL, INCREMENTAL = PointKind.FULL, PointKind.INCREMENTAL
NOON = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "minutes_ago", "wish", "counts"),
    [
        (INCREMENTAL, 1, INCREMENTAL, True),
        (FULL, 15, FULL, True),
        (FULL, 15, INCREMENTAL, True),
        (INCREMENTAL, 1, FULL, False),
        (INCREMENTAL, 16, INCREMENTAL, False),
        (FULL, 16 * 60, FULL, False),
    ],
)
def test_a_killed_runs_point_counts_while_it_is_young_and_of_the_kind(
    left: PointKind, minutes_ago: int, wish: PointKind, counts: bool
) -> None:
    made = point("g1", NOON - timedelta(minutes=minutes_ago), left)
    assert still_counts(made, wish, NOON) is counts


def test_a_point_that_was_taken_after_the_wish_counts() -> None:
    assert still_counts(point("g1", NOON + timedelta(hours=3), FULL), FULL, NOON)


def test_after_a_killed_runs_full_point_what_has_changed_since_is_enough() -> None:
    assert kind_after(point("g1", NOON, FULL), FULL) is INCREMENTAL
    assert kind_after(point("g1", NOON, INCREMENTAL), FULL) is FULL


def test_a_backup_may_take_four_times_the_slowest_of_its_kind() -> None:
    points = [point("g1", NOON, FULL, seconds=4000.0), point("g1", NOON, INCREMENTAL, seconds=300.0)]
    assert backup_seconds(points, full=True) == 16_000
    assert backup_seconds(points, full=False) == 1200
    assert backup_seconds([point("g1", NOON, INCREMENTAL, seconds=2.0)], full=False) == LEAST_SECONDS
    assert backup_seconds([], full=True) == FIRST_SECONDS


def test_a_restore_has_time_and_room_by_its_size() -> None:
    sizes = {"database": {"bytes": 400 << 20}, "files": {"bytes": 600 << 20}}
    made = point("g1", NOON, FULL, manifest=sizes)
    assert restore_seconds(made) == LEAST_SECONDS + 250
    assert restore_needs(made) == {"/srv": 600 << 20, "/var/lib/mysql": 800 << 20}
