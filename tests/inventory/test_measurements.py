"""What instances store is kept, and what has to be told about it is told once (P04, P07)."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest

from hosting.inventory import cases, deeds, servers
from hosting.inventory.measurements import (
    MeasuredFacts,
    all_last_measured,
    forget_measured,
    last_measured,
    measured_since,
    record_measured,
    used_by_day,
)
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.quota import Use
from hosting.policy.storage_forecast import Sample
from hosting.policy.terms import GIB
from tests.inventory.words import HOUR, NOW, server, with_servers
from tests.service.records import opened

DAY = timedelta(days=1)
POOL = 25


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An open instance with three accounts and a pool of 25 GB."""
    with_servers(inventory, server("app1"))
    return opened(inventory, "A-1", NOW)


def measured(inventory: Inventory, name: str, used_gib: float, users: int = 1, at: datetime = NOW) -> MeasuredFacts:
    use = Use(GIB, int(used_gib * GIB) - GIB)
    facts = MeasuredFacts(name, "app1", at, use, users, 0, {"anna": {"mail": 5, "files": 7}})
    return in_transaction(inventory, partial(record_measured, measured=facts))


def deeds_about(inventory: Inventory, name: str) -> list[tuple[str, object]]:
    with inventory.reading() as session:
        found = deeds.deeds_of(session, f"instance:{name}")
    return [(one.what, one.evidence.get("threshold")) for one in found if one.what.startswith("storage")]


def test_the_history_is_kept_with_what_was_booked_then(inventory: Inventory, name: str) -> None:
    made = [measured(inventory, name, 2 + night, at=NOW + night * DAY) for night in range(3)]
    assert {one.pool_gib for one in made} == {POOL}
    with inventory.reading() as session:
        assert last_measured(session, name) == made[-1]
        assert all_last_measured(session) == {name: made[-1]}
        assert measured_since(session, name, NOW + HOUR) == made[1:]
        assert last_measured(session, "nobody") is None
    assert in_transaction(inventory, partial(forget_measured, before=NOW + HOUR)) == 1
    with inventory.reading() as session:
        assert measured_since(session, name, NOW) == made[1:]


def test_each_threshold_is_told_once_and_again_only_after_it_eased(inventory: Inventory, name: str) -> None:
    for hours, gib in enumerate((10, 20, 20.5, 22.5, 26, 25.5, 26, 23.5, 25, 10, 20)):
        measured(inventory, name, gib, at=NOW + hours * HOUR)
    assert deeds_about(inventory, name) == [
        ("storage threshold reached", 800),
        ("storage threshold reached", 900),
        ("storage threshold reached", 1000),
        ("storage use eased", None),  # 94 %
        ("storage threshold reached", 1000),
        ("storage use eased", None),
        ("storage threshold reached", 800),
    ]


def test_more_users_than_accounts_are_put_before_a_person_once_until_they_fit(inventory: Inventory, name: str) -> None:
    for hours, users in enumerate((3, 4, 5, 3, 4)):
        measured(inventory, name, 2, users, NOW + hours * HOUR)
    with inventory.reading() as session:
        found = cases.cases_of(session, f"instance:{name}")
        told = [deed.what for deed in deeds.deeds_of(session, f"instance:{name}") if "users" in deed.what]
    assert [(case.kind, case.settled_at is not None) for case in found] == [("more_users", True), ("more_users", False)]
    assert found[0].summary == f"{name} has 4 users; 3 accounts are booked."
    assert told == ["more users than accounts", "users fit the accounts again", "more users than accounts"]


def test_what_a_server_holds_is_summed_by_day_and_a_newcomer_is_no_growth(inventory: Inventory, name: str) -> None:
    second = opened(inventory, "A-2", NOW)
    for night in range(3):
        measured(inventory, name, 2 + night, at=NOW + night * DAY)
    measured(inventory, second, 10, at=NOW + 2 * DAY + HOUR)
    with inventory.reading() as session:
        sums = used_by_day(session, "app1", NOW - DAY)
    assert sums == [
        Sample(NOW, 12 * GIB),
        Sample(NOW + DAY, 13 * GIB),
        Sample(NOW + 2 * DAY + HOUR, 14 * GIB),
    ]


def test_files_at_the_kernels_limit_are_put_before_a_person_once_until_there_is_room(
    inventory: Inventory, name: str
) -> None:
    for hour, used_gib in enumerate((25.5, 26.2, 26.2, 24.0, 26.2)):
        measured(inventory, name, used_gib, at=NOW + hour * HOUR)
    with inventory.reading() as session:
        found = [one for one in cases.cases_of(session, f"instance:{name}") if one.kind == "writes_refused"]
    assert [case.settled_at is not None for case in found] == [True, False]
    assert found[0].summary == f"The files of {name} are at the kernel's limit: what is written there now fails."
    assert found[0].settled_at == NOW + 3 * HOUR


def test_where_the_kernel_keeps_no_limits_a_person_learns_of_who_goes_on_beyond_them(
    inventory: Inventory, name: str
) -> None:
    for hour, (used_gib, system) in enumerate(
        ((26.2, "ext2/ext3"), (27.0, "ext2/ext3"), (24.0, "ext2/ext3"), (26.2, "ext2/ext3"), (26.2, "btrfs"))
    ):
        with inventory.writing() as session:
            servers.record_facts(session, "app1", {"data_filesystem": system})
        measured(inventory, name, used_gib, at=NOW + hour * HOUR)
    with inventory.reading() as session:
        found = cases.cases_of(session, f"instance:{name}")
    assert [(case.kind, case.settled_at) for case in found] == [
        ("beyond_booking", NOW + 2 * HOUR),
        ("beyond_booking", NOW + 4 * HOUR),  # on a server that has a fence the kernel refuses
        ("writes_refused", None),
    ]
    assert found[0].summary == (
        f"{name} stores more than is booked. "
        "Who stores more than is booked on app1 is stopped by the product alone: its kernel keeps no limits."
    )


def test_what_was_free_in_a_databases_files_is_taken_to_be_free_by_a_later_look() -> None:
    known = MeasuredFacts("k3v9q2", "app1", NOW, Use(6, 100), 1, 5, {}, free_bytes=4)
    assert known.use_by(10, 100) == known.use
    assert known.use_by(15, None) == Use(11, 100)
    assert known.use_by(3, 120) == Use(0, 120)
