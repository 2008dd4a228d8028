"""An inventory that is older than a switch is told where an instance is, once, by whom and why; a run does the rest (P24)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import deeds, found_switches, instances, kept_source, leases, moves, restores, work
from hosting.inventory.leases import LeaseHeld
from hosting.inventory.models import Instance
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.found_switch import NothingToRecord, SwitchNotProven
from hosting.policy.kept_source import NothingKept
from hosting.policy.states import InstanceState, MoveState, WorkState
from tests.inventory.words import HOUR, NOW, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts

LATER = NOW + 9 * HOUR
SEEN = {"app1": "passes on to app2.phlymail.test", "app2": "serves it", "app3": "has no site of it"}


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An instance on app1, by an inventory that a backup gave back."""
    with_servers(inventory, server("app1"), server("app2"), server("app3"))
    return opened(inventory, "A-1", NOW)


def planned(inventory: Inventory, name: str, target: str, *states: MoveState) -> MoveFacts:
    def plan(session: Session) -> MoveFacts:
        made = moves.plan_move(session, name, target, "w", "olga", NOW + HOUR, without_backup=True, now=NOW)
        work.ask_for(session, work.MOVE, str(made.id), NOW + HOUR, by="olga", now=NOW)
        for state in states:
            moves.record_state(session, made.id, state, NOW + HOUR)
        return moves.move_facts(session, made.id)

    return in_transaction(inventory, plan)


def found(inventory: Inventory, name: str, *, compared: bool = False, source: str = "app1") -> MoveFacts:
    record = partial(
        found_switches.record_found, instance=name, source=source, target="app2", why="control machine lost", by="olga",
        seen=SEEN, compared=compared, now=LATER,
    )  # fmt: skip
    return in_transaction(inventory, record)


def test_a_move_that_the_inventory_never_knew_is_recorded_with_who_and_why_and_becomes_a_run(
    inventory: Inventory, name: str
) -> None:
    made = found(inventory, name)
    assert (made.source_name, made.target_name, made.state) == ("app1", "app2", MoveState.SWITCHED)
    assert (made.agreed_by, made.why, made.switched_at) == ("olga", "control machine lost", LATER)
    with inventory.reading() as session:
        assert instances.instance_facts(session, name).server_name == "app2"
        assert moves.former_homes(session, name) == ["app1"]
        asked = work.work_of(session, work.MOVE, str(made.id))
        [deed] = [one for one in deeds.deeds_of(session, f"instance:{name}") if one.what == "switch found"]
    assert asked is not None
    assert (asked.state, asked.due_at) == (WorkState.OPEN, LATER)
    assert (deed.by, deed.why, deed.evidence["seen"]) == ("olga", "control machine lost", SEEN)
    assert (deed.evidence["from"], deed.evidence["to"]) == ("app1", "app2")


@pytest.mark.parametrize("states", [(), (MoveState.COPYING,), (MoveState.COPYING, MoveState.FROZEN)])
def test_the_move_that_the_inventory_has_is_gone_on_with_from_its_switch(
    inventory: Inventory, name: str, states: tuple[MoveState, ...]
) -> None:
    before = planned(inventory, name, "app2", *states)
    in_transaction(inventory, lambda session: work.record_failed(session, work.MOVE, str(before.id), "it passes on"))
    made = found(inventory, name)
    assert (made.id, made.state, made.why, made.closed_at) == (before.id, MoveState.SWITCHED, "w", None)
    with inventory.reading() as session:
        asked = work.work_of(session, work.MOVE, str(made.id))
        assert len(moves.moves_of(session, name)) == 1
    assert asked is not None
    assert (asked.state, asked.due_at) == (WorkState.OPEN, LATER)


@pytest.mark.parametrize("states", [(), (MoveState.COPYING,), (MoveState.COPYING, MoveState.FROZEN)])
def test_a_move_to_another_server_is_given_up_with_its_work(
    inventory: Inventory, name: str, states: tuple[MoveState, ...]
) -> None:
    before = planned(inventory, name, "app3", *states)
    made = found(inventory, name)
    with inventory.reading() as session:
        other, asked = moves.move_facts(session, before.id), work.work_of(session, work.MOVE, str(before.id))
        assert moves.open_move(session, name) == made
    assert (other.state, other.finding, other.closed_at) == (MoveState.CALLED_OFF, "It was found on app2.", None)
    assert asked is not None
    assert asked.state is WorkState.CANCELLED


def test_what_the_comparison_came_to_is_not_asked_anew_unless_the_target_still_holds_what_it_had(
    inventory: Inventory, name: str
) -> None:
    assert found(inventory, name).evidence[moves.DIFFERS] == found_switches.NOT_COMPARED
    with inventory.writing() as session:
        session.get_one(Instance, name).server_name = "app1"
        moves.record_state(session, 1, MoveState.DONE, LATER)
    assert moves.DIFFERS not in found(inventory, name, compared=True).evidence


def test_it_is_recorded_once(inventory: Inventory, name: str) -> None:
    found(inventory, name)
    with pytest.raises(NothingToRecord, match="elsewhere by now"):
        found(inventory, name)


def test_what_the_target_had_kept_of_an_earlier_move_is_kept_no_longer(inventory: Inventory, name: str) -> None:
    left = in_transaction(
        inventory, lambda session: moves.record_left(session, name, "app2", "app1", why="w", now=NOW, kept=True)
    )
    found(inventory, name)
    with inventory.reading() as session:
        assert moves.move_facts(session, left.id).state is MoveState.RETIRED


def test_what_its_source_has_is_never_served_again_as_it_was_left(inventory: Inventory, name: str) -> None:
    made = found(inventory, name)
    done = partial(moves.record_state, move_id=made.id, to=MoveState.DONE, now=LATER, evidence={"proof": {"url": "x"}})
    in_transaction(inventory, done)
    with inventory.reading() as session, pytest.raises(NothingKept, match="not compared"):
        kept_source.kept_move(session, name)


def test_nothing_is_recorded_beside_other_work_on_the_instance(inventory: Inventory, name: str) -> None:
    take = partial(leases.acquire, instance=name, owner="run 1", purpose="back up", now=LATER, ttl=timedelta(minutes=1))
    in_transaction(inventory, take)
    with pytest.raises(LeaseHeld, match="run 1"):
        found(inventory, name)
    in_transaction(inventory, lambda session: leases.release(session, name, "run 1"))
    told = {"point": f"{name}-p", "server": "app2", "what": "all", "stamp": "1"}
    begin = partial(
        deeds.record, by=deeds.SERVICE, what=restores.BEGUN, subject=f"instance:{name}", evidence=told, now=NOW
    )
    in_transaction(inventory, begin)
    with pytest.raises(SwitchNotProven, match=f"A restore of {name} was begun"):
        found(inventory, name)


@pytest.mark.parametrize("state", [InstanceState.RESERVED, InstanceState.CLOSED, InstanceState.ENDED])
def test_one_that_is_not_open_is_found_nowhere(inventory: Inventory, name: str, state: InstanceState) -> None:
    with inventory.writing() as session:
        session.get_one(Instance, name).state = state
    with pytest.raises(SwitchNotProven, match=f"Instance {name} is {state}"):
        found(inventory, name)
