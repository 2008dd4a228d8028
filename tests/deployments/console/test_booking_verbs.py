"""What operators see of bookings, storage and room, and how they change what is booked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
import time_machine

from hosting.inventory import booking_changes, work
from hosting.inventory.measurements import MeasuredFacts, record_measured
from hosting.inventory.session import in_transaction
from hosting.inventory.storage_views import small_curve, storage_view
from hosting.policy.booking_changes import Change, ChangeKind, Need
from hosting.policy.quota import Use
from hosting.policy.states import WorkState
from hosting.policy.terms import GIB
from tests.inventory.words import server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deployments.console.conftest import Console

NOW = datetime(2026, 12, 9, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def name(phm: Console) -> str:
    """An instance with three accounts and 10 GB since the first of October, on a server with 60 GB."""
    with_servers(phm.inventory, server("app1", 60), server("app2", 200))
    return opened(phm.inventory, "A-1", datetime(2026, 10, 1, 9, 0, tzinfo=UTC))


def measured(phm: Console, name: str, used_gib: float, users: int = 2, at: datetime = NOW) -> None:
    by_user = {"anna": {"mail": GIB, "files": 5}, "bert": {"mail": 0, "files": 2 * GIB}}
    facts = MeasuredFacts(name, "app1", at, Use(GIB, int(used_gib * GIB) - GIB), users, 0, by_user)
    in_transaction(phm.inventory, partial(record_measured, measured=facts))


def test_what_is_booked_is_listed_with_its_terms(phm: Console, name: str) -> None:
    told = phm("booking", "list", name, "--json").json
    assert told["booked"] == {"accounts": 3, "packages_gib": 10, "pool_gib": 25}
    assert [one["kind"] for one in told["bookings"]] == ["base", "account", "account", "storage", "storage"]
    assert told["bookings"][0]["bound_until"] == "2027-10-01"
    assert told["bookings"][1]["bound_until"] == "2026-11-01"
    said = phm("booking", "list", name).out
    assert "runs until at least" in said
    assert "None was asked for." in said


def test_a_change_is_shown_first_and_nothing_happens(phm: Console, name: str) -> None:
    measured(phm, name, 4.5)
    said = phm("booking", "add", name, "--accounts", "2")
    assert said.code == 0
    assert said.out.splitlines() == [
        f"{name}: 3 to 5 accounts, 25 to 35 GB, from 2026-12-09 on.",
        "What is newly booked runs until 2027-01-09 at least.",
        "app1 has 35 GiB left, 10 are needed.",
        "2 users, 18.0 % of 25 GB as of 2026-12-09 07:00; the run counts again first.",
        "Nothing was changed. To do it, give --yes and --reason.",
    ]
    with phm.inventory.reading() as session:
        assert booking_changes.changes_of(session, name) == []


def test_a_move_that_would_be_needed_is_told(phm: Console, name: str) -> None:
    assert "A move to app2 is needed first" in phm("booking", "add", name, "--storage", "50").out


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (("add",), "Accounts or storage? Name one of --accounts and --storage; each is a change of its own."),
        (("add", "--storage", "7"), "7 GB can't be meant: storage is booked and cancelled in steps of 5 GB."),
        (("cancel", "--accounts", "1"), "The instance has 3 users; 2 would remain booked."),
        (("cancel", "--accounts", "1", "--contract"), "Cancel what?"),
        (("cancel", "--booking", "1"), "The account that the base package includes can't be cancelled by itself."),
        (("withdraw",), "No cancellation waits for its day."),
        (("add", "--accounts", "1", "--yes"), "The reason is empty."),
    ],
)
def test_what_can_not_be_says_why_in_one_line(phm: Console, name: str, words: tuple[str, ...], refusal: str) -> None:
    measured(phm, name, 4.5, users=3)
    assert phm("booking", words[0], name, *words[1:]).refusal.startswith(refusal)


def test_without_prefect_a_change_is_recorded_and_done_later(phm: Console, name: str) -> None:
    said = phm("booking", "add", name, "--storage", "5", "--yes", "--reason", "mail of today").refusal
    assert f"It is recorded as change 1 and done once Prefect answers again: phm booking list {name}." in said
    with phm.inventory.reading() as session:
        [asked] = booking_changes.changes_of(session, name)
        waiting = work.work_of(session, work.CHANGE_BOOKING, asked.work_subject)
    assert (asked.asked_by, asked.why, asked.change) == (
        phm.operator,
        "mail of today",
        Change(ChangeKind.BOOK_STORAGE, 5),
    )
    assert waiting is not None
    assert waiting.state is WorkState.OPEN
    assert "book storage" in phm("booking", "list", name).out


def test_a_cancelled_booking_shows_its_day_and_can_be_withdrawn(phm: Console, name: str) -> None:
    wish = Change(ChangeKind.CANCEL_CONTRACT)
    with phm.inventory.writing() as session:
        asked = booking_changes.ask_for_change(session, name, wish, by="olga", why="call", now=NOW)
        booking_changes.decide_change(session, asked.id, Need(3, GIB), NOW)
    assert phm("booking", "list", name, "--json").json["contract_ends_on"] == "2027-10-01"
    assert "Booking 1 runs on." in phm("booking", "withdraw", name).out


def test_storage_is_shown_with_a_forecast_and_the_last_days(phm: Console, name: str) -> None:
    assert "-" in phm("storage").out
    for night in range(12):
        measured(phm, name, 20 + night / 4, at=NOW - (11 - night) * DAY)
    [row] = phm("storage", "--json").json
    assert (row["instance"], row["percent"], row["users_of_accounts"]) == (name, "91.0", "2 of 3")
    assert row["full_on"] == "2026-12-18"  # a quarter of a GB a day, nine days on
    said = phm("storage", name).out
    assert re.search(r"grows a day, MiB +256\.0\n", said)
    assert "2026-12-09 ####################################....|  91.0 %  22.75 GB" in said
    assert [line.split()[0] for line in said.splitlines() if line.startswith(("anna", "bert"))] == ["bert", "anna"]
    told = phm("storage", name, "--json").json
    assert len(told["days"]) == 12
    with phm.inventory.reading() as session:
        assert small_curve(storage_view(session, name, NOW)) == "▇" * 8 + "█" * 4


def test_capacity_tells_room_booked_and_used_of_each_server(phm: Console, name: str) -> None:
    second = opened(phm.inventory, "A-2", NOW)
    for night in range(12):
        measured(phm, name, 10 + night, at=NOW - (11 - night) * DAY)
    rows = {row["server"]: row for row in phm("capacity", "--json").json}
    first = rows["app1"]
    assert (first["room_gib"], first["booked_gib"], first["free_gib"], first["not_measured"]) == (60, 50, 10, 1)
    assert (first["used_gb"], first["full_on"]) == ("21.00", "2027-01-17")
    assert (rows["app2"]["instances"], rows["app2"]["full_on"]) == (0, None)
    assert "full on" in phm("capacity").out
    assert second
