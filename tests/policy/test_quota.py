"""Room: what files may hold, and what a disk must have left (P04)."""

from __future__ import annotations

import pytest

from hosting.commands.storage import parse_free
from hosting.policy.quota import MIB, DiskFull, check_free, files_limit
from hosting.policy.terms import GIB


@pytest.mark.parametrize(
    ("gib", "database", "limit"),
    [
        (5, 0, 5 * GIB),
        (5, 1, 5 * GIB - MIB),
        (5, MIB, 5 * GIB - MIB),
        (5, 5 * GIB, 0),
        (5, 6 * GIB, 0),
        (500, 20 * MIB, 500 * GIB - 20 * MIB),
    ],
)
def test_files_may_hold_what_is_booked_less_the_database(gib: int, database: int, limit: int) -> None:
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
