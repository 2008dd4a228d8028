"""What a server tells of its instances is read: use, users, and what could not be measured (P04, P07)."""

from __future__ import annotations

import json

from hosting.commands.measuring import Measured, parse_look, parse_measured
from hosting.policy.quota import Use

TOLD = {
    "instances": {
        "bcd234": {
            "database": 9_000_000, "free": 4_000_000, "files": 16_384, "users": 2,
            "by_user": [["616E6E61", "12", "34"], ["C3B6FF", "0", "7"]],
        },
        "cdf345": {"complaint": "its database: ERROR 1049: Unknown database"},
        "dfg456": {"database": 10, "free": 20, "files": 0, "users": 0, "by_user": []},
    }
}  # fmt: skip


def test_a_database_counts_without_its_free_extents_and_never_below_nothing() -> None:
    found = parse_measured(json.dumps(TOLD))
    assert found["bcd234"].use == Use(5_000_000, 16_384)
    assert found["dfg456"].use == Use(0, 0)
    assert [found[name].free_bytes for name in ("bcd234", "dfg456")] == [4_000_000, 10]


def test_a_look_tells_the_sizes_on_the_disks_and_no_files_where_the_kernel_does_not_count() -> None:
    told = {"instances": {"bcd234": {"database": 9_000_000, "files": 16_384}, "cdf345": {"database": 7, "files": None}}}
    assert parse_look(json.dumps(told)) == {"bcd234": (9_000_000, 16_384), "cdf345": (7, None)}


def test_users_are_told_by_name_with_the_products_own_sums_also_where_a_name_is_no_text() -> None:
    measured = parse_measured(json.dumps(TOLD))["bcd234"]
    assert measured.users == 2
    assert measured.by_user == {"anna": {"mail": 12, "files": 34}, "ö�": {"mail": 0, "files": 7}}


def test_one_that_can_not_be_measured_says_why_and_the_others_are() -> None:
    found = parse_measured(json.dumps(TOLD))
    assert found["cdf345"] == Measured(Use(0, 0), 0, {}, "its database: ERROR 1049: Unknown database")
