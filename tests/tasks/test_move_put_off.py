"""A run never begins a move before the moment that stands now, and never after the window that was agreed on (P24)."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

import flows.move_instance
from flows.move_instance import MoveRequest, move_instance
from hosting.inventory import bookings, cases, move_moments, moves, offers, work
from hosting.inventory.moves import MovePutOff
from hosting.inventory.session import in_transaction
from hosting.policy.move_plan import MovePlan, Obstacles, Sizes, objections, plan
from hosting.policy.states import InstanceState, MoveState, WorkState
from tasks.move_ends import telling_move_failure
from tasks.move_records import leave_for_its_moment, read_move, read_obstacles, record_begun
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory
    from tasks.move_records import Move

NOW = datetime(2026, 11, 26, 17, 30, tzinfo=UTC)
DUE = datetime(2026, 12, 1, 21, 0, tzinfo=UTC)
LATER = DUE + timedelta(days=2)
RUN = "7a6bb9a2-5a4b-4b27-9b5e-6f9f6a1a0c11"


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as inventory:
        yield inventory


@pytest.fixture
def move(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> Move:
    """A move that was agreed on, with a run made for its moment: the one that speaks here."""
    name = opened(inventory, "A-1", NOW)

    def agree(session: object) -> int:
        made = offers.agree_by_word(session, name, "app2", DUE, "phone", by="olga", now=NOW)
        asked = work.work_of(session, work.MOVE, str(made.move_id))
        assert asked is not None
        work.mark_dispatched(session, asked.id, RUN, asked.attempt)
        return int(made.move_id or 0)

    number = in_transaction(inventory, agree)
    monkeypatch.setenv("PREFECT__RUNTIME__FLOW_RUN__ID", RUN)
    return read_move.fn(number)


def put_off(inventory: Inventory, move: Move) -> None:
    in_transaction(
        inventory, lambda session: move_moments.postpone(session, move.name, LATER, "asked", by="olga", now=NOW)
    )


def stands(inventory: Inventory, move: Move) -> tuple[MoveState, WorkState, datetime, int]:
    with inventory.reading() as session:
        facts, asked = moves.move_facts(session, move.facts.id), work.work_of(session, work.MOVE, str(move.facts.id))
    assert asked is not None
    return facts.state, asked.state, asked.due_at, asked.attempt


def test_the_run_that_was_made_before_a_move_was_put_off_leaves_it_to_its_own_run(
    inventory: Inventory, move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_off(inventory, move)
    for name in ("read_move", "leave_for_its_moment"):
        monkeypatch.setattr(flows.move_instance, name, getattr(flows.move_instance, name).fn)

    def not_worked_on(*_: object) -> None:
        raise AssertionError("a server was touched")

    monkeypatch.setattr(flows.move_instance, "working_on", not_worked_on)
    with time_machine.travel(DUE, tick=False):
        done = move_instance.fn(MoveRequest(move=move.facts.id))
    assert done.message == f"{move.name} moves at 2026-12-03 22:00:00 CET; a run begins it then."
    assert stands(inventory, move) == (MoveState.PLANNED, WorkState.OPEN, LATER, 2)


def test_an_instance_that_is_suspended_until_nobody_else_works_on_it_moves_suspended(
    inventory: Inventory, move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    def suspend(session: Session) -> None:
        bookings.locked_row(session, move.name).state = InstanceState.SUSPENDED

    @contextlib.contextmanager
    def suspended_before(*_: object, **__: object) -> Iterator[None]:
        in_transaction(inventory, suspend)
        yield

    moved: list[Move] = []

    def finish(one: Move) -> dict[str, str]:
        moved.append(one)
        return {"url": ""}

    found = {
        "read_move": read_move.fn, "check_at_source": lambda _: None, "check_not_switched": lambda _: None,
        "working_on": suspended_before,
        "brought_over": lambda one: one, "finish": finish, "go_on_after": lambda _: None,
    }  # fmt: skip
    for name, function in found.items():
        monkeypatch.setattr(flows.move_instance, name, function)
    with time_machine.travel(DUE, tick=False):
        move_instance.fn(MoveRequest(move=move.facts.id))
    assert [one.instance.state for one in moved] == [InstanceState.SUSPENDED]


def test_a_run_that_is_started_too_early_leaves_the_work_to_a_run_at_its_moment(
    inventory: Inventory, move: Move
) -> None:
    """Somebody let Prefect start it now: without another attempt nobody would begin the move at its moment."""
    with time_machine.travel(NOW, tick=False):
        leave_for_its_moment.fn(move)
    assert stands(inventory, move) == (MoveState.PLANNED, WorkState.OPEN, DUE, 2)


def test_a_move_that_is_put_off_while_its_run_looks_around_is_not_begun_and_not_called_off(
    inventory: Inventory, move: Move
) -> None:
    what: MovePlan = plan(Sizes(1, 1, {}), replicating=False)
    put_off(inventory, move)
    with time_machine.travel(DUE, tick=False), pytest.raises(MovePutOff), telling_move_failure(move):
        record_begun.fn(move, what)
    assert stands(inventory, move) == (MoveState.PLANNED, WorkState.OPEN, LATER, 2)
    with inventory.reading() as session:
        assert cases.open_cases(session) == []


def test_after_the_window_that_was_agreed_on_nothing_begins(inventory: Inventory, move: Move) -> None:
    said = "The time that was agreed on ended at 2026-12-01 23:00 UTC: agree on another one."

    def objected(found: Obstacles, now: datetime) -> list[str]:
        return objections(move.instance, move.source, move.target, sizes=Sizes(1, 1, {}), found=found, now=now)

    found = read_obstacles.fn(move)
    assert said not in objected(found, DUE + timedelta(minutes=119))
    assert said in objected(found, DUE + timedelta(minutes=120))
