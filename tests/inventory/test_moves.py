"""A move's record: one at a time, its room kept on the target, the switch in one transaction, the way back (P10, P24)."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import closed_moves, deeds, instances, move_moments, moves, ordered_moves, servers, work
from hosting.inventory.moves import MoveUnderWay, UnknownMove
from hosting.inventory.servers import UnknownServer
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.move_moments import EarlierThanAgreed, NotOffPeak
from hosting.policy.placement import choose_server
from hosting.policy.states import ForbiddenEdge, MoveState
from tests.inventory.words import HOUR, NOW, RELEASE, placed, received, server, take, with_servers

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts
    from hosting.policy.values import InstanceFacts


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An instance of 25 GiB on app1; app2 is empty."""
    with_servers(inventory, server("app1", 200), server("app2", 100))
    take(inventory, placed("A-1"), received("money", order="A-1"))

    def reserve(session: Session) -> InstanceFacts:
        made = instances.reserve_instance(session, "A-1", choose_server, release=RELEASE, seal=str, now=NOW)
        return instances.record_active(session, made.name, NOW, {})

    return in_transaction(inventory, reserve).name


def planned(inventory: Inventory, name: str, target: str = "app2") -> MoveFacts:
    return in_transaction(
        inventory,
        lambda session: moves.plan_move(
            session, name, target, "agreed by phone", "olga", NOW + HOUR, without_backup=False, now=NOW
        ),
    )


def goes(inventory: Inventory, move: MoveFacts, *states: MoveState) -> MoveFacts:
    for state in states:
        to = partial(moves.record_state, move_id=move.id, to=state, now=NOW + HOUR)
        if state is MoveState.SWITCHED:
            to = partial(moves.switch, move_id=move.id, evidence={"files": 7}, now=NOW + HOUR)
        move = in_transaction(inventory, to)
    return move


def booked(inventory: Inventory) -> dict[str, tuple[int, int]]:
    with inventory.reading() as session:
        return {str(one.name): (one.booked_gib, one.instances) for one in servers.all_servers(session)}


TO_SWITCH = (MoveState.COPYING, MoveState.FROZEN, MoveState.SWITCHED)


def test_the_room_is_kept_on_the_target_from_the_plan_on_and_free_on_the_source_from_the_switch_on(
    inventory: Inventory, name: str
) -> None:
    assert booked(inventory) == {"app1": (25, 1), "app2": (0, 0)}
    move = planned(inventory, name)
    assert booked(inventory) == {"app1": (25, 1), "app2": (25, 0)}
    goes(inventory, move, MoveState.COPYING, MoveState.FROZEN)
    assert booked(inventory) == {"app1": (25, 1), "app2": (25, 0)}
    goes(inventory, move, MoveState.SWITCHED)
    assert booked(inventory) == {"app1": (0, 0), "app2": (25, 1)}
    with inventory.reading() as session:
        assert instances.instance_facts(session, name).server_name == "app2"


def test_a_move_that_is_called_off_gives_its_room_back(inventory: Inventory, name: str) -> None:
    goes(inventory, planned(inventory, name), MoveState.COPYING, MoveState.CALLED_OFF)
    assert booked(inventory) == {"app1": (25, 1), "app2": (0, 0)}


def test_an_instance_moves_once_at_a_time(inventory: Inventory, name: str) -> None:
    first = planned(inventory, name)
    with pytest.raises(MoveUnderWay, match=rf"{name} moves already, from app1 to app2 \(planned\)"):
        planned(inventory, name)
    goes(inventory, first, MoveState.CALLED_OFF)
    assert planned(inventory, name).id == first.id + 1


def test_nothing_is_switched_that_was_not_frozen(inventory: Inventory, name: str) -> None:
    move = goes(inventory, planned(inventory, name), MoveState.COPYING)
    with pytest.raises(ForbiddenEdge):
        goes(inventory, move, MoveState.SWITCHED)
    with inventory.reading() as session:
        assert instances.instance_facts(session, name).server_name == "app1"


