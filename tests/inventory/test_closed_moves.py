"""Nobody who is kept out of his instance waits for the next attempt at its move, or for a person (P24)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import closed_moves, instances, leases, moves, work
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.placement import choose_server
from hosting.policy.states import MoveState, WorkState
from tests.inventory.words import HOUR, NOW, RELEASE, placed, received, server, take, with_servers

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MINUTE = timedelta(minutes=1)
FROZEN = (MoveState.COPYING, MoveState.FROZEN)


@pytest.fixture
def move(inventory: Inventory) -> moves.MoveFacts:
    """One that was agreed on for now, with its work."""
    with_servers(inventory, server("app1", 200), server("app2", 100))
    take(inventory, placed("A-1"), received("money", order="A-1"))

    def plan(session: Session) -> moves.MoveFacts:
        made = instances.reserve_instance(session, "A-1", choose_server, release=RELEASE, seal=str, now=NOW)
        instances.record_active(session, made.name, NOW, {})
        one = moves.plan_move(session, made.name, "app2", "by phone", "olga", NOW, without_backup=False, now=NOW)
        work.ask_for(session, work.MOVE, str(one.id), NOW, by="olga", now=NOW)
        return one

    return in_transaction(inventory, plan)


def goes(inventory: Inventory, move: moves.MoveFacts, *states: MoveState) -> None:
    for state in states:
        to = partial(moves.record_state, move_id=move.id, to=state, now=NOW)
        if state is MoveState.SWITCHED:
            to = partial(moves.switch, move_id=move.id, evidence={}, now=NOW)
        in_transaction(inventory, to)


def work_now(inventory: Inventory, move: moves.MoveFacts) -> work.WorkFacts:
    with inventory.reading() as session:
        found = work.work_of(session, work.MOVE, str(move.id))
    assert found is not None
    return found


def dispatched(inventory: Inventory, move: moves.MoveFacts) -> None:
    one = work_now(inventory, move)
    in_transaction(inventory, lambda session: work.mark_dispatched(session, one.id, "run-1", one.attempt))


def hurried(inventory: Inventory) -> list[int]:
    return in_transaction(inventory, lambda session: closed_moves.go_on_at_once(session, NOW + MINUTE))


def test_a_run_that_was_cancelled_or_failed_unforeseen_in_the_stop_is_followed_by_another_at_once(
    inventory: Inventory, move: moves.MoveFacts
) -> None:
    dispatched(inventory, move)
    goes(inventory, move, *FROZEN)
    in_transaction(inventory, lambda session: work.record_failed(session, work.MOVE, str(move.id), "cancelled"))
    assert hurried(inventory) == [move.id]
    again = work_now(inventory, move)
    assert (again.state, again.due_at, again.attempt) == (WorkState.OPEN, NOW + MINUTE, 2)
    assert hurried(inventory) == []


@pytest.mark.parametrize("made", [False, True], ids=["waits", "has its run made"])
def test_the_next_attempt_in_a_quarter_of_an_hour_is_too_late_where_somebody_is_kept_out(
    inventory: Inventory, move: moves.MoveFacts, made: bool
) -> None:
    goes(inventory, move, *FROZEN)
    one = work_now(inventory, move)
    in_transaction(inventory, lambda session: work.reschedule(session, one.id, NOW + timedelta(minutes=15)))
    if made:
        dispatched(inventory, move)
    assert hurried(inventory) == [move.id]
    assert work_now(inventory, move).due_at == NOW + MINUTE


def test_after_the_switch_too_until_the_instance_was_seen_to_be_open(
    inventory: Inventory, move: moves.MoveFacts
) -> None:
    goes(inventory, move, *FROZEN, MoveState.SWITCHED)
    in_transaction(inventory, lambda session: work.record_failed(session, work.MOVE, str(move.id), "no"))
    assert hurried(inventory) == [move.id]
    in_transaction(inventory, lambda session: moves.record_opened(session, move.id, NOW + MINUTE))
    in_transaction(inventory, lambda session: work.record_failed(session, work.MOVE, str(move.id), "no"))
    assert hurried(inventory) == []
    assert work_now(inventory, move).state is WorkState.FAILED


def test_a_run_that_works_or_is_about_to_is_left_alone(inventory: Inventory, move: moves.MoveFacts) -> None:
    dispatched(inventory, move)
    goes(inventory, move, *FROZEN)
    assert hurried(inventory) == []  # its run is due: it is made
    in_transaction(inventory, lambda session: work.record_failed(session, work.MOVE, str(move.id), "no"))
    hold = partial(leases.acquire, instance=move.instance_name, owner="somebody", purpose="move")
    in_transaction(inventory, lambda session: hold(session, now=NOW, ttl=2 * MINUTE))
    assert hurried(inventory) == []
    in_transaction(inventory, lambda session: hold(session, now=NOW, ttl=MINUTE))  # expired by then
    assert hurried(inventory) == [move.id]


def test_what_runs_by_hand_without_work_gets_some(inventory: Inventory, move: moves.MoveFacts) -> None:
    goes(inventory, move, MoveState.CALLED_OFF)
    back = partial(
        moves.plan_move, instance=move.instance_name, target="app2", why="by hand", by="olga", due_at=NOW,
        without_backup=True, now=NOW,
    )  # fmt: skip
    other = in_transaction(inventory, back)
    goes(inventory, other, *FROZEN)
    assert hurried(inventory) == [other.id]
    assert work_now(inventory, other).state is WorkState.OPEN


def test_a_move_whose_customer_is_served_is_not_hurried(inventory: Inventory, move: moves.MoveFacts) -> None:
    goes(inventory, move, *FROZEN, MoveState.COPYING)
    one = work_now(inventory, move)
    in_transaction(inventory, lambda session: work.reschedule(session, one.id, NOW + HOUR))
    assert hurried(inventory) == []
