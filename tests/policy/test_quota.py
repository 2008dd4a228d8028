"""Room: what files may hold, and what a disk must have left (P04)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.commands.storage import parse_free
from hosting.policy.quota import (
    EASED_BELOW,
    MIB,
    DiskFull,
    Use,
    at_the_fence,
    check_free,
    files_limit,
    has_moved,
    is_due,
    rebuilding_may_help,
    warning,
)
from hosting.policy.terms import GIB


@pytest.mark.parametrize(
    ("gib", "database", "limit"),
    [
        (5, 0, 5 * GIB + 256 * MIB),
        (5, 1, 5 * GIB + 255 * MIB),
        (5, MIB, 5 * GIB + 255 * MIB),
        (5, 5 * GIB, 256 * MIB),
        (5, 6 * GIB, 0),
        (500, 20 * MIB, 525 * GIB - 20 * MIB),
    ],
)
def test_the_kernel_lets_files_hold_what_is_booked_and_a_little_more_less_the_database(
    gib: int, database: int, limit: int
) -> None:
    assert files_limit(gib, database) == limit


def test_a_full_disk_is_told_before_anything_is_written() -> None:
    check_free("app1", {"/srv": 100 * MIB, "/var/lib/mysql": 10 * GIB})
    with pytest.raises(DiskFull) as caught:
        check_free("app1", {"/srv": 10 * GIB, "/var/lib/mysql": 100 * MIB - 1})
    assert str(caught.value) == (
        "The disk of /var/lib/mysql on app1 has only 99 MiB left; 100 MiB are needed. "
        "Free room on it or enlarge it, then run again: it goes on from there."
    )


def test_free_room_is_read_by_path() -> None:
    assert parse_free(("/srv", "/var/lib/mysql"), " 123\n  456\n") == {"/srv": 123, "/var/lib/mysql": 456}


@pytest.mark.parametrize(
    ("use", "pool", "per_mille"),
    [(Use(0, 0), 5, 0), (Use(GIB, 3 * GIB), 5, 800), (Use(0, 5 * GIB - 1), 5, 999), (Use(0, 6 * GIB), 5, 1200)],
)
def test_use_is_told_in_thousandths_of_the_pool(use: Use, pool: int, per_mille: int) -> None:
    assert use.per_mille(pool) == per_mille


def test_nothing_booked_is_full() -> None:
    assert Use(0, 0).per_mille(0) == 1000


@pytest.mark.parametrize(
    ("per_mille", "told", "tell", "then"),
    [
        (799, set(), None, set()),
        (800, set(), 800, {800}),
        (810, {800}, None, {800}),
        (905, {800}, 900, {800, 900}),
        (990, set(), 900, {800, 900}),  # one letter, the one that says most
        (1000, {800, 900}, 1000, {800, 900, 1000}),
        (1300, {800, 900, 1000}, None, {800, 900, 1000}),
        (960, {800, 900, 1000}, None, {800, 900, 1000}),  # a little less is no news, and no reason to write again
        (1001, {800, 900, 1000}, None, {800, 900, 1000}),
        (950, {800, 900, 1000}, None, {800, 900}),
        (1010, {800, 900}, 1000, {800, 900, 1000}),
        (700, {800, 900, 1000}, None, set()),
        (850, set(), 800, {800}),
    ],
)
def test_each_threshold_is_told_once_until_use_has_fallen_well_below_it(
    per_mille: int, told: set[int], tell: int | None, then: set[int]
) -> None:
    found = warning(per_mille, told)
    assert (found.tell, set(found.told)) == (tell, then)


@given(st.lists(st.integers(0, 1500), max_size=40))
def test_no_threshold_is_told_twice_without_having_eased_between(uses: list[int]) -> None:
    told: frozenset[int] = frozenset()
    last: dict[int, int] = {}
    for number, per_mille in enumerate(uses):
        found = warning(per_mille, told)
        if found.tell is not None:
            assert per_mille >= found.tell
            if found.tell in last:
                assert min(uses[last[found.tell] : number]) <= found.tell - EASED_BELOW
            last[found.tell] = number
        told = found.told


NOON = datetime(2026, 12, 2, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "per_mille", "due"),
    [
        (None, 0, True),
        (timedelta(hours=11, minutes=59), 100, False),  # 00:01 in Berlin
        (timedelta(hours=12, minutes=1), 100, True),  # yesterday
        (timedelta(minutes=59), 800, True),
        (timedelta(minutes=59), 799, False),
        (timedelta(minutes=40), 1200, False),
    ],
)
def test_an_instance_is_measured_nightly_and_hourly_where_it_is_nearly_full(
    ago: timedelta | None, per_mille: int, due: bool
) -> None:
    assert is_due(None if ago is None else NOON - ago, per_mille, NOON) == due


@pytest.mark.parametrize(("missing", "helps"), [(0, False), (1, True), (GIB, True), (GIB + 1, False)])
def test_tables_are_written_anew_only_where_that_could_be_enough(missing: int, helps: bool) -> None:
    assert rebuilding_may_help(missing, Use(2 * GIB, 9 * GIB)) == helps


@pytest.mark.parametrize(
    ("measured", "seen", "moved"),
    [
        (100, 799, False),  # nothing depends on it
        (100, 800, True),  # a day before the next measuring
        (899, 900, True),
        (950, 955, False),  # within the hour
        (950, 960, True),
        (999, 1000, True),  # its product has to stop
        (1000, 999, True),  # its product has to go on
        (1030, 1035, False),
        (850, 700, True),
        (799, 0, False),
    ],
)
def test_what_crosses_a_threshold_or_moves_on_near_its_end_is_measured_at_once(
    measured: int, seen: int, moved: bool
) -> None:
    assert has_moved(measured, seen) is moved


def test_files_stand_at_the_kernels_limit_when_the_next_upload_may_fail() -> None:
    limit = files_limit(5, GIB)
    near = 5 * GIB // 100
    assert at_the_fence(Use(GIB, limit), 5)
    assert at_the_fence(Use(GIB, limit - near + 1), 5)
    assert not at_the_fence(Use(GIB, limit - near), 5)
