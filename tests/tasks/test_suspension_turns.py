"""When the run that closes or opens an instance comes again: another run has it, nobody answers, nobody works (P41)."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import time_machine

from flows import suspend_instance as flows
from hosting.errors import StepFailed, Unreachable
from hosting.inventory import cases, instances, suspensions, work
from hosting.inventory.leases import LeaseFacts, LeaseHeld
from hosting.inventory.session import in_transaction
from hosting.inventory.suspensions import Cause
from hosting.policy.attempts import AGAIN_AFTER, HELD_AGAIN_AFTER
from hosting.policy.states import WorkState
from tasks import suspending
from tasks.suspending import tried_again
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.errors import ServiceError
    from hosting.inventory.session import Inventory
    from hosting.inventory.work import WorkFacts

MORNING = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)  # a Thursday
EVENING = MORNING.replace(hour=19)
NEXT_DAY = datetime(2026, 11, 27, 7, tzinfo=UTC)
RUN = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as inventory:
        yield inventory


@pytest.fixture
def name(inventory: Inventory) -> str:
    return opened(inventory, "A-1", MORNING - timedelta(days=400))


def wished(inventory: Inventory, name: str, cause: Cause = Cause.RENT, at: datetime = MORNING) -> None:
    wish = partial(suspensions.suspend, instance=name, cause=cause, because="a test", by="olga", now=at)
    in_transaction(inventory, wish)


def the_work(inventory: Inventory) -> WorkFacts:
    with inventory.reading() as session:
        [found] = [one for one in work.work_in(session) if one.kind == work.SUSPEND]
    return found


def begun(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work has a run, which is this one."""
    one = the_work(inventory)
    in_transaction(inventory, lambda session: work.mark_dispatched(session, one.id, RUN, one.attempt))
    monkeypatch.setattr(suspending, "flow_run", SimpleNamespace(id=RUN))


def failing(error: ServiceError) -> None:
    with pytest.raises(type(error)), tried_again():
        raise error


def held() -> LeaseHeld:
    return LeaseHeld(LeaseFacts("k3v9q2", "another run", "backup", MORNING, MORNING, MORNING))


def test_what_another_run_holds_is_tried_again_soon_and_neither_counted_nor_told(
    inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wished(inventory, name)
    for _ in range(2 * len(AGAIN_AFTER)):
        begun(inventory, monkeypatch)
        with time_machine.travel(MORNING, tick=False):
            failing(held())
        one = the_work(inventory)
        assert (one.state, one.due_at) == (WorkState.OPEN, MORNING + HELD_AGAIN_AFTER)
    with inventory.reading() as session:
        assert work.tries(session, one.kind, one.subject) == 0
        assert cases.open_cases(session) == []


def test_what_does_not_answer_is_tried_again_so_often_and_then_left_to_a_person(
    inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wished(inventory, name)
    for wait in AGAIN_AFTER:
        begun(inventory, monkeypatch)
        with time_machine.travel(MORNING, tick=False):
            failing(Unreachable("app1 does not answer"))
        assert (the_work(inventory).state, the_work(inventory).due_at) == (WorkState.OPEN, MORNING + wait)
    begun(inventory, monkeypatch)
    failing(Unreachable("app1 does not answer"))
    assert the_work(inventory).state is WorkState.DISPATCHED  # the clock sees its failed run, and asks a person


@pytest.mark.parametrize("by_hand", [True, False])
def test_neither_another_failure_nor_a_run_by_hand_makes_another_attempt(
    inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch, *, by_hand: bool
) -> None:
    wished(inventory, name)
    begun(inventory, monkeypatch)
    if by_hand:
        monkeypatch.setattr(suspending, "flow_run", SimpleNamespace(id=None))
    failing(held() if by_hand else StepFailed("a door is still open"))
    assert (the_work(inventory).state, the_work(inventory).attempt) == (WorkState.DISPATCHED, 1)


@pytest.mark.parametrize("flow", [flows.suspend_instance, flows.resume_instance])
def test_both_flows_come_again_when_another_run_holds_the_instance(
    inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch, flow: object
) -> None:
    def working_on(*_: object) -> None:
        raise held()

    wished(inventory, name)
    begun(inventory, monkeypatch)
    monkeypatch.setattr(flows, "working_on", working_on)
    monkeypatch.setattr(flows, "read_wanted", flows.read_wanted.fn)
    monkeypatch.setattr(flows, "read_server", flows.read_server.fn)
    with pytest.raises(LeaseHeld):
        flow.fn(flows.SuspensionRequest(instance=name))  # type: ignore[attr-defined]
    assert the_work(inventory).state is WorkState.OPEN


def morning(inventory: Inventory, name: str, at: datetime) -> datetime | None:
    with inventory.reading() as session:
        facts = instances.instance_facts(session, name)
    with time_machine.travel(at, tick=False):
        return suspending.read_morning.fn(facts)


def test_a_suspension_for_rent_that_comes_late_waits_for_the_next_working_morning(
    inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wished(inventory, name)
    begun(inventory, monkeypatch)
    assert morning(inventory, name, MORNING) is None
    until = morning(inventory, name, EVENING)
    assert until is not None
    assert until.date() == NEXT_DAY.date()
    with inventory.reading() as session:
        facts = instances.instance_facts(session, name)
    suspending.record_put_off.fn(facts, until)
    one = the_work(inventory)
    assert (one.state, one.due_at, one.attempt) == (WorkState.OPEN, until, 2)
    assert in_transaction(inventory, lambda session: suspensions.see_to(session, facts, EVENING)) == ""


def test_the_run_that_comes_late_leaves_everything_open(
    inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wished(inventory, name)
    begun(inventory, monkeypatch)
    done = list[str]()
    for step in ("ensure_cron", "ensure_site"):
        monkeypatch.setattr(flows, step, lambda _server, shut, step=step: done.append(f"{step} {shut.state}"))
    monkeypatch.setattr(flows, "working_on", lambda *_: contextlib.nullcontext())
    for step in ("read_wanted", "read_server", "read_morning", "record_put_off"):
        monkeypatch.setattr(flows, step, getattr(flows, step).fn)
    with time_machine.travel(EVENING, tick=False):
        said = flows.suspend_instance.fn(flows.SuspensionRequest(instance=name))
    assert "when somebody works" in said.message
    assert sorted(done) == ["ensure_cron active", "ensure_site active"]
    assert the_work(inventory).due_at.date() == NEXT_DAY.date()


def test_a_person_who_suspends_it_waits_for_no_morning(inventory: Inventory, name: str) -> None:
    wished(inventory, name)
    with inventory.reading() as session:
        facts = instances.instance_facts(session, name)
    suspending.record_put_off.fn(facts, NEXT_DAY)
    wished(inventory, name, Cause.OPERATOR, EVENING)
    assert the_work(inventory).due_at == EVENING
    assert morning(inventory, name, EVENING) is None


def test_what_is_closed_already_is_put_off_no_more(inventory: Inventory, name: str) -> None:
    wished(inventory, name)
    in_transaction(inventory, partial(suspensions.record_closed, instance=name, evidence={}, now=MORNING))
    assert morning(inventory, name, EVENING) is None
