"""What the inventory says of a server: who is at home there, comes, has left, is worked on (P18)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import copies, deeds, leases, moves, restores
from hosting.inventory.expected_fleet import expected_on
from hosting.inventory.models import Instance
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.fleet_expected import Expected, Home, Place, Standing
from hosting.policy.states import InstanceState, MoveState
from hosting.policy.values import InstanceName
from tests.inventory.words import HOUR, NOW, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.values import InstanceFacts

OWN = (Place("/etc/phm/x", "file"),)


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An instance on app1; app2 is empty."""
    with_servers(inventory, server("app1"), server("app2"))
    return opened(inventory, "A-1", NOW)


def home(instance: InstanceFacts) -> Home:
    return Home(instance.name, instance.state, 20_000 + instance.number)


def expected(inventory: Inventory, where: str, at: datetime = NOW) -> Expected:
    with inventory.reading() as session:
        return expected_on(session, where, home, OWN, at)


def standings(inventory: Inventory, name: str) -> tuple[Standing, Standing]:
    """What an instance is to both servers."""
    return expected(inventory, "app1").standing(name), expected(inventory, "app2").standing(name)


def move(inventory: Inventory, name: str, *states: MoveState) -> None:
    def go(session: Session) -> None:
        made = next(iter(moves.moves_of(session, name)), None) or moves.plan_move(
            session, name, "app2", "w", "olga", NOW, without_backup=True, now=NOW
        )
        for state in states:
            if state is MoveState.SWITCHED:
                moves.switch(session, made.id, {}, NOW)
            else:
                moves.record_state(session, made.id, state, NOW)

    in_transaction(inventory, go)


def test_an_instance_is_at_home_on_one_server_and_elsewhere_for_the_others(inventory: Inventory, name: str) -> None:
    assert standings(inventory, name) == (Standing.HOME, Standing.ELSEWHERE)
    one = expected(inventory, "app1")
    assert (one.homes[name].uid, one.own, one.busy, one.at_work) == (20_001, OWN, frozenset(), False)
    assert expected(inventory, "app2").now_on(name) == "app1"


def test_a_move_makes_it_come_then_leave_then_be_passed_on_alone(inventory: Inventory, name: str) -> None:
    move(inventory, name)
    assert standings(inventory, name) == (Standing.HOME, Standing.COMING)
    assert not expected(inventory, "app1").is_busy(name)  # it is only planned
    move(inventory, name, MoveState.COPYING)
    assert expected(inventory, "app1").is_busy(name)
    assert expected(inventory, "app2").moving == {name}
    move(inventory, name, MoveState.FROZEN, MoveState.SWITCHED, MoveState.DONE)
    assert standings(inventory, name) == (Standing.KEPT, Standing.HOME)
    assert expected(inventory, "app1").now_on(name) == "app2"
    assert not expected(inventory, "app1").is_busy(name)
    move(inventory, name, MoveState.RETIRED)
    assert standings(inventory, name) == (Standing.LEFT, Standing.HOME)


def test_an_instance_that_has_ended_is_nowhere_at_home(inventory: Inventory, name: str) -> None:
    with inventory.writing() as session:
        session.get_one(Instance, name).state = InstanceState.ENDED
    assert standings(inventory, name) == (Standing.ENDED, Standing.ENDED)


def test_a_restore_that_is_not_at_its_end_makes_an_instance_busy_and_known_where_it_goes(
    inventory: Inventory, name: str
) -> None:
    told = {"point": "p", "server": "app2", "stamp": "s", "what": "all"}
    record = partial(deeds.record, by="olga", what=restores.BEGUN, subject=f"instance:{name}", evidence=told, now=NOW)
    in_transaction(inventory, record)
    assert standings(inventory, name) == (Standing.HOME, Standing.COMING)
    assert expected(inventory, "app1").is_busy(name)


def test_who_holds_a_lease_is_busy_until_it_expires_and_its_copies_are_known(inventory: Inventory, name: str) -> None:
    in_transaction(inventory, lambda session: leases.acquire(session, name, "run 1", "backup", now=NOW, ttl=HOUR))
    assert expected(inventory, "app1").is_busy(name)
    assert not expected(inventory, "app1", NOW + 2 * HOUR).is_busy(name)
    origin = copies.OfImport("import-1", InstanceName(name))
    made = in_transaction(inventory, lambda session: copies.begin_copy(session, "app2", origin, NOW + HOUR, NOW))
    assert expected(inventory, "app2").standing(made.name) is Standing.COPY
    assert expected(inventory, "app1").standing(made.name) is Standing.UNKNOWN
    assert expected(inventory, "app1").is_busy(made.name)  # whatever stands beside it belongs to that work


def test_a_server_that_somebody_has_as_a_whole_is_at_work(inventory: Inventory, name: str) -> None:
    held = leases.of_server("app2")
    in_transaction(inventory, lambda session: leases.acquire(session, held, "run 1", "update", now=NOW, ttl=HOUR))
    assert [expected(inventory, where).at_work for where in ("app1", "app2")] == [False, True]
