"""What needs to move is recorded once, told once, and ends by itself when it is done or not needed any more (P24)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import (
    booking_changes,
    cases,
    deeds,
    moves,
    needed_moves,
    offers,
    room_wishes,
    servers,
    standings,
)
from hosting.inventory.measurements import MeasuredFacts, record_measured
from hosting.inventory.models import Instance
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.booking_changes import Change, ChangeKind, Need
from hosting.policy.move_needs import Ahead, growth_by_server
from hosting.policy.move_needs import needed_moves as needed_of
from hosting.policy.placement import NoServerHasRoom, choose_server
from hosting.policy.quota import Use
from hosting.policy.states import ChangeState, InstanceState, MoveState, NeedState, ServerState
from hosting.policy.terms import GIB
from tests.inventory.words import NOW, at_once, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.inventory.needed_moves import NeedFacts

DAY = timedelta(days=1)


@pytest.fixture
def names(inventory: Inventory) -> list[str]:
    """Two instances of 25 GiB on app1, which has 60; app2 is empty."""
    with_servers(inventory, server("app1", 60), server("app2", 100))
    return [opened(inventory, reference, NOW) for reference in ("A-1", "A-2")]


def planned(inventory: Inventory, *, emptied: tuple[str, ...] = ()) -> list[NeedFacts]:
    """A night's look."""

    def look(session: Session) -> list[NeedFacts]:
        found = needed_of(standings.standings(session, NOW), Ahead(NOW))
        return needed_moves.settle_needs(session, found, NOW, emptied)

    return in_transaction(inventory, look)


def room(inventory: Inventory, name: str, gib: int) -> None:
    in_transaction(inventory, lambda session: servers.record_facts(session, name, {}, gib))


def open_cases(inventory: Inventory) -> list[str]:
    with inventory.reading() as session:
        return [one.summary for one in cases.open_cases(session)]


def test_where_every_server_gives_what_is_booked_nothing_is_needed(inventory: Inventory, names: list[str]) -> None:
    assert planned(inventory) == []
    assert open_cases(inventory) == []


def test_a_disk_that_shrank_makes_one_need_and_one_case_however_often_it_is_looked_at(
    inventory: Inventory, names: list[str]
) -> None:
    room(inventory, "app1", 45)
    [need] = planned(inventory)
    assert (need.instance_name, need.target_name, need.state) == (min(names), "app2", NeedState.OPEN)
    assert planned(inventory) == [need]
    [said] = open_cases(inventory)
    assert said == (
        f"50 GiB are booked on app1, which can give 45 GiB. {min(names)} to app2 needs to move, agreed with the customer."
    )
    with inventory.reading() as session:
        told = [deed.what for deed in deeds.deeds_of(session, f"instance:{min(names)}")]
    assert told.count("move needed") == 1


def test_a_need_that_is_gone_ends_and_its_case_is_settled(inventory: Inventory, names: list[str]) -> None:
    room(inventory, "app1", 45)
    [need] = planned(inventory)
    room(inventory, "app1", 60)
    assert planned(inventory) == []
    assert open_cases(inventory) == []
    with inventory.reading() as session:
        [ended] = needed_moves.needs_of(session, need.instance_name)
    assert (ended.state, ended.ended_at) == (NeedState.GONE, NOW)
    room(inventory, "app1", 45)
    assert planned(inventory)[0].id > need.id


def test_a_need_is_offered_while_its_customer_is_asked_and_moved_once_it_is_there(
    inventory: Inventory, names: list[str]
) -> None:
    room(inventory, "app1", 45)
    [need] = planned(inventory)
    name = need.instance_name
    in_transaction(inventory, lambda session: offers.offer_windows(session, name, "app2", need.why, by="olga", now=NOW))
    [offered] = planned(inventory)
    assert (offered.id, offered.state) == (need.id, NeedState.OFFERED)
    assert open_cases(inventory) == []
    in_transaction(inventory, lambda session: offers.withdraw_offer(session, name, "no", by="olga", now=NOW))
    assert planned(inventory)[0].state is NeedState.OPEN
    move = in_transaction(
        inventory,
        lambda session: moves.plan_move(session, name, "app2", "phone", "olga", NOW, without_backup=True, now=NOW),
    )
    assert planned(inventory)[0].state is NeedState.OFFERED
    for state in (MoveState.COPYING, MoveState.FROZEN):
        in_transaction(inventory, partial(moves.record_state, move_id=move.id, to=state, now=NOW))
    in_transaction(inventory, partial(moves.switch, move_id=move.id, evidence={}, now=NOW))
    assert planned(inventory) == []
    with inventory.reading() as session:
        assert [one.state for one in needed_moves.needs_of(session, name)] == [NeedState.MOVED]


