"""A contract's end is a record that is gone on with, called off until the deletion, and proven by counts (P05, P41)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from hosting.errors import DriftFound
from hosting.inventory import (
    alone,
    bookings,
    called_off_ends,
    ending_records,
    endings,
    instances,
    name_orders,
    names,
    servers,
    work,
)
from hosting.inventory.booking_changes import ask_for_change, decide_change
from hosting.inventory.endings import NoEnding, NotServed, TooLate
from hosting.inventory.instances import InstanceClosed, InstanceEnded
from hosting.inventory.models import Booking
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.booking_changes import Change, ChangeKind, Need
from hosting.policy.booking_refusals import AlreadyCancelled
from hosting.policy.leaving import NOTHING, EndFacts, EndsTooEarly, Listing, NotDueYet, NotEnded, OnHold
from hosting.policy.states import ChangeState, EndState, InstanceState, NameState, WorkState
from tests.inventory.words import HOUR, NOW, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = timedelta(days=1)
ENDS = date(2027, 11, 23)
MIDNIGHT = datetime(2027, 11, 22, 23, tzinfo=UTC)
KEPT = MIDNIGHT + 30 * DAY
THERE = Listing(3, 400, "ab" * 32)


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An open instance with three accounts and 10 GB, since 23 November 2026."""
    with_servers(inventory, server("app1"))
    return opened(inventory, "A-1", NOW)


def do(inventory: Inventory, function: Callable[..., Any], *args: Any, **more: Any) -> Any:
    return in_transaction(inventory, lambda session: function(session, *args, **more))


def notice(inventory: Inventory, name: str, wanted: date | None = None, at: datetime = NOW + DAY) -> EndFacts:
    made = do(inventory, endings.give_notice, name, wanted, by="olga", why="by mail", now=at)
    assert isinstance(made, EndFacts)
    return made


def ended(inventory: Inventory, name: str) -> EndFacts:
    made = notice(inventory, name)
    return do(inventory, endings.record_ended, made.id, {}, MIDNIGHT)  # type: ignore[no-any-return]


def state(inventory: Inventory, name: str) -> InstanceState:
    with inventory.reading() as session:
        return instances.instance_facts(session, name).state


def test_notice_cancels_the_base_for_the_earliest_day_and_asks_for_a_run(inventory: Inventory, name: str) -> None:
    made = notice(inventory, name)
    assert (made.state, made.ends_on, made.effective_at) == (EndState.NOTICED, ENDS, MIDNIGHT)
    with inventory.reading() as session:
        assert bookings.contract_of(session, name).ends_on == ENDS
        asked = work.work_of(session, work.END_CONTRACT, f"{name}#{made.id}")
        assert bookings.instances_with_due_ends(session, ENDS) == []  # its end sees to them
    assert asked is not None
    assert asked.due_at == NOW + DAY
    with pytest.raises(AlreadyCancelled):
        notice(inventory, name)


def test_a_later_day_is_taken_and_an_earlier_one_refused(inventory: Inventory, name: str) -> None:
    with pytest.raises(EndsTooEarly):
        notice(inventory, name, ENDS - DAY)
    assert notice(inventory, name, ENDS + 40 * DAY).ends_on == ENDS + 40 * DAY


def test_cancelling_the_contract_as_a_booking_leads_here_and_withdrawing_it_away_again(
    inventory: Inventory, name: str
) -> None:
    def change(kind: ChangeKind, at: datetime) -> None:
        asked = do(inventory, ask_for_change, name, Change(kind), by="olga", why="call", now=at)
        assert do(inventory, decide_change, asked.id, Need(0, 0), at).state is ChangeState.ACCEPTED

    change(ChangeKind.CANCEL_CONTRACT, NOW + DAY)
    with inventory.reading() as session:
        made = endings.open_ending(session, name)
        assert work.work_of(session, work.CHANGE_BOOKING, f"{name}@{ENDS}") is None
    assert made is not None
    assert (made.ends_on, made.asked_by) == (ENDS, "olga")
    change(ChangeKind.WITHDRAW, NOW + 2 * DAY)
    with inventory.reading() as session:
        assert endings.open_ending(session, name) is None
        assert bookings.contract_of(session, name).ends_on is None


def test_an_ended_contract_books_nothing_closes_the_instance_and_keeps_its_room(
    inventory: Inventory, name: str
) -> None:
    made = ended(inventory, name)
    assert (made.state, made.was, made.delete_at) == (EndState.ENDED, InstanceState.ACTIVE, KEPT)
    assert state(inventory, name) is InstanceState.CLOSED
    with inventory.reading() as session:
        assert bookings.contract_of(session, name).base is None
        assert servers.server_facts(session, "app1").booked_gib == 25
    assert do(inventory, endings.record_ended, made.id, {}, MIDNIGHT + HOUR) == made  # once


