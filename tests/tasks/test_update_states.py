"""What a run of a roll-out writes down holds whoever else was at the instance, or has halted it, meanwhile (P17)."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from sqlalchemy import select

from flows import update_application
from hosting.errors import StepFailed, Unreachable
from hosting.inventory import cases, instances, leases, roll_outs
from hosting.inventory.instances import InstanceClosed
from hosting.inventory.leases import LeaseLost
from hosting.inventory.models import Instance
from hosting.inventory.releases import add_release
from hosting.inventory.roll_out_rows import RollOutOrder
from hosting.inventory.session import in_transaction
from hosting.policy.roll_outs import ATTEMPTS_MOST, RollOutState, UpdateState
from hosting.policy.states import InstanceState
from hosting.policy.values import ReleaseId
from hosting.policy.way_back import WayBack
from tasks import update_records, update_states, update_stop, update_trial
from tasks.leases import LEASE, owner_of_this_run
from tasks.step import still_allowed
from tasks.update_records import HasLeft
from tasks.update_states import PutOff
from tests.inventory.words import RELEASE
from tests.policy.test_move_plan import SOURCE
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from hosting.inventory.roll_out_rows import UpdateFacts
    from hosting.inventory.session import Inventory
    from tasks.update_records import Update

LATER = replace(RELEASE, id=ReleaseId("cd" * 32), build=40471, version="4.04.71")


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as made:
        yield made


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An instance in a roll-out, at once."""
    at = datetime.now(UTC)
    made = opened(inventory, "A-1", at)
    in_transaction(inventory, lambda session: add_release(session, LATER, "olga", at))
    order = RollOutOrder(LATER.id, "a grave bug", urgent=True)
    in_transaction(inventory, lambda session: roll_outs.begin(session, order, "olga", at))
    return made


def comes(inventory: Inventory, name: str, state: UpdateState, **more: Any) -> None:
    at = datetime.now(UTC)
    in_transaction(inventory, partial(roll_outs.record_state, number=1, instance=name, state=state, now=at, **more))


def facts(inventory: Inventory, name: str) -> UpdateFacts:
    with inventory.reading() as session:
        return roll_outs.update_facts(session, 1, name)


def read(name: str) -> Update:
    update = update_records.read_update.fn(1, name)
    assert update is not None
    return update


def lease(inventory: Inventory, name: str, owner: str) -> None:
    at = datetime.now(UTC)
    hold = partial(leases.acquire, instance=name, owner=owner, purpose="update", now=at, ttl=LEASE)
    in_transaction(inventory, hold)


@pytest.mark.parametrize(("owner", "state"), [("another", UpdateState.STOPPED), ("", UpdateState.WAITING)])
def test_a_run_that_hung_does_not_record_the_new_release(
    inventory: Inventory, name: str, owner: str, state: UpdateState
) -> None:
    comes(inventory, name, UpdateState.STOPPED)
    update = read(name)
    comes(inventory, name, state)
    lease(inventory, name, owner or owner_of_this_run())
    with pytest.raises(LeaseLost if owner else StepFailed):
        update_states.record_opened.fn(update)
    assert facts(inventory, name).state is state
    with inventory.reading() as session:
        assert instances.instance_facts(session, name).release.id == RELEASE.id


def test_the_run_that_holds_the_instance_records_it(inventory: Inventory, name: str) -> None:
    comes(inventory, name, UpdateState.STOPPED)
    lease(inventory, name, owner_of_this_run())
    update = read(name)
    for _ in range(2):
        assert update_states.record_opened.fn(update).state is UpdateState.OPENED
    with inventory.reading() as session:
        assert instances.instance_facts(session, name).release.id == LATER.id


def test_a_run_that_lost_its_lease_tries_no_migration_and_switches_nothing(inventory: Inventory, name: str) -> None:
    def lost() -> None:
        raise LeaseLost(name, "this run")

    update, trial = read(name), update_trial.Trial(WayBack(), {}, {})
    token = still_allowed.set(lost)
    try:
        with pytest.raises(LeaseLost):
            update_trial.try_migration.fn(SOURCE, update)
        with pytest.raises(LeaseLost):
            update_stop.switch.fn(SOURCE, update, trial)
    finally:
        still_allowed.reset(token)


