"""What is booked changes in one transaction with the instance and its server's room; its day is kept (P06, P07, P23)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import booking_changes, bookings, cases, deeds, instances, servers, work
from hosting.inventory.booking_changes import ChangeFacts, NotOpen, UnknownChange, ask_for_change, decide_change
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.booking_changes import Change, ChangeKind, Need
from hosting.policy.contract import Booked
from hosting.policy.orders import BookingKind
from hosting.policy.states import ChangeState, WorkState
from hosting.policy.terms import GIB
from tests.inventory.words import HOUR, NOW, at_once, placed, received, server, take, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from hosting.policy.booking_ends import BookingEnd
    from hosting.policy.values import InstanceFacts

DAY = timedelta(days=1)
NOTHING = Need(0, 0)
IN_JANUARY = datetime(2027, 1, 15, 11, 0, tzinfo=UTC)
MORE_ACCOUNTS = Change(ChangeKind.BOOK_ACCOUNTS, 2)
MORE_STORAGE = Change(ChangeKind.BOOK_STORAGE, 10)
LESS_ACCOUNTS = Change(ChangeKind.CANCEL_ACCOUNTS)


def change(
    inventory: Inventory, name: str, wish: Change, need: Need = NOTHING, at: datetime = IN_JANUARY
) -> ChangeFacts:
    """A wish, recorded and decided on, each in a transaction of its own."""
    asked = in_transaction(
        inventory, partial(ask_for_change, instance=name, change=wish, by="olga", why="call", now=at)
    )
    return in_transaction(inventory, partial(decide_change, number=asked.id, need=need, now=at))


def settle(inventory: Inventory, name: str, at: datetime, need: Need = NOTHING) -> list[BookingEnd]:
    return in_transaction(inventory, partial(bookings.settle_due_ends, instance=name, need=need, now=at))


def instance(inventory: Inventory, name: str) -> InstanceFacts:
    with inventory.reading() as session:
        return instances.instance_facts(session, name)


def has(inventory: Inventory, name: str) -> Booked:
    """What is booked, which is what the instance has."""
    with inventory.reading() as session:
        booked = bookings.contract_of(session, name).booked()
    facts = instance(inventory, name)
    assert (facts.accounts, facts.storage_gib) == (booked.accounts, booked.pool_gib)
    return booked


def told(inventory: Inventory, name: str, *what: str) -> list[str]:
    with inventory.reading() as session:
        return [deed.what for deed in deeds.deeds_of(session, f"instance:{name}") if deed.what in what]


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An open instance with three accounts and 10 GB, since 23 November 2026, on a server with room for 100 GB."""
    with_servers(inventory, server("app1"), server("app2", 30))
    return opened(inventory, "A-1", NOW)


def test_what_the_order_booked_is_the_contract(inventory: Inventory, name: str) -> None:
    with inventory.reading() as session:
        contract = bookings.contract_of(session, name)
    assert contract.booked() == Booked(3, 10, 25) == has(inventory, name)
    assert [one.kind for one in contract.bookings] == [
        BookingKind.BASE, BookingKind.ACCOUNT, BookingKind.ACCOUNT, BookingKind.STORAGE, BookingKind.STORAGE,
    ]  # fmt: skip
    assert {one.booked_on for one in contract.bookings} == {date(2026, 11, 23)}


def test_a_confirmed_booking_raises_what_the_instance_has_and_what_its_server_has_booked(
    inventory: Inventory, name: str
) -> None:
    made = change(inventory, name, MORE_ACCOUNTS)
    assert made.state is ChangeState.ACCEPTED
    assert made.facts["pool_gib_after"] == 35
    assert made.facts["bound_until"] == "2027-02-15"
    assert has(inventory, name) == Booked(5, 10, 35)
    with inventory.reading() as session:
        assert servers.server_facts(session, "app1").booked_gib == 35
        deed = deeds.deeds_of(session, f"instance:{name}")[-1]
    assert (deed.what, deed.by, deed.why) == ("booking changed", "olga", "call")
    assert deed.evidence["accounts_after"] == 5


