"""Due work: a record first, a run second; none lost, none doubled."""

from __future__ import annotations

from functools import partial

import pytest

from hosting.inventory import work
from hosting.inventory.session import Inventory, in_transaction
from hosting.inventory.work import UnknownWork, WorkFacts
from hosting.policy.states import ForbiddenEdge, WorkState
from tests.inventory.words import HOUR, NOW, at_once

KIND, SUBJECT = "provision-instance", "A-1"


def ask(inventory: Inventory, subject: str = SUBJECT, due_in_hours: int = 0) -> WorkFacts:
    due_at = NOW + due_in_hours * HOUR
    return in_transaction(inventory, lambda session: work.ask_for(session, KIND, subject, due_at, by="shop", now=NOW))


def now_is(inventory: Inventory, subject: str = SUBJECT) -> WorkFacts:
    with inventory.reading() as session:
        found = work.work_of(session, KIND, subject)
    assert found is not None
    return found


def dispatch(inventory: Inventory, work_id: int, run: str = "run-1", attempt: int = 1) -> WorkFacts:
    return in_transaction(inventory, lambda session: work.mark_dispatched(session, work_id, run, attempt))


def test_work_asked_for_twice_is_there_once_and_unchanged(inventory: Inventory) -> None:
    first = ask(inventory)
    assert ask(inventory, due_in_hours=5) == first
    assert first.idempotency_key == "provision-instance:A-1:1"
    assert len({asked.id for asked in at_once(*[partial(ask, inventory, "A-2")] * 8)}) == 1


def test_due_work_is_what_is_open_and_due_the_longest_due_first(inventory: Inventory) -> None:
    ask(inventory, "A-1", 2)
    ask(inventory, "A-2", 1)
    ask(inventory, "A-3", 3)
    done = ask(inventory, "A-4")
    dispatch(inventory, done.id)
    with inventory.reading() as session:
        assert [one.subject for one in work.due_work(session, NOW + 2 * HOUR)] == ["A-2", "A-1"]
        assert [one.subject for one in work.work_in(session, WorkState.DISPATCHED)] == ["A-4"]
        assert len(work.work_in(session)) == 4
        assert work.work_of(session, KIND, "A-9") is None


def test_dispatched_work_names_its_run(inventory: Inventory) -> None:
    asked = ask(inventory)
    assert dispatch(inventory, asked.id).state is WorkState.DISPATCHED
    assert now_is(inventory).flow_run_id == "run-1"


def test_a_slow_dispatcher_does_not_name_the_used_up_run_for_the_next_attempt(inventory: Inventory) -> None:
    """Its run failed before it was recorded: the next attempt waits for a run of its own."""
    asked = ask(inventory)
    in_transaction(inventory, lambda session: work.try_again(session, asked.id, NOW + HOUR))
    late = dispatch(inventory, asked.id)
    assert (late.state, late.attempt, late.flow_run_id) == (WorkState.OPEN, 2, None)


def test_done_work_stays_done(inventory: Inventory) -> None:
    asked = ask(inventory)
    in_transaction(inventory, lambda session: work.record_done(session, KIND, SUBJECT))
    in_transaction(inventory, lambda session: work.record_done(session, KIND, SUBJECT))
    in_transaction(inventory, lambda session: work.record_failed(session, KIND, SUBJECT, "too late"))
    dispatch(inventory, asked.id)
    assert (now_is(inventory).state, now_is(inventory).finding) == (WorkState.DONE, "")
    with pytest.raises(ForbiddenEdge):
        in_transaction(inventory, lambda session: work.try_again(session, asked.id, NOW))


def test_failed_work_keeps_its_finding_and_the_next_attempt_gets_a_run_of_its_own(inventory: Inventory) -> None:
    asked = ask(inventory)
    dispatch(inventory, asked.id)
    finding = "The server app1 does not answer."
    in_transaction(inventory, lambda session: work.record_failed(session, KIND, SUBJECT, finding))
    assert (now_is(inventory).state, now_is(inventory).finding) == (WorkState.FAILED, finding)
    again = in_transaction(inventory, lambda session: work.try_again(session, asked.id, NOW + HOUR))
    assert (again.state, again.attempt, again.flow_run_id) == (WorkState.OPEN, 2, None)
    assert again.idempotency_key == "provision-instance:A-1:2"


def test_open_work_is_rescheduled_in_place_and_dispatched_work_gets_a_new_attempt(inventory: Inventory) -> None:
    asked = ask(inventory)
    moved = in_transaction(inventory, lambda session: work.reschedule(session, asked.id, NOW + HOUR))
    assert (moved.due_at, moved.attempt) == (NOW + HOUR, 1)
    dispatch(inventory, asked.id)
    moved = in_transaction(inventory, lambda session: work.reschedule(session, asked.id, NOW + 2 * HOUR))
    assert (moved.state, moved.due_at, moved.attempt) == (WorkState.OPEN, NOW + 2 * HOUR, 2)


def test_unknown_work_is_refused_and_work_nobody_asked_for_may_be_done(inventory: Inventory) -> None:
    with pytest.raises(UnknownWork, match=r"There is no work 99\."):
        dispatch(inventory, 99)
    in_transaction(inventory, lambda session: work.record_done(session, KIND, "A-9"))
    in_transaction(inventory, lambda session: work.record_failed(session, KIND, "A-9", "x"))