def test_what_was_restored_to_its_old_release_after_it_was_open_ends_and_is_left_as_it_is(
    inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    comes(inventory, name, UpdateState.STOPPED)
    lease(inventory, name, owner_of_this_run())
    update_states.record_opened.fn(read(name))
    broken = StepFailed("Its proof fails.", "Look.")
    assert update_states.settle_failure(read(name), broken) is broken
    assert open_cases(inventory) == 1
    update_records.check_place.fn(read(name), "app1")  # with the new release it goes on
    at = datetime.now(UTC)
    in_transaction(inventory, lambda session: instances.record_release(session, name, RELEASE.id, at))
    touched: list[str] = []
    monkeypatch.setattr(update_application, "finish", lambda *_: touched.append("finish"))
    monkeypatch.setattr(update_application, "working_on", lambda *_: contextlib.nullcontext())
    for each in ("read_update", "check_place", "outcome_of"):  # without Prefect
        monkeypatch.setattr(update_application, each, getattr(update_records, each).fn)
    outcome, left = update_application.update_one.fn(SOURCE, 1, name)
    assert (outcome.state, left, touched) == (UpdateState.FAILED, None, [])
    assert "with 4.04.70 meanwhile" in outcome.finding
    assert open_cases(inventory) == 0


def suspended(session: Session, name: str) -> None:
    session.scalars(select(Instance).where(Instance.name == name)).one().state = InstanceState.SUSPENDED


def test_what_is_suspended_before_its_turn_is_left_out_and_is_no_failure(
    inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_transaction(inventory, lambda session: suspended(session, name))
    monkeypatch.setattr(update_application, "recent_point", lambda *_: "p1")
    monkeypatch.setattr(update_application, "bring_to_release", lambda *_: pytest.fail("it was begun"))
    monkeypatch.setattr(update_application, "working_on", lambda *_: contextlib.nullcontext())
    for each in ("read_update", "check_place", "outcome_of"):  # without Prefect
        monkeypatch.setattr(update_application, each, getattr(update_records, each).fn)
    outcome, left = update_application.update_one.fn(SOURCE, 1, name)
    assert (outcome.state, left) == (UpdateState.SKIPPED, None)
    assert f"{name} is suspended meanwhile." in outcome.finding


@pytest.mark.parametrize("stands", [UpdateState.WAITING, UpdateState.PREPARING, UpdateState.OPENED])
def test_what_is_closed_for_good_meanwhile_is_left_out_and_halts_nobody(
    inventory: Inventory, name: str, stands: UpdateState
) -> None:
    if stands is not UpdateState.WAITING:
        comes(inventory, name, stands)
    closed = InstanceClosed(f"The contract of {name} is over.", "Call its end off.")
    assert update_states.settle_failure(read(name), closed) is None
    assert (facts(inventory, name).state, open_cases(inventory)) == (UpdateState.SKIPPED, 0)
    with inventory.reading() as session:
        assert roll_outs.roll_out_facts(session, 1).state is not RollOutState.HALTED


def halted(inventory: Inventory) -> None:
    in_transaction(inventory, lambda session: roll_outs.halt(session, 1, "wait", "olga", datetime.now(UTC)))


def aborted(inventory: Inventory) -> None:
    in_transaction(inventory, lambda session: roll_outs.abort(session, 1, "no", "olga", datetime.now(UTC)))


def test_what_was_halted_given_up_or_left_out_after_it_was_read_is_not_begun(inventory: Inventory, name: str) -> None:
    update = read(name)
    lease(inventory, name, owner_of_this_run())
    halted(inventory)
    with pytest.raises(PutOff):
        update_states.record_preparing.fn(update)
    assert update_states.settle_failure(update, put_off()) is None
    assert (facts(inventory, name).state, facts(inventory, name).attempts) == (UpdateState.WAITING, 0)
    aborted(inventory)
    with pytest.raises(PutOff):
        update_states.record_preparing.fn(update)
    assert update_states.settle_failure(update, StepFailed("It broke.", "Look.")) is None
    assert facts(inventory, name).state is UpdateState.SKIPPED


def put_off() -> PutOff:
    return PutOff("Not now.", "Look.")


@pytest.mark.parametrize("stands", [halted, aborted], ids=["halted", "given up"])
def test_nobody_is_closed_any_more_after_a_halt(inventory: Inventory, name: str, stands: Any) -> None:
    lease(inventory, name, owner_of_this_run())
    update = update_states.record_preparing.fn(read(name))
    assert (update.state, update.attempts) == (UpdateState.PREPARING, 1)
    stands(inventory)
    with pytest.raises(PutOff) as refused:
        update_states.record_stopped.fn(update, {"way": WayBack().told()})
    assert facts(inventory, name).state is UpdateState.PREPARING
    update_states.record_cleared.fn(update, refused.value)
    assert update_states.settle_failure(update, refused.value) is None
    left = facts(inventory, name)
    wanted = UpdateState.WAITING if stands is halted else UpdateState.SKIPPED
    assert (left.state, left.attempts) == (wanted, 0)


def test_nobody_is_closed_any_more_after_his_time(
    inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease(inventory, name, owner_of_this_run())
    update = update_states.record_preparing.fn(read(name))
    asked = list[timedelta | None]()

    def is_over(_session: object, _update: object, _at: object, lasts: timedelta | None = None) -> bool:
        asked.append(lasts)
        return False

    monkeypatch.setattr(update_states, "is_its_time", is_over)
    with pytest.raises(PutOff):
        update_states.record_stopped.fn(update, {"way": WayBack().told()})
    assert asked == [timedelta(seconds=update.stop_most_seconds)]


def test_a_run_that_is_killed_each_time_is_the_last_one_at_some_time(inventory: Inventory, name: str) -> None:
    lease(inventory, name, owner_of_this_run())
    for attempt in range(1, ATTEMPTS_MOST + 1):
        update_states.record_preparing.fn(read(name))
        update_states.record_broken_off.fn(read(name))
        ended = attempt == ATTEMPTS_MOST
        assert facts(inventory, name).state is (UpdateState.FAILED if ended else UpdateState.WAITING)


def test_what_could_not_be_cleared_is_cleared_by_the_next_run(inventory: Inventory, name: str) -> None:
    lease(inventory, name, owner_of_this_run())
    update = update_states.record_preparing.fn(read(name))
    error = StepFailed("Its files are in use.", "Look.")
    assert update_states.settle_failure(update, error) is error
    assert facts(inventory, name).state is UpdateState.PREPARING
    assert open_cases(inventory) == 1
    update_states.record_broken_off.fn(update)
    assert facts(inventory, name).state is UpdateState.WAITING
    assert open_cases(inventory) == 0
    update_states.record_preparing.fn(update)
    assert update_states.settle_failure(update, HasLeft("It is on app2.", "Begin another.")) is None
    assert facts(inventory, name).state is UpdateState.FAILED


def test_an_attempt_that_failed_ends_once_nothing_is_left_of_it(
    inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease(inventory, name, owner_of_this_run())

    def breaks(*_: object) -> None:
        raise StepFailed("It broke.", "Look.")

    for each in ("record_preparing", "read_state", "record_cleared"):  # without Prefect
        monkeypatch.setattr(update_application, each, getattr(update_states, each).fn)
    monkeypatch.setattr(update_application, "prepare", breaks)
    monkeypatch.setattr(update_application, "clear", breaks)
    update = read(name)
    with pytest.raises(StepFailed) as left:
        update_application.bring_to_release(SOURCE, update, "")
    assert update_states.settle_failure(update, left.value) is left.value
    assert facts(inventory, name).state is UpdateState.PREPARING
    update_states.record_broken_off.fn(read(name))
    monkeypatch.setattr(update_application, "clear", lambda *_: None)
    with pytest.raises(StepFailed) as failed:
        update_application.bring_to_release(SOURCE, update, "")
    assert update_states.settle_failure(update, failed.value) is None
    assert facts(inventory, name).state is UpdateState.FAILED


def test_what_does_not_go_back_halts_the_roll_out_and_is_put_before_a_person_until_it_has(
    inventory: Inventory, name: str
) -> None:
    comes(inventory, name, UpdateState.STOPPED)
    error = StepFailed("Its folder can't be put back.", "Look.")
    for _ in range(2):  # the next run finds the same
        assert update_states.settle_failure(read(name), error) is error
        with inventory.reading() as session:
            assert roll_outs.roll_out_facts(session, 1).state is RollOutState.HALTED
            told = sorted(one.summary for one in cases.open_cases(session))
        assert told == [
            f"The roll-out 1 has halted: {name} is closed and did not go back.",
            f"The update of {name} to 4.04.71 stands at stopped: Its folder can't be put back. Look.",
        ]
    update_states.record_broken_off.fn(read(name))
    assert (facts(inventory, name).state, open_cases(inventory)) == (UpdateState.WAITING, 1)  # that it has halted
    in_transaction(inventory, lambda session: roll_outs.resume(session, 1, "mended", "olga", datetime.now(UTC)))
    assert open_cases(inventory) == 0


def open_cases(inventory: Inventory) -> int:
    with inventory.reading() as session:
        return len(cases.open_cases(session))


class Seen:
    """What is seen from outside: whether it serves before the stop, and after it."""

    stop_seconds = 61.5

    def __init__(self, *serves: bool) -> None:
        self.serves = list(serves)

    def served_again(self) -> bool:
        return self.serves.pop(0)


@pytest.fixture
def stop(inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The stop of an instance, told what is seen from outside and whether its switch breaks, without a server."""
    lease(inventory, name, owner_of_this_run())
    for each in ("close", "keep", "prove", "open_again", "put_back", "ensure_cron", "drop_kept"):
        monkeypatch.setattr(update_application, each, lambda *_, **__: None)
    monkeypatch.setattr(update_application, "url_of", lambda *_: "")
    for each in ("record", "record_stopped", "record_opened", "record_outage", "read_state"):  # without Prefect
        monkeypatch.setattr(update_application, each, getattr(update_states, each).fn)

    def stopped(*serves: bool, breaks: bool = False) -> Update:
        def switch(*_: object) -> None:
            if breaks:
                raise Unreachable("Its database does not answer.", "Look.")

        monkeypatch.setattr(update_application, "switch", switch)
        monkeypatch.setattr(update_application, "watched", lambda _url: contextlib.nullcontext(Seen(*serves)))
        update = update_states.record_preparing.fn(read(name))
        return update_application.stop_and_switch(SOURCE, update, update_trial.Trial(WayBack(), {}, {}), "p1")

    return stopped


def test_an_instance_that_is_ill_already_is_not_closed(inventory: Inventory, name: str, stop: Any) -> None:
    with pytest.raises(StepFailed, match="does not answer from outside before it is closed"):
        stop(False)
    assert (facts(inventory, name).state, facts(inventory, name).outage_seconds) == (UpdateState.PREPARING, None)


def test_the_outage_of_one_that_nobody_sees_served_again_goes_on_until_its_proof(
    inventory: Inventory, name: str, stop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = datetime.now(UTC)
    with time_machine.travel(began, tick=False):
        update = stop(True, False)
    assert (facts(inventory, name).state, facts(inventory, name).outage_seconds) == (UpdateState.OPENED, None)
    monkeypatch.setattr(update_application, "prove_instance_answers", lambda *_: {})
    monkeypatch.setattr(update_application, "drop_code", lambda *_, **__: None)
    with time_machine.travel(began + timedelta(seconds=90), tick=False):
        update_application.finish(SOURCE, update)
    assert (facts(inventory, name).state, facts(inventory, name).outage_seconds) == (UpdateState.DONE, 90.0)


@pytest.mark.parametrize("served", [True, False])
def test_one_that_went_back_and_is_not_served_is_told_so_and_not_closed_again(
    inventory: Inventory, name: str, stop: Any, *, served: bool
) -> None:
    with pytest.raises(Unreachable if served else StepFailed) as error:
        stop(True, served, breaks=True)
    assert facts(inventory, name).outage_seconds == 61.5
    assert update_states.settle_failure(read(name), error.value) is None
    assert facts(inventory, name).state is (UpdateState.WAITING if served else UpdateState.FAILED)
    assert ("still nobody is served" in facts(inventory, name).finding) is not served


def test_how_long_it_was_closed_is_told_though_nobody_watched_to_the_end(inventory: Inventory, name: str) -> None:
    began = datetime.now(UTC)
    lease(inventory, name, owner_of_this_run())
    with time_machine.travel(began, tick=False):
        update = update_states.record_preparing.fn(read(name))
        update = update_states.record_stopped.fn(update, {"way": WayBack().told()})
    with time_machine.travel(began + timedelta(seconds=70), tick=False):
        assert update_states.record_outage.fn(update).state is UpdateState.STOPPED
    with time_machine.travel(began + timedelta(seconds=90), tick=False):
        update_states.record_outage.fn(update)  # once for each stop
    assert facts(inventory, name).outage_seconds == 70.0
    update_states.record_broken_off.fn(update)
    update = update_states.record_preparing.fn(read(name))
    update = update_states.record_stopped.fn(update, {"way": WayBack().told()})
    update_states.record_outage.fn(update, 1.5)
    assert facts(inventory, name).outage_seconds == 1.5