def test_a_change_is_made_once_however_often_it_is_decided_on(inventory: Inventory, name: str) -> None:
    made = change(inventory, name, MORE_STORAGE)
    again = in_transaction(inventory, partial(decide_change, number=made.id, need=NOTHING, now=IN_JANUARY + HOUR))
    assert again == made
    assert has(inventory, name) == Booked(3, 20, 35)


def test_a_refused_change_changes_nothing_and_keeps_its_reason(inventory: Inventory, name: str) -> None:
    made = change(inventory, name, LESS_ACCOUNTS, Need(3, GIB))
    assert made.state is ChangeState.REFUSED
    assert made.finding.startswith("The instance has 3 users; 2 would remain booked.")
    assert has(inventory, name) == Booked(3, 10, 25)
    assert told(inventory, name, "booking change refused", "booking changed") == ["booking change refused"]


def test_a_cancellation_is_kept_for_its_day_and_asked_again_then(inventory: Inventory, name: str) -> None:
    change(inventory, name, MORE_ACCOUNTS)
    made = change(inventory, name, Change(ChangeKind.CANCEL_ACCOUNTS, 3), Need(2, GIB), IN_JANUARY + DAY)
    assert made.facts["takes_effect_on"] == "2027-02-15"
    with inventory.reading() as session:
        asked = work.work_of(session, work.CHANGE_BOOKING, f"{name}@2027-02-15")
    assert asked is not None
    assert asked.state is WorkState.OPEN
    assert asked.due_at == datetime(2027, 2, 14, 23, 0, tzinfo=UTC)  # the day begins in Berlin
    assert has(inventory, name) == Booked(5, 10, 35)  # until then
    assert len(settle(inventory, name, IN_JANUARY + DAY, Need(2, GIB))) == 2  # two may go at once
    assert has(inventory, name) == Booked(3, 10, 25)
    assert len(settle(inventory, name, datetime(2027, 2, 15, tzinfo=UTC), Need(2, GIB))) == 1
    assert has(inventory, name) == Booked(2, 10, 20)
    assert settle(inventory, name, datetime(2027, 2, 16, tzinfo=UTC)) == []


def test_what_is_needed_after_all_runs_on_and_is_put_before_a_person(inventory: Inventory, name: str) -> None:
    change(inventory, name, Change(ChangeKind.CANCEL_ACCOUNTS, 2), at=NOW + DAY)
    day = datetime(2026, 12, 23, 8, 0, tzinfo=UTC)
    with inventory.reading() as session:
        assert bookings.instances_with_due_ends(session, date(2026, 12, 22)) == []
        assert bookings.instances_with_due_ends(session, date(2026, 12, 23)) == [name]
    ends = settle(inventory, name, day, Need(2, GIB))
    assert [end.takes_effect for end in ends] == [True, False]
    assert has(inventory, name) == Booked(2, 10, 20)
    assert told(inventory, name, "booking ended", "booking runs on") == ["booking ended", "booking runs on"]
    with inventory.reading() as session:
        assert [case.kind for case in cases.open_cases(session)] == ["booking_runs_on"]
        contract = bookings.contract_of(session, name)
        assert bookings.instances_with_due_ends(session, date(2027, 12, 24)) == []
    assert not any(one.is_cancelled for one in contract.bookings)


def test_a_withdrawn_cancellation_is_as_if_it_never_was(inventory: Inventory, name: str) -> None:
    before = has(inventory, name)
    change(inventory, name, LESS_ACCOUNTS, at=NOW + DAY)
    assert change(inventory, name, Change(ChangeKind.WITHDRAW), at=NOW + 2 * DAY).state is ChangeState.ACCEPTED
    assert settle(inventory, name, datetime(2026, 12, 24, tzinfo=UTC)) == []
    assert has(inventory, name) == before


