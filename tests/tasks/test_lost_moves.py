"""An instance whose server is lost while it moves can be restored elsewhere: its move is given up by that (P20, P24)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from hosting.errors import Unreachable
from hosting.inventory import cases, instances, moves, servers, work
from hosting.inventory.session import in_transaction
from hosting.policy.move_plan import Sizes, plan
from hosting.policy.states import MoveState, ServerState, WorkState
from tasks import lost_moves
from tasks.elsewhere import NoPlaceThere, read_places
from tasks.lost_moves import ensure_lost_move_given_up
from tasks.move_records import read_kept_too_long, read_move, record_begun, record_state
from tests.inventory.words import server
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.inventory.session import Inventory
    from hosting.policy.values import InstanceFacts, ServerFacts
    from tasks.move_records import Move

NOW = datetime(2026, 12, 1, 21, 0, tzinfo=UTC)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as inventory, time_machine.travel(NOW, tick=False):
        yield inventory


@pytest.fixture
def move(inventory: Inventory) -> Move:
    """A move that has begun."""
    name = opened(inventory, "A-1", NOW - timedelta(days=3))

    def agree(session: object) -> int:
        made = moves.plan_move(session, name, "app2", "phone", "olga", NOW, without_backup=True, now=NOW)
        work.ask_for(session, work.MOVE, str(made.id), NOW, by="olga", now=NOW)
        return made.id

    made = read_move.fn(in_transaction(inventory, agree))
    return record_begun.fn(made, plan(Sizes(1, 1, {}), replicating=False))


@pytest.fixture
def cleared(monkeypatch: pytest.MonkeyPatch) -> list[Move]:
    """The moves whose target was cleared."""
    found: list[Move] = []
    monkeypatch.setattr(lost_moves, "_clear", found.append)
    return found


def known(inventory: Inventory, move: Move) -> tuple[InstanceFacts, ServerFacts]:
    with inventory.reading() as session:
        return instances.instance_facts(session, move.name), servers.server_facts(session, "app1")


@pytest.mark.parametrize("state", [MoveState.COPYING, MoveState.FROZEN])
def test_who_states_that_the_server_is_lost_restores_what_was_on_its_way(
    inventory: Inventory, move: Move, cleared: list[Move], state: MoveState
) -> None:
    if state is MoveState.FROZEN:
        record_state.fn(move, MoveState.FROZEN)
    instance, old = known(inventory, move)
    with pytest.raises(NoPlaceThere, match="is being moved"):
        read_places.fn(instance, "app2")
    places = read_places.fn(instance, "app2", lost=True)
    assert (places.server.name, places.old and places.old.name) == ("app2", "app1")
    for changed in (True, False):
        assert ensure_lost_move_given_up.fn(instance, old, answers=False).changed is changed
    [one] = cleared
    assert (one.target.name, one.source.state) == ("app2", ServerState.RETIRED)  # so nothing is asked of the source
    with inventory.reading() as session:
        after, asked = moves.move_facts(session, move.facts.id), work.work_of(session, work.MOVE, str(move.facts.id))
        assert cases.open_cases(session) == []
    assert asked is not None
    assert (after.state, after.closed_at, asked.state) == (MoveState.CALLED_OFF, None, WorkState.CANCELLED)
    assert read_places.fn(instance, "app2").server.name == "app2"


def test_a_server_that_answers_is_not_lost(inventory: Inventory, move: Move, cleared: list[Move]) -> None:
    instance, old = known(inventory, move)
    with pytest.raises(NoPlaceThere, match="is being moved, and app1 answers"):
        ensure_lost_move_given_up.fn(instance, old, answers=True)
    assert cleared == []
    assert read_move.fn(move.facts.id).facts.state is MoveState.COPYING


def test_a_target_that_is_silent_too_is_a_persons_matter(
    inventory: Inventory, move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_: Move) -> None:
        raise Unreachable("app2 does not answer.", "Look.")

    monkeypatch.setattr(lost_moves, "_clear", silent)
    instance, old = known(inventory, move)
    assert ensure_lost_move_given_up.fn(instance, old, answers=False).changed
    with inventory.reading() as session:
        [case] = cases.open_cases(session)
    assert f"{move.name} was to move to app2, which did not answer" in case.summary


def test_a_target_that_is_lost_after_the_switch_leaves_what_the_source_has_until_a_person_has_looked(
    inventory: Inventory, move: Move, cleared: list[Move]
) -> None:
    record_state.fn(move, MoveState.FROZEN)
    in_transaction(inventory, lambda session: moves.switch(session, move.facts.id, {}, NOW))
    in_transaction(inventory, lambda session: servers.add_server(session, server("app3"), "test", NOW))
    with inventory.reading() as session:
        instance, old = instances.instance_facts(session, move.name), servers.server_facts(session, "app2")
    assert read_places.fn(instance, "app3", lost=True).server.name == "app3"
    assert ensure_lost_move_given_up.fn(instance, old, answers=False).changed
    assert cleared == []
    after = read_move.fn(move.facts.id).facts
    assert (after.state, after.closed_at) == (MoveState.DONE, None)
    with inventory.reading() as session:
        [case] = cases.open_cases(session)
    assert "app1 has it, locked, as it was at the switch" in case.summary
    with time_machine.travel(NOW + timedelta(days=30), tick=False):
        assert read_kept_too_long.fn() == []
        in_transaction(inventory, lambda session: cases.settle_case(session, case.id, "olga", "looked at", NOW))
        assert [kept.name for kept in read_kept_too_long.fn()] == [move.name]
