"""A server is emptied and retired: every instance is on the other one, and its old address works without the old server."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import evacuations, instances, moves, servers, work
from hosting.inventory.evacuation_rows import EvacuationOrder
from hosting.inventory.retirement import PASSED_ON_BY
from hosting.inventory.session import in_transaction
from hosting.policy.states import MoveState, ServerState, WorkState
from tasks.records import now
from tests.service import moves as sides
from tests.service.customer import site
from tests.service.plans import Fault, Plan
from tests.service.retired import takes_again

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.policy.values import InstanceFacts
    from tests.service.plans import Outcome
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

FEW = 2
MANY = 50


@dataclass(frozen=True)
class Emptied:
    """A server to be emptied, and the one that takes all of it."""

    service: Service
    source: str
    target: str

    def beat(self, fault: Fault | None = None) -> Outcome:
        """What the dispatcher does each minute, and the run that brings it to its end."""
        wish = {"server": self.source, "going_on": True}
        plan = Plan(flow="flows.evacuate_server.evacuate_server", parameters=wish, fault=fault)
        return self.service.runner.run(plan)

    def due(self) -> list[int]:
        """The moves that have work and no end, by number."""
        with self.service.inventory.reading() as session:
            waiting = work.work_in(session, WorkState.OPEN)
        return [int(one.subject) for one in waiting if one.kind == work.MOVE]

    def state(self) -> ServerState:
        return self.service.server(self.source).state


@pytest.fixture
def emptied(service: Service) -> Iterator[Emptied]:
    """The first host with nothing but what a test sets up there; afterwards all is as it was."""
    sides.known_by_name(service)
    made = Emptied(service, service.hosts[0], service.hosts[-1])
    service.only_server(made.source)
    yield made
    takes_again(service, made.source, made.target)


@pytest.mark.timeout(5400)
@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.soak)])
def test_a_server_is_emptied_and_retired_though_runs_die_on_the_way(emptied: Emptied, count: int) -> None:
    service = emptied.service
    made = [service.provision() for _ in range(count)]
    service.all_servers()
    order = EvacuationOrder(emptied.source, "its disks fail", emergency=True, parallel=2, to=(emptied.target,))
    in_transaction(service.inventory, lambda session: evacuations.begin(session, order, "test", now()))
    assert emptied.state() is ServerState.DRAINING
    assert emptied.beat().completed
    for number in range(count):
        [due] = emptied.due()  # the end of each move has planned the next one
        if number == count // 2:  # the worker dies, and is started again
            run = service.runner.run(_move(due, Fault("close_source", "after")))
            assert run.state == "Killed", run
            assert emptied.due() == [due]
        outcome = service.runner.run(_move(due))
        assert outcome.completed, outcome
    assert emptied.state() is ServerState.DRAINING
    if count == MANY:
        assert service.runner.run(Plan(flow="flows.plan_moves.plan_moves")).completed
        dead = emptied.beat(Fault("ensure_name_answered", "after"))
        assert dead.state == "Killed", dead
        assert emptied.state() is ServerState.DRAINING
    outcome = emptied.beat()
    assert outcome.completed, outcome
    assert outcome.message == f"{emptied.source} is retired; {emptied.target} answers under its name."
    check_retired(emptied, made)


def check_retired(emptied: Emptied, made: list[InstanceFacts]) -> None:
    """All is on the other server, and the old addresses work with the old server off the network."""
    service = emptied.service
    assert emptied.state() is ServerState.RETIRED
    assert service.server(emptied.source).facts[PASSED_ON_BY] == emptied.target
    with service.inventory.reading() as session:
        now_on = [instances.instance_facts(session, one.name) for one in made]
        ended = [moves.moves_of(session, one.name)[-1] for one in made]
        assert all(one.free_gib >= 0 for one in servers.all_servers(session))
    assert {one.server_name for one in now_on} == {emptied.target}
    assert {one.state for one in ended} == {MoveState.RETIRED}
    for one in made[:3]:
        assert sides.leftovers(service, one, emptied.target) == []
        assert sides.serving(service, one) == [emptied.target]
    service.fleet.cut(emptied.source)
    try:
        for one in now_on:
            for address in (one, replace(one, server_name=service.server(emptied.source).name)):
                assert site(service, address).ask("api.php").status_code == 401, address
    finally:
        service.fleet.heal(emptied.source)
    with service.inventory.reading() as session:
        [done] = [one for one in work.work_in(session) if one.kind == work.EVACUATE]
    assert done.state is WorkState.DONE


def _move(number: int, fault: Fault | None = None) -> Plan:
    """The run of a move."""
    return Plan(flow="flows.move_instance.move_instance", parameters={"move": number}, fault=fault)
