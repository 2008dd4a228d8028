"""What becomes of a move whose run failed: undone and tried at another time, gone on with, or for a person (P24)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from flows import move_instance
from hosting.errors import StepFailed, Unreachable
from hosting.inventory import cases, moves, work
from hosting.inventory.session import in_transaction
from hosting.policy.move_attempts import NotInTime
from hosting.policy.move_plan import Obstacles, Sizes, plan
from hosting.policy.states import MoveState, WorkState
from tasks import move_ends
from tasks.move_after_check import _record
from tasks.move_ends import given_up, telling_move_failure
from tasks.move_moments import read_wanted
from tasks.move_records import read_kept_too_long, read_move, record_begun, record_state
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.inventory.session import Inventory
    from tasks.move_records import Move

NOW = datetime(2026, 12, 1, 21, 0, tzinfo=UTC)
LATE = "It would be closed for too long."


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as inventory, time_machine.travel(NOW, tick=False):
        yield inventory


@pytest.fixture
def move(inventory: Inventory) -> Move:
    name = opened(inventory, "A-1", NOW - timedelta(days=3))

    def agree(session: object) -> int:
        made = moves.plan_move(session, name, "app2", "phone", "olga", NOW, without_backup=True, now=NOW)
        work.ask_for(session, work.MOVE, str(made.id), NOW, by="olga", now=NOW)
        return made.id

    return begun(read_move.fn(in_transaction(inventory, agree)))


def begun(move: Move) -> Move:
    return record_begun.fn(move, plan(Sizes(1, 1, {}), replicating=False))


def fails(move: Move, error: Exception) -> None:
    with pytest.raises(type(error)), telling_move_failure(move):
        raise error


def stands(inventory: Inventory, move: Move) -> tuple[MoveState, WorkState, float]:
    with inventory.reading() as session:
        facts, asked = moves.move_facts(session, move.facts.id), work.work_of(session, work.MOVE, str(move.facts.id))
    assert asked is not None
    return facts.state, asked.state, (asked.due_at - NOW).total_seconds()


def told(inventory: Inventory) -> list[str]:
    with inventory.reading() as session:
        return [one.summary for one in cases.open_cases(session)]


def test_a_stop_that_was_called_off_is_tried_at_a_quieter_time_and_given_up_after_the_third(
    inventory: Inventory, move: Move
) -> None:
    for _ in range(3):
        given_up.fn(move, NotInTime(LATE))
        fails(move, NotInTime(LATE))
        assert stands(inventory, move) == (MoveState.PLANNED, WorkState.OPEN, 15 * 60)
        assert LATE in read_move.fn(move.facts.id).facts.finding
        move = begun(read_move.fn(move.facts.id))
    assert told(inventory) == []
    given_up.fn(move, NotInTime(LATE))
    fails(move, NotInTime(LATE))
    assert stands(inventory, move)[:2] == (MoveState.CALLED_OFF, WorkState.FAILED)
    assert LATE in told(inventory)[0]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("secret words"), "Something unforeseen happened (KeyError)"),
        (StepFailed("It would not go.", "Look at it."), "It would not go."),
    ],
)
def test_where_the_undoing_itself_failed_the_frozen_instance_is_gone_on_with_in_half_a_minute_and_told_once(
    inventory: Inventory, move: Move, error: Exception, said: str
) -> None:
    record_state.fn(move, MoveState.FROZEN)
    for _ in range(6):
        fails(move, error)
        assert stands(inventory, move) == (MoveState.FROZEN, WorkState.OPEN, 30)
    [case] = told(inventory)
    assert said in case
    assert "It is tried again, until it is through." in case
    assert "secret" not in case


def test_a_server_that_does_not_answer_in_the_stop_is_asked_again_in_half_a_minute_however_often(
    inventory: Inventory, move: Move
) -> None:
    record_state.fn(move, MoveState.FROZEN)
    for _ in range(3):
        fails(move, Unreachable("app1 does not answer.", "Look."))
    assert told(inventory) == []
    for _ in range(20):
        fails(move, Unreachable("app1 does not answer.", "Look."))
        assert stands(inventory, move) == (MoveState.FROZEN, WorkState.OPEN, 30)
    assert len(told(inventory)) == 1


@pytest.mark.parametrize("error", [KeyError("x"), NotInTime(LATE), StepFailed("No.", "Look.")])
def test_whatever_fails_before_the_switch_is_undone_first_of_all(
    inventory: Inventory, move: Move, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    at = moves.move_facts
    with inventory.reading() as session:
        assert at(session, move.facts.id).state is MoveState.COPYING
    undone: list[str] = []
    in_transaction(inventory, lambda session: moves.record_state(session, move.facts.id, MoveState.COPYING, NOW))

    def fail(*_: object) -> None:
        record_state.fn(move, MoveState.FROZEN)
        raise error

    def undo(one: Move) -> Move:
        undone.append(one.name)
        return record_state.fn(one, MoveState.COPYING)

    stand_in(monkeypatch, prepare=lambda _: None, copy_live=lambda *_: None, stop_and_switch=fail, undo=undo)
    with pytest.raises(type(error)):
        move_instance.brought_over(read_move.fn(move.facts.id))
    assert undone == [move.name]
    passes = isinstance(error, NotInTime)
    assert stands(inventory, move)[0] is (MoveState.PLANNED if passes else MoveState.CALLED_OFF)


@pytest.mark.parametrize(
    ("error", "then"),
    [
        (StepFailed("The disk is full.", "Look."), MoveState.CALLED_OFF),
        (Unreachable("app2 does not answer.", "Look."), MoveState.PLANNED),
    ],
)
def test_a_move_that_was_undone_and_can_not_begin_anew_is_given_up(
    inventory: Inventory, move: Move, monkeypatch: pytest.MonkeyPatch, error: Exception, then: MoveState
) -> None:
    def fail(_: object) -> None:
        raise error

    stand_in(monkeypatch, check_disks=fail)
    monkeypatch.setattr(move_ends, "given_up", given_up.fn)
    assert move.facts.state is MoveState.COPYING
    with pytest.raises(type(error)):
        move_instance.brought_over(move)
    assert stands(inventory, move)[0] is then


def test_what_was_switched_is_not_undone(inventory: Inventory, move: Move, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        record_state.fn(move, MoveState.FROZEN)
        in_transaction(inventory, lambda session: moves.switch(session, move.facts.id, {}, NOW))
        raise KeyError

    def undo(_: Move) -> Move:
        raise AssertionError("it was undone")

    stand_in(monkeypatch, prepare=lambda _: None, copy_live=lambda *_: None, stop_and_switch=fail, undo=undo)
    with pytest.raises(KeyError):
        move_instance.brought_over(read_move.fn(move.facts.id))
    assert stands(inventory, move)[0] is MoveState.SWITCHED


def test_what_differs_after_the_switch_is_told_once_and_the_source_kept_until_a_person_has_looked(
    inventory: Inventory, move: Move
) -> None:
    record_state.fn(move, MoveState.FROZEN)
    in_transaction(inventory, lambda session: moves.switch(session, move.facts.id, {}, NOW))
    for _ in range(2):
        in_transaction(inventory, lambda session: _record(session, move, {"differs": "The database differs: users."}))
    record_state.fn(move, MoveState.DONE)
    [case] = told(inventory)
    assert "The database differs: users." in case
    with time_machine.travel(NOW + timedelta(days=30), tick=False):
        assert read_kept_too_long.fn() == []
        with inventory.reading() as session:
            [one] = cases.open_cases(session)
        in_transaction(inventory, lambda session: cases.settle_case(session, one.id, "olga", "looked at", NOW))
        assert [kept.name for kept in read_kept_too_long.fn()] == [move.name]


def stand_in(monkeypatch: pytest.MonkeyPatch, **functions: object) -> None:
    """The parts of the flow that need servers, and its tasks without Prefect."""
    found = {
        "end_backup_job": lambda *_: None, "read_sizes": lambda _: Sizes(1, 1, {}), "read_sides": lambda _: {},
        "read_obstacles": lambda _: Obstacles(without_backup=True), "check": lambda *_: None,
        "check_disks": lambda _: None, "record_begun": record_begun.fn, "read_move": read_move.fn,
        "read_wanted": read_wanted.fn, "given_up": given_up.fn, **functions,
    }  # fmt: skip
    for name, function in found.items():
        monkeypatch.setattr(move_instance, name, function)