def test_a_server_that_an_instance_has_left_is_a_former_home_until_it_comes_back(
    inventory: Inventory, name: str
) -> None:
    def homes() -> list[str]:
        with inventory.reading() as session:
            return moves.former_homes(session, name)

    assert homes() == []
    goes(inventory, planned(inventory, name), *TO_SWITCH, MoveState.DONE)
    assert homes() == ["app1"]
    goes(inventory, planned(inventory, name, "app1"), *TO_SWITCH, MoveState.DONE)
    assert homes() == ["app2"]


def test_what_a_move_left_is_given_up_where_the_instance_comes_back(inventory: Inventory, name: str) -> None:
    first = goes(inventory, planned(inventory, name), *TO_SWITCH, MoveState.DONE)
    in_transaction(inventory, lambda session: moves.give_up_kept(session, name, "app1", NOW + HOUR))
    with inventory.reading() as session:
        assert moves.move_facts(session, first.id).state is MoveState.RETIRED


@pytest.mark.parametrize(("kept", "state"), [(True, MoveState.DONE), (False, MoveState.RETIRED)])
def test_a_server_that_was_left_by_a_restore_is_a_former_home_too(
    inventory: Inventory, name: str, kept: bool, state: MoveState
) -> None:
    def leave(session: Session) -> MoveFacts:
        instances.record_server(session, name, "app2", "Restored there.", NOW)
        return moves.record_left(session, name, "app1", "app2", why="Restored there.", now=NOW, kept=kept)

    left = in_transaction(inventory, leave)
    assert (left.state, left.ended_at, left.stop_seconds) == (state, NOW, None)
    with inventory.reading() as session:
        assert moves.former_homes(session, name) == ["app1"]
        assert moves.open_move(session, name) is None


def test_a_move_whose_instance_is_elsewhere_by_now_neither_begins_nor_goes_on_nor_switches(
    inventory: Inventory, name: str
) -> None:
    move = planned(inventory, name)
    frozen = goes(inventory, move, MoveState.COPYING, MoveState.FROZEN)
    in_transaction(inventory, lambda session: instances.record_server(session, name, "app2", "Restored there.", NOW))
    for state in (MoveState.COPYING, MoveState.FROZEN, MoveState.SWITCHED):
        with pytest.raises(moves.SourceLeft, match="was to move from app1, but it is on app2 now"):
            goes(inventory, frozen, state)
    with inventory.reading() as session:
        assert moves.move_facts(session, move.id).state is MoveState.FROZEN


def test_only_a_move_that_has_not_begun_is_given_up_by_word(inventory: Inventory, name: str) -> None:
    move = planned(inventory, name)
    goes(inventory, move, MoveState.COPYING)
    give_up = partial(moves.call_off_planned, instance=name, why="not wanted", by="olga", now=NOW)
    with pytest.raises(moves.MoveNotPlanned, match="is copying"):
        in_transaction(inventory, give_up)
    goes(inventory, move, MoveState.CALLED_OFF)
    again = planned(inventory, name)
    assert in_transaction(inventory, give_up).state is MoveState.CALLED_OFF
    with inventory.reading() as session:
        assert moves.move_facts(session, again.id).finding == "not wanted"


def test_each_phase_is_recorded_with_what_was_found(inventory: Inventory, name: str) -> None:
    done = goes(inventory, planned(inventory, name), *TO_SWITCH, MoveState.DONE)
    assert (done.begun_at, done.switched_at, done.ended_at) == (NOW + HOUR,) * 3
    assert done.evidence == {"files": 7}
    with inventory.reading() as session:
        told = [(deed.by, deed.what) for deed in deeds.deeds_of(session, f"instance:{name}")][-5:]
    assert told == [
        ("olga", "move planned"),
        ("service", "move copying"),
        ("service", "move frozen"),
        ("service", "move switched"),
        ("service", "move done"),
    ]