def test_nobody_works_on_a_closed_instance_but_its_end(inventory: Inventory, name: str) -> None:
    ended(inventory, name)
    take = partial(alone.take, instance=name, servers={"app1"}, owner="me", now=MIDNIGHT, ttl=HOUR)
    with pytest.raises(InstanceClosed, match="phm end call-off"):
        in_transaction(inventory, partial(take, purpose="restore"))
    assert in_transaction(inventory, partial(take, purpose=alone.ENDING)).owner == "me"
    assert in_transaction(inventory, partial(take, purpose="export")).owner == "me"  # it only reads


def test_what_is_being_deleted_is_exported_no_more(inventory: Inventory, name: str) -> None:
    made = ended(inventory, name)
    do(inventory, endings.begin_deleting, made.id, KEPT)
    take = partial(alone.take, instance=name, servers={"app1"}, owner="me", now=KEPT, ttl=HOUR)
    with pytest.raises(InstanceClosed):
        in_transaction(inventory, partial(take, purpose="export"))


def test_called_off_before_its_day_nothing_has_changed(inventory: Inventory, name: str) -> None:
    notice(inventory, name)
    off = do(inventory, called_off_ends.call_off, name, by="olga", why="she stays", now=NOW + 2 * DAY)
    assert off.state is EndState.CALLED_OFF
    with inventory.reading() as session:
        contract = bookings.contract_of(session, name)
    assert contract.ends_on is None
    assert contract.booked().accounts == 3
    assert notice(inventory, name, at=NOW + 3 * DAY).state is EndState.NOTICED  # again, one day


def test_called_off_after_the_end_all_is_booked_as_before_but_what_was_cancelled_by_itself(
    inventory: Inventory, name: str
) -> None:
    in_february = datetime(2027, 11, 1, tzinfo=UTC)
    wish = Change(ChangeKind.CANCEL_ACCOUNTS)
    asked = do(inventory, ask_for_change, name, wish, by="olga", why="", now=in_february - 20 * DAY)
    do(inventory, decide_change, asked.id, Need(1, 0), in_february - 20 * DAY)
    do(inventory, bookings.settle_due_ends, name, Need(1, 0), in_february)
    made = ended(inventory, name)
    back = do(inventory, called_off_ends.call_off, name, by="olga", why="she stays", now=MIDNIGHT + DAY)
    assert back.state is EndState.REOPENING
    with pytest.raises(NotEnded):
        do(inventory, endings.begin_deleting, made.id, KEPT)
    facts, *_ = do(inventory, called_off_ends.record_reopened, made.id, MIDNIGHT + DAY)
    assert facts.state is EndState.CALLED_OFF
    assert state(inventory, name) is InstanceState.ACTIVE
    with inventory.reading() as session:
        contract = bookings.contract_of(session, name)
    assert (contract.booked().accounts, contract.booked().packages_gib, contract.ends_on) == (2, 10, None)


def test_a_suspended_instance_is_suspended_again(inventory: Inventory, name: str) -> None:
    made = notice(inventory, name)

    def suspend(session: Any) -> None:
        bookings.locked_row(session, name).state = InstanceState.SUSPENDED

    in_transaction(inventory, suspend)
    do(inventory, endings.record_ended, made.id, {}, MIDNIGHT)
    do(inventory, called_off_ends.call_off, name, by="olga", why="she stays", now=MIDNIGHT + DAY)
    do(inventory, called_off_ends.record_reopened, made.id, MIDNIGHT + DAY)
    assert state(inventory, name) is InstanceState.SUSPENDED


def test_called_off_before_it_was_closed_it_goes_back_to_what_it_is_now(inventory: Inventory, name: str) -> None:
    """Suspended between the notice and the end, and called off while its run is not through."""
    made = notice(inventory, name)

    def suspend(session: Any) -> None:
        bookings.locked_row(session, name).state = InstanceState.SUSPENDED

    in_transaction(inventory, suspend)
    back = do(inventory, called_off_ends.call_off, name, by="olga", why="she stays", now=MIDNIGHT)
    assert (back.state, back.was) == (EndState.REOPENING, InstanceState.SUSPENDED)
    do(inventory, called_off_ends.record_reopened, made.id, MIDNIGHT)
    assert state(inventory, name) is InstanceState.SUSPENDED