def test_the_end_of_the_contract_ends_all_and_waits_for_a_person(inventory: Inventory, name: str) -> None:
    made = change(inventory, name, Change(ChangeKind.CANCEL_CONTRACT), Need(3, 20 * GIB))
    assert made.facts["ends"] == {"1": "2027-11-23"}
    ends = settle(inventory, name, datetime(2027, 11, 23, 9, 0, tzinfo=UTC), Need(3, 20 * GIB))
    assert len(ends) == 5
    with inventory.reading() as session:
        assert [case.kind for case in cases.open_cases(session)] == ["contract_ended"]
        assert bookings.contract_of(session, name).base is None
    assert instance(inventory, name).storage_gib == 25  # it still runs, and its room is still taken
    assert change(inventory, name, MORE_ACCOUNTS, at=datetime(2027, 11, 24, tzinfo=UTC)).state is ChangeState.REFUSED


def test_room_that_only_another_server_has_needs_a_move(inventory: Inventory, name: str) -> None:
    in_transaction(inventory, lambda session: servers.record_facts(session, "app1", {}, 30))
    in_transaction(inventory, lambda session: servers.record_facts(session, "app2", {}, 60))
    with inventory.reading() as session:
        meaning = booking_changes.meaning_of(session, name, MORE_STORAGE, NOTHING, IN_JANUARY)
    assert meaning.needs_move
    made = change(inventory, name, MORE_STORAGE)
    assert made.finding == (
        "10 GiB more are needed on app1, which has 5 GiB left; app2 has the room. "
        "Agree on a move to app2 with the customer; then confirm the booking again."
    )
    assert has(inventory, name) == Booked(3, 10, 25)
    with inventory.reading() as session:
        assert [case.kind for case in cases.open_cases(session)] == ["room_needed"]
    assert change(inventory, name, Change(ChangeKind.BOOK_STORAGE, 5)).state is ChangeState.ACCEPTED


def test_a_booking_that_fits_nowhere_says_what_would_help(inventory: Inventory, name: str) -> None:
    made = change(inventory, name, Change(ChangeKind.BOOK_STORAGE, 200))
    assert made.finding == (
        "No server has room for 225 GiB: 1 of 1 may take instances, the most free is 30 GiB. "
        "Add a server with 225 GiB of room or more (phm server add), or free 195 GiB on app2 (phm capacity). "
        "Then run again."
    )


def test_bookings_that_come_at_once_never_book_more_than_the_server_has(inventory: Inventory, name: str) -> None:
    second = opened(inventory, "A-2", NOW)
    wishes = [partial(change, inventory, one, Change(ChangeKind.BOOK_STORAGE, 15)) for one in (name, second) * 3]
    states = [made.state for made in at_once(*wishes)]
    with inventory.reading() as session:
        booked = servers.server_facts(session, "app1").booked_gib
    assert states.count(ChangeState.ACCEPTED) == 3
    assert booked == 50 + 3 * 15


def test_a_reserved_instance_waits_for_its_opening_first(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    take(inventory, placed("A-1"), received("A-1-paid"))
    with inventory.writing() as session:
        from hosting.inventory.releases import current_release

        reserved = instances.reserve_instance(
            session, "A-1", lambda _pool, known: known[0], release=current_release(session), seal=str.upper, now=NOW
        )
    with inventory.reading() as session, pytest.raises(NotOpen):
        booking_changes.meaning_of(session, reserved.name, MORE_ACCOUNTS, NOTHING, NOW)


def test_changes_are_listed_and_an_unknown_one_is_told(inventory: Inventory, name: str) -> None:
    made = [change(inventory, name, wish) for wish in (MORE_STORAGE, MORE_ACCOUNTS)]
    in_transaction(
        inventory, partial(ask_for_change, instance=name, change=LESS_ACCOUNTS, by="olga", why="", now=IN_JANUARY)
    )
    with inventory.reading() as session:
        assert booking_changes.changes_of(session, name)[:2] == made
        assert [one.change for one in booking_changes.open_changes(session)] == [LESS_ACCOUNTS]
        with pytest.raises(UnknownChange):
            booking_changes.change_facts(session, 99)
