"""An instance moves while its customer works: nothing acknowledged is missing, one side serves, the old address lives."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine
from sqlalchemy import select

from hosting.errors import DriftFound
from hosting.inventory import leases, letters, move_moments, work
from hosting.inventory.models import Instance, Work
from hosting.inventory.models import Move as MoveRow
from hosting.inventory.move_paces import COPIED
from hosting.inventory.moves import COMPARED, DIFFERS, moves_of
from hosting.policy.states import MoveState, WorkState
from hosting.policy.terms import STANDARD
from tasks.move_records import read_kept_too_long, read_move, record_retired
from tasks.move_sides import clear_target, retire_source
from tests.service import moves, names
from tests.service.at_the_console import Operator
from tests.service.customer import site
from tests.service.doors import Door, doors
from tests.service.mailbox_data import fill
from tests.service.moves import Customer, Sides, check_moved, check_one_serves, made_large, made_small, other
from tests.service.names import Asked
from tests.service.plans import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.inventory.moves import MoveFacts
    from hosting.policy.values import InstanceFacts
    from tasks.move_records import Move
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]


AHEAD = timedelta(seconds=30)
"""So much before the time that was agreed on does the copying begin."""


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


@pytest.mark.timeout(900)
@pytest.mark.parametrize("way", ["replication", "dump", "large"])
def test_a_move_loses_nothing_that_a_working_customer_was_told_is_kept(
    service: Service, sides: Sides, instance: InstanceFacts, way: str
) -> None:
    before = moves.now_on(service, instance)
    target = other(sides, instance)
    if way == "large":
        made_large(service, instance)
    move = moves.plan(service, instance, target, AHEAD if way == "large" else timedelta(0))
    busy = moves.another_taken_in(service, target) if way == "dump" else contextlib.nullcontext()
    address = names.url(service, before)
    with busy, Asked(address) as asked, Customer(service, before, target) as customer:
        outcome = moves.run(service, move)
        customer.goes_on()
    check_moved(sides, instance, outcome, move.id)
    done = moves.facts(service, move)
    assert done.evidence["method"] == ("dump" if way == "dump" else "replication")
    assert done.evidence["database"]["tables"] > 50
    assert way == "dump" or done.evidence["database_live"]["tables"] > 50
    assert done.evidence["files"]["files"] > 10
    moves.check_stop(done, asked, address)
    assert done.switched_at is not None
    assert done.switched_at - timedelta(seconds=sum(done.evidence["stop"].values())) >= done.due_at
    seen = f"{asked.longest(address):.2f} s as seen by another, the customer waited {customer.longest:.2f} s"
    sys.stdout.write(f"{way}: closed {done.stop_seconds} s, {seen}\n")
    assert len(customer.kept) > 5
    for address in (moves.now_on(service, instance), before):
        assert customer.missing_at(address) == []
    assert min(customer.looks, customer.doors.looks) > 5
    assert customer.served_by_both() == []
    assert customer.still_logged_in()
    with service.inventory.reading() as session:
        assert letters.letter_sent(session, f"moved:{move.id}")


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "step",
    [
        "follow_database",
        "compare_live",
        "close_source",
        "compare_files",
        "drain",
        "record_switched",
        "open_target",
        "ensure_way_closed",
    ],
)
def test_a_run_killed_after_a_step_is_undone_or_gone_on_with_by_the_next(
    service: Service, sides: Sides, instance: InstanceFacts, step: str
) -> None:
    move = moves.plan(service, instance, other(sides, instance))
    killed = moves.run(service, move, Fault(step, "after"))
    assert killed.state == "Killed", killed
    check_one_serves(service, instance, move)
    check_moved(sides, instance, moves.run(service, move), move.id)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("found", ["while the customer works", "in the stop"])
def test_a_database_that_differs_leaves_the_source_open_and_the_target_empty(
    service: Service, sides: Sides, instance: InstanceFacts, found: str
) -> None:
    source, target = moves.now_on(service, instance).server_name, other(sides, instance)
    move = moves.plan(service, instance, target)
    made_small(service, instance)
    dumped = moves.another_taken_in(service, target) if found == "in the stop" else contextlib.nullcontext()
    with moves.table_that_differs(service, instance), dumped:
        outcome = moves.run(service, move)
    assert outcome.error == "NotTheSame", outcome
    assert ("close_source" in outcome.tasks) is (found == "in the stop")
    assert moves.facts(service, move).state is MoveState.CALLED_OFF
    assert moves.now_on(service, instance).server_name == source
    assert moves.serving(service, instance) == [source]
    assert moves.leftovers(service, instance, source) == moves.leftovers(service, instance, target) == []
    assert site(service, moves.now_on(service, instance)).ask("api.php").status_code == 401


@pytest.mark.timeout(900)
def test_who_is_given_up_while_he_waits_for_his_moment_is_undone_at_once(
    service: Service, sides: Sides, instance: InstanceFacts
) -> None:
    source, target = moves.now_on(service, instance).server_name, other(sides, instance)
    move = moves.plan(service, instance, target, timedelta(hours=2))

    def give_up() -> None:
        for _ in range(300):
            if COPIED in moves.facts(service, move).evidence:
                break
            time.sleep(1)
        with service.inventory.writing() as session:
            move_moments.give_up(session, instance.name, "not wanted.", by="test", now=datetime.now(UTC))

    giving_up = threading.Thread(target=give_up)
    giving_up.start()
    try:
        outcome = moves.run(service, move)
    finally:
        giving_up.join()
    assert outcome.error == "MoveGivenUp", outcome
    after = moves.facts(service, move)
    assert (after.state, after.finding) == (MoveState.CALLED_OFF, "It was given up: not wanted. Nothing of it is left.")
    assert "close_source" not in outcome.tasks
    assert moves.serving(service, instance) == [source]
    assert moves.leftovers(service, instance, source) == moves.leftovers(service, instance, target) == []
    assert site(service, moves.now_on(service, instance)).ask("api.php").status_code == 401


@pytest.mark.timeout(900)
def test_a_cut_between_both_servers_is_waited_for(service: Service, sides: Sides, instance: InstanceFacts) -> None:
    source, target = moves.now_on(service, instance).server_name, other(sides, instance)
    address = service.server(source).address
    service.on(f"ip route add blackhole {address}", target)
    healing = threading.Timer(20, service.on, (f"ip route del blackhole {address}", target))
    healing.start()
    move = moves.plan(service, instance, target)
    try:
        outcome = moves.run(service, move)
    finally:
        healing.join()
    check_moved(sides, instance, outcome if outcome.completed else moves.run(service, move), move.id)


@pytest.mark.timeout(900)
def test_a_source_that_dies_at_the_switch_keeps_nobody_from_the_target(
    service: Service, sides: Sides, instance: InstanceFacts
) -> None:
    source, target = moves.now_on(service, instance).server_name, other(sides, instance)
    move = moves.plan(service, instance, target)
    assert moves.run(service, move, Fault("record_switched", "after")).state == "Killed"
    service.fleet.cut(source)
    try:
        outcome = moves.run(service, move)
        assert outcome.error == "Unreachable", outcome
        assert site(service, moves.now_on(service, instance)).ask("api.php").status_code == 401
    finally:
        service.fleet.heal(source)
    check_moved(sides, instance, moves.run(service, move), move.id)


@pytest.mark.timeout(900)
def test_a_name_goes_with_its_instance_and_who_still_comes_to_the_source_is_passed_on(
    service: Service, sides: Sides, instance: InstanceFacts
) -> None:
    source, target = moves.now_on(service, instance).server_name, other(sides, instance)
    name = names.own(service, "mitzug")
    address, doors = f"{name}.phlymail.test", [service.server(host) for host in (source, target)]
    assert names.assign(service, instance, name).completed
    move = moves.plan(service, instance, target)
    with Asked(f"https://{address}/") as asked:
        check_moved(sides, instance, moves.run(service, move), move.id)
    moves.check_stop(moves.facts(service, move), asked, f"https://{address}/")
    assert set(asked.failures(f"https://{address}/")) <= {"503"}  # closed with the long form, never led astray
    assert names.in_zone(name) == [f"CNAME {service.server(target).host_name}"]
    assert moves.facts(service, move).evidence["proof"]["names"] == [f"https://{address}/"]
    assert [names.answer(address, door.address).status_code for door in doors] == [200, 200]
    assert names.release(service, instance, name).completed
    assert [names.answer(address, door.address).status_code for door in doors] == [421, 421]
    assert names.files(service, source) == names.files(service, target) == []


@contextlib.contextmanager
def older_inventory(service: Service, move: MoveFacts, state: MoveState) -> Iterator[None]:
    """While this lasts the inventory is as one that a backup gave back: the move has not come to its switch there."""

    def put(server: str, to: MoveState, switched: datetime | None, ended: datetime | None) -> None:
        with service.inventory.writing() as session:
            session.get_one(Instance, move.instance_name).server_name = server
            row = session.get_one(MoveRow, move.id)
            row.state, row.switched_at, row.ended_at = to, switched, ended

    put(move.source_name, state, None, None)
    try:
        yield
    finally:
        put(move.target_name, move.state, move.switched_at, move.ended_at)


@pytest.mark.timeout(900)
def test_an_inventory_that_is_older_than_a_switch_takes_nothing_away_from_who_serves(
    service: Service, sides: Sides, instance: InstanceFacts
) -> None:
    move = moves.plan(service, instance, other(sides, instance))
    check_moved(sides, instance, moves.run(service, move), move.id)
    done, here = moves.facts(service, move), moves.now_on(service, instance)
    said = f"{done.source_name} passes requests for {instance.name} on to {service.server(done.target_name).host_name}"
    for state in (MoveState.PLANNED, MoveState.COPYING):
        with older_inventory(service, done, state):
            outcome = moves.run(service, move)
            assert (outcome.error, said in outcome.message) == ("DriftFound", True), outcome
            assert "reopen_source" not in outcome.tasks
    with older_inventory(service, done, MoveState.COPYING), pytest.raises(DriftFound, match="which was to move there"):
        clear_target.fn(read_move.fn(move.id))
    there = read_move.fn(move.id)
    with pytest.raises(DriftFound, match="which has left it"):
        retire_source.fn(replace(there, source=there.target))
    assert doors(service, here) == {done.target_name: Door.SERVES, done.source_name: Door.PASSES_ON}
    assert site(service, here).log_in(service.secret(instance, "root_admin")).status_code == 302


def last_move(service: Service, sides: Sides, instance: InstanceFacts) -> MoveFacts:
    """The move that brought the instance where it is; made, where there is none yet."""
    with service.inventory.reading() as session:
        done = [move for move in moves_of(session, instance.name) if move.state is MoveState.DONE]
    if done:
        return done[-1]
    move = moves.plan(service, instance, other(sides, instance))
    check_moved(sides, instance, moves.run(service, move), move.id)
    return moves.facts(service, move)


def put_before_switch(service: Service, move: MoveFacts) -> None:
    """The inventory as a backup gives it back that was made while the move copied: for good, and nobody works on it."""
    with service.inventory.writing() as session:
        session.get_one(Instance, move.instance_name).server_name = move.source_name
        row = session.get_one(MoveRow, move.id)
        row.state, row.evidence, row.finding = MoveState.COPYING, {}, ""
        row.closed_at = row.switched_at = row.ended_at = None
        asked = session.scalars(select(Work).where(Work.kind == work.MOVE, Work.subject == str(move.id))).one()
        asked.state = WorkState.DISPATCHED
        leases.forget(session, move.instance_name)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "killed", [pytest.param("", id="done"), pytest.param("ensure_homes_pass_on", id="killed", marks=pytest.mark.soak)]
)
def test_an_inventory_that_is_older_than_a_switch_is_told_where_its_instance_is_and_a_run_does_the_rest(
    service: Service, sides: Sides, instance: InstanceFacts, killed: str
) -> None:
    if killed:  # the target still holds what it had at the switch
        made_large(service, instance)
        move = moves.plan(service, instance, other(sides, instance))
        assert moves.run(service, move, Fault(killed, "after")).state == "Killed"
    else:
        move = last_move(service, sides, instance)
    put_before_switch(service, move)
    operator = Operator(service.home)
    verb = ("move", "found-switched", instance.name, "--reason", "control machine lost")
    shown = operator.phm(*verb)
    assert f"{instance.name} is on {move.target_name}; the inventory has it on {move.source_name}." in shown
    assert f"passes on to {service.server(move.target_name).host_name}" in shown
    assert moves.now_on(service, instance).server_name == move.source_name
    assert moves.facts(service, move).state is MoveState.COPYING
    operator.phm(*verb, "--yes")
    assert moves.facts(service, move).state is MoveState.SWITCHED
    with service.inventory.reading() as session:
        assert str(move.id) in [one.subject for one in work.due_work(session, datetime.now(UTC))]
    gone_on = moves.run(service, move)
    assert gone_on.completed, gone_on
    if killed:
        check_moved(sides, instance, gone_on, move.id)  # with what the target held compared
    after, here = moves.facts(service, move), moves.now_on(service, instance)
    assert after.state is MoveState.DONE
    assert {COMPARED, DIFFERS} & set(after.evidence) == {COMPARED if killed else DIFFERS}
    assert doors(service, here) == {move.target_name: Door.SERVES, move.source_name: Door.PASSES_ON}
    assert site(service, here).log_in(service.secret(instance, "root_admin")).status_code == 302
    assert "There is nothing to record." in operator.phm(*verb, "--yes", fails=True)
    with service.inventory.reading() as session:
        assert letters.letter_sent(session, f"moved:{move.id}") is not bool(killed)  # none by a switch that was found


def kept_too_long(days: int) -> list[Move]:
    """What may go when so many days are over."""
    with time_machine.travel(datetime.now(UTC) + timedelta(days=days)):
        return read_kept_too_long.fn()


def test_what_was_kept_on_the_source_goes_after_its_days_and_the_old_address_goes_on_working(
    service: Service, sides: Sides, instance: InstanceFacts
) -> None:
    if not [move for move in kept_too_long(STANDARD.moved_kept_days) if move.name == instance.name]:
        move = moves.plan(service, instance, other(sides, instance))
        check_moved(sides, instance, moves.run(service, move), move.id)
    assert kept_too_long(0) == []
    [kept] = [move for move in kept_too_long(STANDARD.moved_kept_days) if move.name == instance.name]
    source = kept.source.name
    assert service.on(f"ls -d /srv/instances/{instance.name}", source)
    retire_source.fn(kept)
    record_retired.fn(kept)
    left = f"ls -d /srv/*/{instance.name}* /etc/php/8.2/fpm/pool.d/phm-{instance.name}.conf 2>/dev/null || :"
    assert service.on(left, source) == ""
    assert service.on(f"mariadb -NBe 'SHOW DATABASES' | grep {instance.name} || :", source) == ""
    assert moves.site_of(service, instance, source).startswith(f"# Instance {instance.name} has moved to")
    there = replace(moves.now_on(service, instance), server_name=kept.source.name)
    assert site(service, there).ask("api.php").status_code == 401
    assert [move for move in kept_too_long(STANDARD.moved_kept_days) if move.name == instance.name] == []