def test_a_subdomain_that_rests_comes_back_once_and_is_not_ordered_by_a_later_run(
    inventory: Inventory, name: str
) -> None:
    ordered = do(inventory, name_orders.order_subdomain, name, "anna", "anna", by="olga", now=NOW)
    do(inventory, names.record_live, ordered.id, NOW, {})
    made = notice(inventory, name)
    with inventory.reading() as session:
        held = names.names_of(session, name)
    do(inventory, endings.record_names, made.id, held)
    do(inventory, names.begin_releasing, name, "anna", now=MIDNIGHT, by="service", why="over")
    do(inventory, names.record_gone, ordered.id, MIDNIGHT, {})
    do(inventory, endings.record_ended, made.id, {}, MIDNIGHT)
    do(inventory, called_off_ends.call_off, name, by="olga", why="she stays", now=MIDNIGHT + DAY)
    _, back, lost = do(inventory, called_off_ends.record_reopened, made.id, MIDNIGHT + DAY)
    assert (back, lost) == (["anna"], [])
    with inventory.reading() as session:
        [again] = names.names_of(session, name, NameState.ASSIGNING)
    do(inventory, names.begin_releasing, name, "anna", now=MIDNIGHT + 2 * DAY, by="olga", why="not wanted")
    do(inventory, names.record_gone, again.id, MIDNIGHT + 2 * DAY, {})
    assert do(inventory, called_off_ends.record_reopened, made.id, MIDNIGHT + 3 * DAY)[1] == ["anna"]
    with inventory.reading() as session:
        assert names.names_of(session, name) == []


def test_it_is_deleted_when_it_is_due_and_nobody_holds_it_and_not_before(inventory: Inventory, name: str) -> None:
    made = ended(inventory, name)
    with pytest.raises(NotDueYet):
        do(inventory, endings.begin_deleting, made.id, KEPT - HOUR)
    do(inventory, endings.hold, name, by="olga", why="a lawyer asks", now=MIDNIGHT)
    with pytest.raises(OnHold):
        do(inventory, endings.begin_deleting, made.id, KEPT)
    do(inventory, endings.unhold, name, by="olga", why="settled", now=KEPT)
    assert do(inventory, endings.begin_deleting, made.id, KEPT).state is EndState.DELETING
    for act in (called_off_ends.call_off, endings.hold):
        with pytest.raises(TooLate):
            do(inventory, act, name, by="olga", why="too late", now=KEPT + HOUR)


def test_the_record_keeps_what_was_there_first_and_counts_as_deleted_only_when_every_place_is_clear(
    inventory: Inventory, name: str
) -> None:
    made = ended(inventory, name)
    do(inventory, endings.begin_deleting, made.id, KEPT)
    for place in ("server app1", "store"):
        do(inventory, ending_records.record_listing, made.id, place, THERE, KEPT)
    do(inventory, ending_records.record_listing, made.id, "store", Listing(1, 2, "cd" * 32), KEPT + HOUR)
    do(inventory, ending_records.record_cleared, made.id, "store", NOTHING, KEPT)
    do(inventory, ending_records.record_not_cleared, made.id, "server app1", "app1 does not answer.", KEPT)
    with pytest.raises(DriftFound, match="server app1"):
        do(inventory, ending_records.record_deleted, made.id, KEPT)
    do(inventory, ending_records.record_cleared, made.id, "server app1", NOTHING, KEPT + DAY)
    gone = do(inventory, ending_records.record_deleted, made.id, KEPT + DAY)
    assert (gone.state, gone.deleted_at) == (EndState.DELETED, KEPT + DAY)
    assert state(inventory, name) is InstanceState.ENDED
    with inventory.reading() as session:
        told = {one.place: (one.before, one.after) for one in ending_records.records_of(session, made.id)}
        assert servers.server_facts(session, "app1").booked_gib == 0
    assert told == {"server app1": (THERE, NOTHING), "store": (THERE, NOTHING)}
    with pytest.raises(InstanceEnded):
        in_transaction(
            inventory,
            partial(alone.take, instance=name, servers={"app1"}, owner="me", purpose=alone.ENDING, now=KEPT, ttl=HOUR),
        )


def test_who_is_not_open_has_no_contract_to_be_given_notice_of(inventory: Inventory, name: str) -> None:
    ended(inventory, name)
    with pytest.raises(NotServed):
        notice(inventory, name)
    other = opened(inventory, "A-2", NOW)
    with inventory.reading() as session, pytest.raises(NoEnding):
        endings.last_ending(session, other)


def test_an_end_has_one_work_that_is_put_off_from_step_to_step(inventory: Inventory, name: str) -> None:
    made = notice(inventory, name)
    do(inventory, endings.ask_again, made, MIDNIGHT)
    with inventory.reading() as session:
        asked = work.work_of(session, work.END_CONTRACT, made.work_subject)
        assert endings.without_work(session) == []
    assert asked is not None
    assert (asked.state, asked.due_at) == (WorkState.OPEN, MIDNIGHT)


def test_a_contract_that_was_cancelled_before_there_were_ends_gets_its_end(inventory: Inventory, name: str) -> None:
    def cancel(session: Any) -> None:
        base = bookings.contract_of(session, name).base
        assert base is not None
        session.get(Booking, base.id).ends_on = ENDS

    in_transaction(inventory, cancel)
    with inventory.reading() as session:
        assert endings.without_end(session) == [name]
    made = do(inventory, endings.begin_late, name, NOW + DAY)
    assert (made.ends_on, made.state) == (ENDS, EndState.NOTICED)
    with inventory.reading() as session:
        assert endings.without_end(session) == []
