"""A kept state is served only where its server can serve it, and within the time of a stop; else all is as before (P24)."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from prefect import Task

from flows import serve_kept_source as flow
from hosting.errors import StepFailed, Unreachable
from hosting.inventory import former_homes, kept_source, moves
from hosting.inventory.session import in_transaction
from hosting.policy.kept_source import Loss
from hosting.policy.move_attempts import NotInTime
from hosting.policy.states import MoveState
from tasks import kept_source as tasks
from tasks import move_ends, move_stop
from tasks.move_records import read_move
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory
    from hosting.policy.values import ServerFacts
    from tasks.move_records import Move

NOW = datetime(2026, 12, 1, 21, 0, tzinfo=UTC)
REAL = ("record_state", "given_up", "read_move", "read_terms")
BEFORE_CLOSING = (
    "ensure_system_user", "ensure_database", "ensure_release", "ensure_application", "ensure_php_pool",
    "ensure_can_pass_on",
)  # fmt: skip


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as inventory, time_machine.travel(NOW, tick=False):
        yield inventory


@pytest.fixture
def move(inventory: Inventory) -> Move:
    """An instance that went from app1 to app2, and is to be served again as app1 has kept it."""
    name = opened(inventory, "A-1", NOW - timedelta(days=3))

    def plan(session: Session) -> int:
        there = moves.plan_move(session, name, "app2", "w", "olga", NOW, without_backup=True, now=NOW)
        for state in (MoveState.COPYING, MoveState.FROZEN):
            moves.record_state(session, there.id, state, NOW)
        moves.switch(session, there.id, {}, NOW)
        moves.record_state(session, there.id, MoveState.DONE, NOW, evidence={"proof": {"url": "x"}})
        return kept_source.plan_return(session, name, "w", Loss(1, 1, 1, (), 1, 1), by="olga", now=NOW).id

    return read_move.fn(in_transaction(inventory, plan))


class Steps(list[str]):
    """The steps that were taken, in their order; those that need a server do nothing."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch
        for name, one in vars(flow).copy().items():
            if isinstance(one, Task):
                self.does(name, one.fn if name in REAL else lambda *_: None)
        patch.setattr(move_ends, "given_up", move_ends.given_up.fn)
        patch.setattr(flow, "watched", lambda _url, _instance: contextlib.nullcontext())
        self.does("open_until_served", lambda *_: None)
        self.does("record_kept_served", self._served)

    def does(self, name: str, what: Callable[..., Any]) -> None:
        def step(*args: Any) -> Any:
            self.append(name)
            return what(*args)

        self.patch.setattr(flow, name, step)

    def fails(self, name: str, error: Exception) -> None:
        def fail(*_: object) -> None:
            raise error

        self.does(name, fail)

    def _served(self, move: Move) -> Move:
        in_transaction(tasks.inventory(), lambda session: moves.switch(session, move.facts.id, {}, NOW))
        return read_move.fn(move.facts.id)


def state_of(move: Move) -> MoveState:
    return read_move.fn(move.facts.id).facts.state


def test_that_the_keeper_can_serve_is_made_sure_of_before_anybody_is_kept_out(
    move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Steps(monkeypatch)
    assert flow.brought_back(move).facts.state is MoveState.SWITCHED
    closed = steps.index("close_source")
    assert {*BEFORE_CLOSING, "check_kept", "check_disks"} <= {*steps[:closed]}
    assert steps.index("ensure_source_fenced") > closed


@pytest.mark.parametrize("step", BEFORE_CLOSING)
def test_where_it_can_not_the_present_state_was_never_closed(
    move: Move, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    steps = Steps(monkeypatch)
    steps.fails(step, StepFailed("no", "look"))
    with pytest.raises(StepFailed):
        flow.brought_back(move)
    assert "close_source" not in steps
    assert state_of(move) is MoveState.CALLED_OFF


def test_a_stop_that_takes_too_long_is_called_off_before_the_switch(
    move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, real = Steps(monkeypatch), flow.closed_no_longer_than
    monkeypatch.setattr(move_stop, "load", lambda _: SimpleNamespace(hang_up=lambda _server: None))
    monkeypatch.setattr(flow, "closed_no_longer_than", lambda _, *servers: real(timedelta(0), *servers))
    with pytest.raises(NotInTime):
        flow.brought_back(move)
    assert "record_kept_served" not in steps
    assert (steps[-4:].count("reopen_source"), state_of(move)) == (1, MoveState.PLANNED)


def test_a_keeper_that_does_not_answer_keeps_nothing_from_being_undone(
    inventory: Inventory, move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(home: ServerFacts, *_: object) -> bool:
        assert home.name == "app1"  # no other home was touched
        raise Unreachable("app1 does not answer.", "Look.")

    steps = Steps(monkeypatch)
    monkeypatch.setattr(tasks, "pass_on", silent)
    steps.does("ensure_keeper_passes_on", tasks.ensure_keeper_passes_on.fn)
    steps.fails("ensure_source_fenced", StepFailed("no", "look"))
    with pytest.raises(StepFailed):
        flow.brought_back(move)
    assert state_of(move) is MoveState.CALLED_OFF
    with inventory.reading() as session:
        assert [one.move_id for one in former_homes.all_owed(session)] == [
            int(move.facts.evidence[kept_source.SERVES_KEPT])
        ]


def test_a_return_that_was_undone_and_may_not_begin_anew_is_given_up(
    move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Steps(monkeypatch)
    move = flow.record_state(move, MoveState.COPYING)
    steps.fails("check_disks", StepFailed("The disk is full.", "Look."))
    with pytest.raises(StepFailed):
        flow.brought_back(move)
    assert state_of(move) is MoveState.CALLED_OFF