def test_a_pool_that_fills_and_has_no_further_package_on_its_server_is_foreseen(
    inventory: Inventory, names: list[str]
) -> None:
    room(inventory, "app1", 53)
    for night in range(12):
        use = Use(GIB, int((10 + night) * GIB))
        facts = MeasuredFacts(names[0], "app1", NOW - (11 - night) * DAY, use, 1, 0, {})
        in_transaction(inventory, partial(record_measured, measured=facts))
    [need] = planned(inventory)
    assert need.why == f"The pool of {names[0]} is full within 30 days; app1 has 3 GiB left."
    assert need.instance_name == names[1]  # 25 GiB by itself; the other one would take its next package along


def test_what_was_refused_for_lack_of_room_is_needed_until_its_case_is_settled(
    inventory: Inventory, names: list[str]
) -> None:
    def ask(session: Session) -> None:
        wish = Change(ChangeKind.BOOK_STORAGE, 15)
        made = booking_changes.ask_for_change(session, names[0], wish, by="olga", why="call", now=NOW)
        booking_changes.decide_change(session, made.id, Need(1, GIB), NOW)

    in_transaction(inventory, ask)
    [need] = planned(inventory)
    assert (need.instance_name, need.target_name) == (names[1], "app2")
    assert need.why == f"More was asked for by {names[0]} (15 GiB); app1 has 10 GiB left."
    with inventory.reading() as session:
        [refused] = [one for one in cases.open_cases(session) if one.kind == room_wishes.NO_ROOM]
    in_transaction(inventory, lambda session: cases.settle_case(session, refused.id, "olga", "he does without", NOW))
    assert planned(inventory) == []


def asks(inventory: Inventory, name: str, gib: int) -> booking_changes.ChangeFacts:
    """A wish for more storage, decided on at once."""

    def ask(session: Session) -> booking_changes.ChangeFacts:
        wish = Change(ChangeKind.BOOK_STORAGE, gib)
        made = booking_changes.ask_for_change(session, name, wish, by="olga", why="call", now=NOW)
        return booking_changes.decide_change(session, made.id, Need(1, GIB), NOW)

    return in_transaction(inventory, ask)


def wishes(inventory: Inventory) -> list[tuple[str, str]]:
    with inventory.reading() as session:
        kinds = {room_wishes.NO_ROOM, room_wishes.ROOM_CAME}
        return [(one.kind, one.summary) for one in cases.open_cases(session) if one.kind in kinds]


def looked_at(inventory: Inventory) -> list[str]:
    return in_transaction(inventory, partial(room_wishes.see_to_wishes, now=NOW))


def test_who_asks_again_for_what_he_was_refused_wants_no_more_by_that(inventory: Inventory, names: list[str]) -> None:
    for gib in (20, 20, 15):
        assert asks(inventory, names[0], gib).state is ChangeState.REFUSED
    with inventory.reading() as session:
        assert standings.asked_gib(session, NOW) == {names[0]: 15}
        decided = [one.decision for one in cases.cases_of(session, f"instance:{names[0]}") if one.settled_at]
    assert decided == ["It was asked for again, as change 2.", "It was asked for again, as change 3."]


def test_a_wish_waits_until_there_is_room_and_the_customer_is_asked_then(
    inventory: Inventory, names: list[str]
) -> None:
    asks(inventory, names[0], 15)
    assert looked_at(inventory) == []
    assert [kind for kind, _ in wishes(inventory)] == [room_wishes.NO_ROOM]
    room(inventory, "app1", 65)
    assert looked_at(inventory) == ["app1 has 15 GiB left, 15 are needed."]
    assert looked_at(inventory) == []
    [(kind, said)] = wishes(inventory)
    assert kind == room_wishes.ROOM_CAME
    assert said.endswith(f"Ask the customer; then: phm booking add {names[0]} --storage 15")
    with inventory.reading() as session:
        assert standings.asked_gib(session, NOW) == {}
    assert asks(inventory, names[0], 15).state is ChangeState.ACCEPTED
    assert wishes(inventory) == []


