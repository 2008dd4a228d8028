"""Nobody who is kept out by an update waits for the next attempt, and nobody else works on what is half done (P17)."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from hosting.inventory import alone, closed_updates, leases, roll_outs, work
from hosting.inventory.closed_updates import HalfUpdated
from hosting.inventory.leases import LeaseHeld
from hosting.inventory.releases import add_release
from hosting.inventory.roll_out_rows import RollOutOrder
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.attempts import RunState, Verdict, is_stuck, judge
from hosting.policy.roll_outs import UpdateState
from hosting.policy.states import WorkState
from hosting.policy.values import ReleaseId
from tasks import run_ends
from tasks.leases import owner_of
from tests.inventory.words import NOW, RELEASE, server, with_servers
from tests.service.records import opened

MINUTE = timedelta(minutes=1)
LATER = replace(RELEASE, id=ReleaseId("cd" * 32), build=40471, version="4.04.71")
SUBJECT = "1:app1@2026-11-23T10:00Z"


@pytest.fixture
def names(inventory: Inventory) -> list[str]:
    """Two instances on a server, in a roll-out whose work is asked for."""
    with_servers(inventory, server("app1", 200))
    made = [opened(inventory, f"A-{number}", NOW, "app1") for number in range(2)]
    in_transaction(inventory, lambda session: add_release(session, LATER, "olga", NOW))
    in_transaction(inventory, lambda session: roll_outs.begin(session, RollOutOrder(LATER.id, "newer"), "olga", NOW))
    ask = partial(work.ask_for, kind=work.UPDATE_APPLICATION, subject=SUBJECT, due_at=NOW, by="service", now=NOW)
    in_transaction(inventory, ask)
    return made


def comes(inventory: Inventory, name: str, state: UpdateState) -> None:
    in_transaction(inventory, partial(roll_outs.record_state, number=1, instance=name, state=state, now=NOW))


def work_now(inventory: Inventory) -> work.WorkFacts:
    with inventory.reading() as session:
        found = work.work_of(session, work.UPDATE_APPLICATION, SUBJECT)
    assert found is not None
    return found


def hurried(inventory: Inventory) -> list[str]:
    return in_transaction(inventory, lambda session: closed_updates.go_on_at_once(session, NOW + MINUTE))


def lease(inventory: Inventory, name: str, owner: str, ttl: timedelta = MINUTE) -> None:
    hold = partial(leases.acquire, instance=name, owner=owner, purpose="update", now=NOW, ttl=ttl)
    in_transaction(inventory, hold)


def test_nobody_else_works_on_what_stands_half_updated(inventory: Inventory, names: list[str]) -> None:
    def take(name: str, purpose: str) -> None:
        take_it = partial(alone.take, instance=name, servers={"app1"}, owner=f"for {purpose}", purpose=purpose)
        in_transaction(inventory, partial(take_it, now=NOW, ttl=MINUTE))
        in_transaction(inventory, lambda session: leases.release(session, name, f"for {purpose}"))

    comes(inventory, names[0], UpdateState.STOPPED)
    for purpose in ("back up", "move", "restore", "name", "provision"):
        with pytest.raises(HalfUpdated, match=r"stands half updated in the roll-out 1"):
            take(names[0], purpose)
        take(names[1], purpose)
    take(names[0], "update")
    assert issubclass(HalfUpdated, LeaseHeld)  # what waits for a lease waits for this
    for state in (UpdateState.OPENED, UpdateState.DONE):
        comes(inventory, names[0], state)
        take(names[0], "back up")


def test_the_next_attempt_in_a_quarter_of_an_hour_is_too_late_where_somebody_is_kept_out(
    inventory: Inventory, names: list[str]
) -> None:
    one = work_now(inventory)
    in_transaction(inventory, lambda session: work.reschedule(session, one.id, NOW + 15 * MINUTE))
    comes(inventory, names[0], UpdateState.PREPARING)
    assert hurried(inventory) == []
    comes(inventory, names[0], UpdateState.STOPPED)
    lease(inventory, names[0], "another", 2 * MINUTE)
    assert hurried(inventory) == []
    lease(inventory, names[0], "another")  # expired by then
    assert hurried(inventory) == [SUBJECT]
    assert (work_now(inventory).state, work_now(inventory).due_at) == (WorkState.OPEN, NOW + MINUTE)
    assert hurried(inventory) == []


@pytest.mark.parametrize("state", ["RUNNING", "CANCELLING"])
def test_a_run_that_left_an_instance_closed_is_dead_once_it_holds_no_lease_for_a_minute(
    inventory: Inventory, names: list[str], monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    id_ = uuid.uuid4()
    run: Any = SimpleNamespace(
        id=id_, state=SimpleNamespace(type=SimpleNamespace(value=state), timestamp=NOW - MINUTE, message="")
    )
    heard = {"at": NOW}
    monkeypatch.setattr(run_ends, "_heard_at", lambda *_: heard["at"])

    def is_dead(after: timedelta) -> bool:
        client: Any = None
        facts = run_ends._facts(inventory, work_now(inventory), run, NOW + after, client)
        dead = is_stuck(facts, NOW + after)
        assert judge(facts, 0, NOW + after) is (Verdict.AGAIN if dead else Verdict.LEAVE)
        assert dead is False or facts.state is RunState.RUNNING
        return dead

    assert not is_dead(5 * MINUTE)  # nothing is closed
    comes(inventory, names[0], UpdateState.STOPPED)
    assert not is_dead(2 * MINUTE)  # it holds no lease now, and is heard of
    assert is_dead(2.5 * MINUTE)
    lease(inventory, names[1], owner_of(str(id_)))
    heard["at"] = NOW + 9 * MINUTE
    assert not is_dead(MINUTE)
    assert is_dead(1.5 * MINUTE)  # its lease alone tells
