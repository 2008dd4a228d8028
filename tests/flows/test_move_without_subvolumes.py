"""An instance moves where one of both servers has no snapshots: its files go by rsync, and nothing is lost either (P24).

Needs two of the fleet's hosts without subvolumes, and one with them: PHM_TEST_HOSTS="app6 app10 app9".
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from hosting.policy.states import MoveState
from tests.service import links, moves, names
from tests.service.mailbox_data import fill
from tests.service.moves import Customer, Sides, check_moved, made_large
from tests.service.names import Asked
from tests.service.plans import Fault

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.timeout(600)]

PLAIN, SNAPSHOTS = False, True
CUT_SECONDS = 20
RUNS_MOST = 4
"""So many runs follow one that was cut off: the first may come while the cut lasts."""


@pytest.fixture(scope="module")
def kinds(service: Service) -> dict[bool, list[str]]:
    """The hosts by whether they have subvolumes; instances begin on the first that has none."""
    moves.known_by_name(service)
    found: dict[bool, list[str]] = {PLAIN: [], SNAPSHOTS: []}
    for host in service.hosts:
        found[service.server(host).has_btrfs].append(host)
    service.only_server(found[PLAIN][0])
    return found


@pytest.fixture(scope="module")
def instance(service: Service, kinds: dict[bool, list[str]]) -> InstanceFacts:
    """An instance with a life in it; where it is changes from test to test."""
    made = service.provision()
    service.all_servers()
    fill(service, made)
    made_large(service, made)
    return made


def target_of(service: Service, instance: InstanceFacts, kinds: dict[bool, list[str]], *, snapshots: bool) -> str:
    """A host of this kind on which the instance is not."""
    here = moves.now_on(service, instance).server_name
    found = [host for host in kinds[snapshots] if host != here]
    assert found, f"other hosts are needed than {service.hosts}"
    return found[0]


def by_rsync(service: Service, instance: InstanceFacts, kinds: dict[bool, list[str]]) -> Sides:
    """From a host without subvolumes to another one, of the same kind if there is one; nothing has moved yet."""
    brought_to(service, instance, kinds, snapshots=PLAIN)
    here = moves.now_on(service, instance).server_name
    return Sides(service, here, next(host for host in (*kinds[PLAIN], *kinds[SNAPSHOTS]) if host != here))


def brought_to(service: Service, instance: InstanceFacts, kinds: dict[bool, list[str]], *, snapshots: bool) -> None:
    """The instance is on a host of this kind, if need be by a move."""
    here = moves.now_on(service, instance).server_name
    if here not in kinds[snapshots]:
        target = target_of(service, instance, kinds, snapshots=snapshots)
        move = moves.plan(service, instance, target)
        check_moved(Sides(service, here, target), instance, moves.run(service, move), move.id)


@pytest.mark.parametrize(
    ("source", "target"),
    [(PLAIN, PLAIN), (PLAIN, SNAPSHOTS), (SNAPSHOTS, PLAIN)],
    ids=["plain to plain", "plain to snapshots", "snapshots to plain"],
)
def test_a_move_by_rsync_loses_nothing_that_a_working_customer_was_told_is_kept(
    service: Service, kinds: dict[bool, list[str]], instance: InstanceFacts, *, source: bool, target: bool
) -> None:
    brought_to(service, instance, kinds, snapshots=source)
    before = moves.now_on(service, instance)
    sides = Sides(service, before.server_name, target_of(service, instance, kinds, snapshots=target))
    move, address = moves.plan(service, instance, sides.target), names.url(service, before)
    with Asked(address) as asked, Customer(service, before, sides.target) as customer:
        outcome = moves.run(service, move)
        customer.goes_on()
    check_moved(sides, instance, outcome, move.id)
    done = moves.facts(service, move)
    moves.check_stop(done, asked, address)
    sys.stdout.write(
        f"closed {done.stop_seconds} s, {done.evidence['files']['files']} files: {done.evidence['stop']}\n"
    )
    assert done.evidence["files"]["files"] > 10
    for where in (moves.now_on(service, instance), before):
        assert customer.missing_at(where) == []
    assert customer.looks > 5
    assert customer.served_by_both() == []
    assert customer.still_logged_in()


@pytest.mark.parametrize(
    "step",
    [
        pytest.param("copy_files", marks=pytest.mark.soak),
        pytest.param("close_source", marks=pytest.mark.soak),
        "hold_files",
        pytest.param("compare_files", marks=pytest.mark.soak),
        "record_switched",
    ],
)
def test_a_run_killed_after_a_step_of_the_files_is_undone_or_gone_on_with_by_the_next(
    service: Service, kinds: dict[bool, list[str]], instance: InstanceFacts, step: str
) -> None:
    sides = by_rsync(service, instance, kinds)
    before = moves.now_on(service, instance)
    move = moves.plan(service, instance, sides.target)
    with Customer(service, before, sides.target) as customer:
        assert moves.run(service, move, Fault(step, "after")).state == "Killed"
        assert moves.serving(service, instance) in ([], [moves.now_on(service, instance).server_name])
        check_moved(sides, instance, moves.run(service, move), move.id)
        customer.goes_on()
    assert customer.missing_at(moves.now_on(service, instance)) == []
    assert customer.served_by_both() == []


def test_servers_that_are_cut_off_from_each_other_while_the_last_files_come_lose_nothing(
    service: Service, kinds: dict[bool, list[str]], instance: InstanceFacts
) -> None:
    sides = by_rsync(service, instance, kinds)
    before = moves.now_on(service, instance)
    move, cut = moves.plan(service, instance, sides.target), (sides.target, sides.source)
    fault = Fault("hold_files", "before", kind="cut", seconds=CUT_SECONDS, at=cut[0], to=cut[1])
    with links.healed_at_last(cut), Customer(service, before, sides.target) as customer:
        outcome = moves.run(service, move, fault)
        for _ in range(RUNS_MOST):
            if outcome.completed:
                break
            assert moves.facts(service, move).state is MoveState.PLANNED  # undone, and tried again
            assert moves.serving(service, instance) == [sides.source]
            outcome = moves.run(service, move)
        check_moved(sides, instance, outcome, move.id)
        customer.goes_on()
    assert customer.missing_at(moves.now_on(service, instance)) == []
    assert customer.served_by_both() == []