def test_a_wish_that_found_room_elsewhere_on_the_way_or_ended_with_its_instance_is_settled(
    inventory: Inventory, names: list[str]
) -> None:
    for name in names:
        asks(inventory, name, 20)
    assert asks(inventory, names[0], 5).state is ChangeState.ACCEPTED  # he does with less
    assert len(wishes(inventory)) == 1
    with inventory.writing() as session:
        session.get_one(Instance, names[1]).state = InstanceState.ENDED
    assert looked_at(inventory) == [f"{names[1]} has ended: nobody wants more for it."]
    assert wishes(inventory) == []


def test_of_two_plans_for_the_last_room_one_gets_it_and_the_other_is_told(
    inventory: Inventory, names: list[str]
) -> None:
    room(inventory, "app2", 45)

    def plan(name: str) -> str:
        try:
            in_transaction(
                inventory,
                lambda session: moves.plan_move(session, name, "app2", "w", "olga", NOW, without_backup=True, now=NOW),
            )
        except NoServerHasRoom as error:
            return error.what
        return ""

    def offer(name: str) -> str:
        try:
            in_transaction(
                inventory, lambda session: offers.offer_windows(session, name, "app2", "w", by="olga", now=NOW)
            )
        except NoServerHasRoom as error:
            return error.what
        return ""

    said = at_once(partial(plan, names[0]), partial(offer, names[1]))
    assert sorted(said) == ["", "The server app2 has 20 GiB of room; 25 GiB are booked."]
    with inventory.reading() as session:
        assert servers.server_facts(session, "app2").free_gib == 20


def test_what_will_be_wanted_more_of_a_server_is_left_there_by_who_comes_new(
    inventory: Inventory, names: list[str]
) -> None:
    room(inventory, "app1", 100)  # 50 GiB free there; 45 on app2
    room(inventory, "app2", 45)
    for night in range(12):
        use = Use(GIB, (12 + night) * GIB)
        measured = MeasuredFacts(names[0], "app1", NOW - (11 - night) * DAY, use, 1, 25)
        in_transaction(inventory, partial(record_measured, measured=measured))

    def placed(pool_gib: int) -> str:
        with inventory.reading() as session:
            return choose_server(pool_gib, servers.all_servers(session)).name

    assert placed(25) == "app1"
    for full_at in (NOW, NOW + 365 * DAY):  # a year later nothing is foretold any more
        in_transaction(
            inventory,
            lambda session, at=full_at: standings.record_growth(
                session, growth_by_server(standings.standings(session, at), Ahead(at))
            ),
        )
        grows = full_at == NOW
        with inventory.reading() as session:
            assert servers.server_facts(session, "app1").facts.get("growth_gib") == (5 if grows else 0)
        assert placed(25) == ("app2" if grows else "app1")
    assert placed(50) == "app1"


def test_nothing_is_planned_to_a_server_that_takes_nothing(inventory: Inventory, names: list[str]) -> None:
    in_transaction(
        inventory,
        lambda session: servers.set_server_state(session, "app2", ServerState.DRAINING, by="olga", why="w", now=NOW),
    )
    with inventory.writing() as session, pytest.raises(NoServerHasRoom, match="app2 takes no instances"):
        moves.plan_move(session, names[0], "app2", "w", "olga", NOW, without_backup=True, now=NOW)


def test_what_fits_nowhere_is_told_with_what_would_help(inventory: Inventory, names: list[str]) -> None:
    room(inventory, "app1", 45)
    room(inventory, "app2", 20)
    [need] = planned(inventory)
    assert need.target_name is None
    assert (
        need.help == "Add a server with 25 GiB of room or more (phm server add), or free 5 GiB on app2 (phm capacity)."
    )
    [said] = open_cases(inventory)
    assert said.endswith(f"{need.instance_name} to no server needs to move, agreed with the customer. {need.help}")


def test_no_case_is_made_of_a_server_that_an_operator_empties(inventory: Inventory, names: list[str]) -> None:
    room(inventory, "app1", 45)
    assert len(planned(inventory, emptied=("app1",))) == 1
    assert open_cases(inventory) == []
