"""Who is copied too early waits for his window, who is copied too late is not closed, and each copy tells the next (P24)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from hosting.errors import ServiceError
from hosting.inventory import cases, evacuations, move_moments, moves, work
from hosting.inventory.evacuation_rows import EvacuationOrder
from hosting.inventory.move_paces import COPIED, paces
from hosting.inventory.moves import MoveGivenUp, MovePutOff
from hosting.inventory.session import in_transaction
from hosting.policy.move_plan import MovePlan, WindowPassed, plan
from hosting.policy.states import MoveState
from hosting.policy.terms import STANDARD
from tasks import move_ends, move_records
from tasks import move_moments as move_moments_task
from tasks.move_ends import given_up, telling_move_failure
from tasks.move_moments import record_copied, wait_until_due
from tasks.move_records import read_move, read_obstacles, record_begun
from tasks.step import still_allowed
from tests.policy.test_move_plan import SIZES
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts
    from hosting.inventory.session import Inventory
    from tasks.move_records import Move

NOW = datetime(2026, 11, 26, 17, 30, tzinfo=UTC)
OPENS = NOW + timedelta(hours=3)


class Clock:
    """The service's clock, which goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.at = self.does_at = NOW
        self.does: Callable[[], None] | None = None

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        assert 0 < seconds <= move_moments_task.LOOKS_EVERY_SECONDS
        self.at += timedelta(seconds=seconds)
        if self.does and self.at >= self.does_at:
            does, self.does = self.does, None
            does()

    def then(self, does: Callable[[], None], at: datetime = NOW) -> None:
        """What somebody does meanwhile, from a moment on."""
        self.does, self.does_at = does, at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (move_ends, move_moments_task, move_records):
        monkeypatch.setattr(module, "now", made.now)
    monkeypatch.setattr(move_moments_task, "time", SimpleNamespace(sleep=made.sleep))
    return made


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as inventory:
        yield inventory


@pytest.fixture
def move(inventory: Inventory) -> Move:
    """A move that is copied from now on, for a window in three hours."""
    name = opened(inventory, "A-1", NOW)
    made = in_transaction(
        inventory,
        lambda session: moves.plan_move(
            session, name, "app2", "w", "olga", OPENS, without_backup=True, now=NOW,
            due_until=OPENS + STANDARD.move_window, copies_from=NOW,
        ),
    )  # fmt: skip
    return read_move.fn(made.id)


@pytest.fixture
def copying(move: Move, inventory: Inventory) -> Move:
    """The same, with its work, while it is copied."""

    def begin(session: Session) -> MoveFacts:
        work.ask_for(session, work.MOVE, str(move.facts.id), NOW, by="olga", now=NOW)
        return moves.record_state(session, move.facts.id, MoveState.COPYING, NOW)

    return replace(move, facts=in_transaction(inventory, begin))


def test_nobody_is_closed_before_the_moment_that_was_agreed_on(move: Move, clock: Clock) -> None:
    assert wait_until_due.fn(move).facts.due_at == clock.at == OPENS
    assert wait_until_due.fn(move).facts.due_at == clock.at == OPENS


def test_another_moment_is_waited_for_and_its_window_holds_in_the_stop(
    inventory: Inventory, copying: Move, clock: Clock
) -> None:
    sooner = OPENS - timedelta(minutes=30)
    clock.then(lambda: put_off(inventory, copying, sooner, clock.at), NOW + timedelta(hours=1))
    waited = wait_until_due.fn(copying)
    assert waited.facts.due_at == clock.at == sooner
    assert waited.facts.due_until == sooner + STANDARD.move_window


@pytest.mark.parametrize("by", ["cancel", "postpone"])
def test_who_is_given_up_or_put_off_for_days_is_waited_for_no_longer_and_undone(
    inventory: Inventory, copying: Move, clock: Clock, by: str
) -> None:
    later, name = OPENS + timedelta(days=2), copying.name
    at = NOW + timedelta(hours=1)

    def give_up() -> None:
        in_transaction(inventory, partial(move_moments.give_up, instance=name, why="no", by="olga", now=clock.at))

    clock.then(give_up if by == "cancel" else lambda: put_off(inventory, copying, later, clock.at), at)
    error = MoveGivenUp if by == "cancel" else MovePutOff
    with pytest.raises(error) as raised, telling_move_failure(copying):
        waited_and_undone(copying)
    assert at <= clock.at <= at + timedelta(seconds=move_moments_task.LOOKS_EVERY_SECONDS)
    with inventory.reading() as session:
        facts, asked = moves.move_facts(session, copying.facts.id), work.work_of(session, work.MOVE, "1")
        assert cases.open_cases(session) == []
    assert asked is not None
    if by == "cancel":
        assert (facts.state, facts.finding, asked.state) == (MoveState.CALLED_OFF, str(raised.value), "cancelled")
    else:
        assert (facts.state, facts.begins) == (MoveState.PLANNED, later)  # it is small: nothing to copy ahead
        assert (asked.state, asked.due_at) == ("open", later)


def test_an_emergency_ends_the_wait(inventory: Inventory, copying: Move, clock: Clock) -> None:
    at = NOW + timedelta(hours=1)
    order = EvacuationOrder("app1", "its disks fail", emergency=True, parallel=2)
    clock.then(lambda: in_transaction(inventory, lambda session: evacuations.begin(session, order, "olga", at)), at)
    assert wait_until_due.fn(copying).facts.due_until is None
    assert at <= clock.at <= at + timedelta(seconds=move_moments_task.LOOKS_EVERY_SECONDS)


def waited_and_undone(move: Move) -> None:
    """What its run does."""
    try:
        wait_until_due.fn(move)
    except ServiceError as error:
        given_up.fn(move, error)
        raise


def put_off(inventory: Inventory, move: Move, to: datetime, at: datetime) -> None:
    postpone = partial(move_moments.postpone, instance=move.name, due_at=to, why="w", by="olga", now=at)
    in_transaction(inventory, partial(postpone, because="as he asked"))


def test_who_was_copied_too_late_for_his_window_is_told_so_before_anything_is_compared(
    move: Move, clock: Clock
) -> None:
    clock.at = OPENS + STANDARD.move_window + timedelta(seconds=1)
    with pytest.raises(WindowPassed, match="agreed on"):
        wait_until_due.fn(move)


def test_a_run_that_lost_its_lease_waits_no_longer(move: Move, clock: Clock) -> None:
    def lost() -> None:
        if clock.at > NOW + timedelta(minutes=1):
            raise RuntimeError("lost")

    token = still_allowed.set(lost)
    try:
        with pytest.raises(RuntimeError, match="lost"):
            wait_until_due.fn(move)
    finally:
        still_allowed.reset(token)
    assert clock.at < NOW + timedelta(minutes=2)


def test_what_a_copy_took_is_what_the_next_one_is_given(move: Move, inventory: Inventory, clock: Clock) -> None:
    usual = plan(SIZES, replicating=False)
    begun = record_begun.fn(move, MovePlan(usual.method, 1000.0, 3.0, compared_in_stop=True))
    clock.at += timedelta(seconds=2500)
    record_copied.fn(begun, NOW)
    assert read_move.fn(move.facts.id).facts.evidence[COPIED] == pytest.approx(2500)
    with inventory.reading() as session:
        assert paces(session)(move.source.name, move.target.name) == pytest.approx(2.5)
    found = read_obstacles.fn(move)
    assert found.pace == pytest.approx(2.5)
    assert plan(SIZES, replicating=False, pace=found.pace).seconds == pytest.approx(2.5 * usual.seconds, abs=0.1)
