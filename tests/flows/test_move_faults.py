"""Killed after every step, cut off from each side in the stop: one side serves, nothing is lost, the next run ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.move_instance import brought_over, finish, undo
from hosting.policy.states import MoveState
from hosting.policy.terms import STANDARD
from tests.service import backups, links, moves
from tests.service.copies import with_point
from tests.service.doors import Door, doors
from tests.service.flow_steps import steps_of
from tests.service.mailbox_data import fill, missing
from tests.service.moves import Customer, Sides, check_moved, check_one_serves, made_large, made_small, other
from tests.service.plans import Fault, Plan

if TYPE_CHECKING:
    from hosting.inventory.moves import MoveFacts
    from hosting.policy.values import InstanceFacts
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.soak, pytest.mark.timeout(900)]

CUT_SECONDS = 20
CLOSED_MOST = CUT_SECONDS + 2 * STANDARD.move_closed_most.total_seconds()
"""A stop that is cut is called off, or gone on with, once the cut is over; the one that follows is a stop as any."""

RUNS_MOST = 4
"""So many runs follow one that was cut off: the first may come while the cut lasts."""

OF_KEPT = {"ensure_kept_let_in"}
"""What a run does only where it serves again what was kept: that is not copied (tests/flows/test_kept_source.py)."""

OF_A_RUN = [step for step in steps_of(brought_over, finish) if step not in OF_KEPT]
OF_UNDOING = steps_of(undo)


@pytest.fixture(scope="module")
def sides(service: Service) -> Sides:
    """The two hosts; instances begin on the first."""
    moves.known_by_name(service)
    service.only_server(service.hosts[0])
    return Sides(service, service.hosts[0], service.hosts[1])


@pytest.fixture(scope="module")
def instance(service: Service, sides: Sides) -> InstanceFacts:
    """An instance with a life in it; where it is changes from test to test."""
    made = service.provision()
    service.all_servers()
    fill(service, made)
    return made


def killed_after(step: str, service: Service, move: MoveFacts) -> bool:
    """Whether the run came to this step; if it did, it is dead."""
    outcome = moves.run(service, move, Fault(step, "after"))
    assert outcome.state == "Killed" or outcome.completed, outcome
    return outcome.state == "Killed"


@pytest.mark.parametrize("step", OF_A_RUN)
def test_a_run_killed_after_any_step_of_its_own_loses_nothing_and_is_ended_by_the_next(
    service: Service, sides: Sides, instance: InstanceFacts, step: str
) -> None:
    for made in (made_large, made_small):  # compared after the switch, or in the stop: no run has the steps of both
        made(service, instance)
        move = moves.plan(service, instance, other(sides, instance))
        with Customer(service, moves.now_on(service, instance), move.target_name) as customer:
            killed = killed_after(step, service, move)
            if killed:
                check_one_serves(service, instance, move)
                check_moved(sides, instance, moves.run(service, move), move.id)
            customer.goes_on()
        assert customer.missing_at(moves.now_on(service, instance)) == []
        assert customer.served_by_both() == []
        if killed:
            return
    pytest.fail(f"No run came to {step}.")


@pytest.mark.parametrize("step", OF_UNDOING)
def test_a_run_killed_while_it_undoes_another_is_ended_by_the_next(
    service: Service, sides: Sides, instance: InstanceFacts, step: str
) -> None:
    made_large(service, instance)
    move = moves.plan(service, instance, other(sides, instance))
    with Customer(service, moves.now_on(service, instance), move.target_name) as customer:
        assert killed_after("drain", service, move)
        assert moves.facts(service, move).closed_at is not None
        assert killed_after(step, service, move) or moves.facts(service, move).state is MoveState.DONE
        check_one_serves(service, instance, move)
        check_moved(sides, instance, moves.run(service, move), move.id)
        customer.goes_on()
    assert customer.missing_at(moves.now_on(service, instance)) == []
    assert customer.served_by_both() == []


@pytest.mark.parametrize("step", ["close_source", "drain", "compare_files", "open_target"])
@pytest.mark.parametrize("link", ["worker-source", "worker-target", "source-target"])
def test_a_link_that_is_cut_in_the_stop_leaves_one_side_serving_and_loses_nothing(
    service: Service, sides: Sides, instance: InstanceFacts, link: str, step: str
) -> None:
    made_large(service, instance)
    source, target = moves.now_on(service, instance).server_name, other(sides, instance)
    at, to = {"worker-source": ("", source), "worker-target": ("", target), "source-target": (target, source)}[link]
    move = moves.plan(service, instance, target)
    fault = Fault(step, "before", kind="cut", seconds=CUT_SECONDS, at=at, to=to)
    with (
        links.healed_at_last((at, to)),
        Customer(service, moves.now_on(service, instance), target) as customer,
    ):
        outcome = moves.run(service, move, fault)
        for _ in range(RUNS_MOST):
            check_one_serves(service, instance, move, cut=True)
            if outcome.completed:
                break
            stands = moves.facts(service, move)
            assert stands.state in {MoveState.PLANNED, MoveState.FROZEN, MoveState.COPYING, MoveState.SWITCHED}, stands
            outcome = moves.run(service, move)
        check_moved(sides, instance, outcome, move.id)
        customer.goes_on()
    assert customer.missing_at(moves.now_on(service, instance)) == []
    assert customer.served_by_both() == []
    done = moves.facts(service, move)
    assert done.stop_seconds is not None
    assert done.stop_seconds <= CLOSED_MOST
    print(f"{link} cut at {step}: closed {done.stop_seconds} s in all, {done.finding}")  # noqa: T201  # its purpose


@pytest.mark.parametrize("step", ["copy_files", "close_source"])
def test_a_source_that_is_lost_on_the_way_does_not_keep_its_instance_from_being_restored_elsewhere(
    service: Service, sides: Sides, step: str
) -> None:
    service.only_server(sides.source)
    made = with_point(service)
    service.all_servers()
    move = moves.plan(service, made.instance, sides.target)
    assert killed_after(step, service, move)
    [point] = backups.points_of(service, made.instance)
    there = {"server": sides.target, "old_server_lost": True}
    service.fleet.cut(sides.source)
    try:
        assert backups.restore(service, made.instance, point, server=sides.target).error == "NoPlaceThere"
        outcome = backups.restore(service, made.instance, point, **there)
        assert outcome.completed, outcome
        now_on = moves.now_on(service, made.instance)
        assert doors(service, now_on) == {sides.target: Door.SERVES, sides.source: Door.REFUSES}
        assert missing(service, made, now_on) == []
    finally:
        service.fleet.heal(sides.source)
    assert moves.facts(service, move).state is MoveState.CALLED_OFF
    assert moves.leftovers(service, made.instance, sides.target) == []
    assert service.runner.run(Plan(flow="flows.see_to_former_homes.see_to_former_homes")).completed
    assert doors(service, now_on) == {sides.target: Door.SERVES, sides.source: Door.PASSES_ON}
