"""What a run of a roll-out writes down holds whoever else was at the instance, or has halted it, meanwhile (P17)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from hosting.errors import StepFailed
from hosting.inventory import instances, leases, roll_outs
from hosting.inventory.leases import LeaseLost
from hosting.inventory.releases import add_release
from hosting.inventory.roll_out_rows import RollOutOrder
from hosting.inventory.session import in_transaction
from hosting.policy.roll_outs import UpdateState
from hosting.policy.values import ReleaseId
from tasks import update_records, update_stop, update_trial
from tasks.leases import LEASE, owner_of_this_run
from tasks.step import still_allowed
from tests.inventory.words import RELEASE
from tests.policy.test_move_plan import SOURCE
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
        update_records.record_opened.fn(update)
    assert facts(inventory, name).state is state
    with inventory.reading() as session:
        assert instances.instance_facts(session, name).release.id == RELEASE.id


def test_the_run_that_holds_the_instance_records_it(inventory: Inventory, name: str) -> None:
    comes(inventory, name, UpdateState.STOPPED)
    lease(inventory, name, owner_of_this_run())
    assert update_records.record_opened.fn(read(name)).state is UpdateState.OPENED
    with inventory.reading() as session:
        assert instances.instance_facts(session, name).release.id == LATER.id


def test_a_run_that_lost_its_lease_tries_no_migration_and_switches_nothing(inventory: Inventory, name: str) -> None:
    def lost() -> None:
        raise LeaseLost(name, "this run")

    update, trial = read(name), update_trial.Trial(update_records.WayBack(), {}, {})
    token = still_allowed.set(lost)
    try:
        with pytest.raises(LeaseLost):
            update_trial.try_migration.fn(SOURCE, update)
        with pytest.raises(LeaseLost):
            update_stop.switch.fn(SOURCE, update, trial)
    finally:
        still_allowed.reset(token)