def test_a_stop_is_told_from_the_freeze_on_whichever_run_ends_it_and_none_before_it_is_forgotten(
    inventory: Inventory, name: str
) -> None:
    def closed() -> list[int]:
        with inventory.reading() as session:
            return [one.id for one in closed_moves.closed_moves(session)]

    def at(seconds: int, to: MoveState) -> MoveFacts:
        now = NOW + HOUR + timedelta(seconds=seconds)
        if to is MoveState.SWITCHED:
            return in_transaction(inventory, lambda session: moves.switch(session, move.id, {}, now))
        return in_transaction(inventory, lambda session: moves.record_state(session, move.id, to, now))

    def opened(seconds: int, seen: float | None = None) -> MoveFacts:
        now = NOW + HOUR + timedelta(seconds=seconds)
        in_transaction(inventory, lambda session: moves.record_opened(session, move.id, now, seen))
        with inventory.reading() as session:
            return moves.move_facts(session, move.id)

    move = planned(inventory, name)
    assert at(0, MoveState.COPYING).stop_seconds is None
    at(10, MoveState.FROZEN)
    assert at(12, MoveState.FROZEN).closed_at == NOW + HOUR + timedelta(seconds=10)  # confirmed by the same run
    assert closed() == [move.id]
    assert (at(100, MoveState.COPYING).stop_seconds, closed()) == (90.0, [])  # undone by the run after it
    at(200, MoveState.FROZEN)
    at(201, MoveState.SWITCHED)
    assert closed() == [move.id]
    assert opened(203, 2.25).stop_seconds == 92.25
    assert (opened(300).stop_seconds, closed()) == (92.25, [])


def test_a_move_that_was_undone_for_what_passes_is_planned_again_and_can_be_put_off(
    inventory: Inventory, name: str
) -> None:
    move = goes(inventory, planned(inventory, name), MoveState.COPYING, MoveState.FROZEN, MoveState.COPYING)
    back = in_transaction(inventory, lambda session: moves.put_back(session, move.id, "It took too long.", NOW))
    assert (back.state, back.finding, back.due_at) == (MoveState.PLANNED, "It took too long.", NOW + HOUR)
    later = NOW + 11 * HOUR
    put_off = partial(move_moments.postpone, instance=name, due_at=later, why="asked", by="olga", now=NOW)
    assert in_transaction(inventory, put_off).due_at == later


def test_a_planned_move_comes_no_sooner_than_it_stands_and_never_by_day_unless_somebody_says_why(
    inventory: Inventory, name: str
) -> None:
    """NOW is a Monday, 11:00 in Berlin; 21:00 UTC is 22:00 there."""
    stands, by_day = NOW + 35 * HOUR, NOW + 48 * HOUR
    order = partial(ordered_moves.order_move, instance=name, target="app2", why="by phone", by="olga", now=NOW)
    with pytest.raises(NotOffPeak):
        in_transaction(inventory, partial(order, opens=by_day, without_backup=False))
    made = in_transaction(inventory, partial(order, opens=stands, without_backup=False))
    assert (made.due_at, made.due_until) == (stands, stands + 2 * HOUR)
    with inventory.reading() as session:
        asked = work.work_of(session, work.MOVE, str(made.id))
    assert asked is not None
    assert asked.due_at == stands

    def put_off(to: datetime, because: str = "") -> MoveFacts:
        postpone = partial(move_moments.postpone, instance=name, due_at=to, why="asked", by="olga", now=NOW)
        return in_transaction(inventory, partial(postpone, because=because))

    with pytest.raises(EarlierThanAgreed):
        put_off(stands - 24 * HOUR)
    with pytest.raises(NotOffPeak):
        put_off(by_day)
    assert put_off(stands + 24 * HOUR).due_at == stands + 24 * HOUR
    assert put_off(stands, "agreed anew by phone").due_at == stands
    with inventory.reading() as session:
        [*_, last] = deeds.deeds_of(session, f"instance:{name}")
    assert (last.what, last.why) == ("move postponed", "asked At this moment because: agreed anew by phone")


def test_unknown_ends_are_refused(inventory: Inventory, name: str) -> None:
    with inventory.reading() as session, pytest.raises(UnknownMove, match="There is no move 7"):
        moves.move_facts(session, 7)
    with pytest.raises(UnknownServer, match="There is no server app9"):
        planned(inventory, name, "app9")
