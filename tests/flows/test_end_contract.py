"""A contract ends at midnight, is called off or deleted, and nothing is left but a record that names nobody (P05, P41)."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import cases, instances, work
from hosting.policy.leaving import NOTHING
from hosting.policy.states import EndState, InstanceState, NameState, WorkState
from hosting.product.layout import InstanceLayout
from tests.service import endings, names
from tests.service.backups import LIVE, back_up, on, points_of
from tests.service.customer import site
from tests.service.plans import Fault

if TYPE_CHECKING:
    from hosting.policy.leaving import EndFacts
    from hosting.policy.values import InstanceFacts
    from tests.service.plans import Outcome
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.timeout(900)]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STEPS = (
    "read_end", "read_next", "call_off_moves", "is_to_be_closed", "ensure_ended_page", "ensure_nothing_runs",
    "prove_ended", "take_last_point", "release_names", "record_held_names", "read_names", "ensure_no_name_site",
    "ensure_name_out_of_zone", "prove_name_gone", "record_name_gone", "record_closed", "tell_customer_ended",
    "record_waiting",
)  # fmt: skip
DELETING = (
    "begin_deleting", "read_places", "list_before", "clear_places", "destroy_keys",
    "record_gone_with_servers", "check_all_clear", "ensure_not_answered_for", "record_backups_gone",
    "tell_customer_deleted", "erase_records", "record_waiting",
)  # fmt: skip

PARTS = 6
"""The long ones can be run on several servers side by side, and what a part has found is told at its end."""


def lived_in(service: Service, word: str) -> tuple[InstanceFacts, str]:
    """An instance with data, a backup, a name, and things beside it; its name's A-label."""
    made, name = service.provision(), names.own(service, word)
    on(service, LIVE, made, InstanceLayout.of(made).user, "0")
    assert back_up(service, made, "full").completed
    assert names.assign(service, made, name).completed
    return made, name


def answers(service: Service, instance: InstanceFacts) -> set[int]:
    one = site(service, instance)
    try:
        return {one.ask(path).status_code for path in ("", "config.php", "api.php", "webdav.php/", "storage/x")}
    finally:
        one.client.close()


def state(service: Service, instance: InstanceFacts) -> InstanceState:
    with service.inventory.reading() as session:
        return instances.instance_facts(session, instance.name).state


def check_closed(service: Service, instance: InstanceFacts, end: EndFacts, name: str) -> None:
    """Nobody is served at any door; the data and the backups are as they were."""
    assert answers(service, instance) == {410}
    assert state(service, instance) is InstanceState.CLOSED
    assert endings.again(service, end).state is EndState.ENDED
    layout = InstanceLayout.of(instance)
    assert service.on(f"ls {layout.storage}/user/1/files", instance.server_name).split()
    assert service.on(f"test -e {layout.cron_file} || echo none", instance.server_name) == "none\n"
    assert names.in_zone(name) == []
    assert names.last(service, name).state is NameState.GONE
    assert names.last(service, name).resting_until is not None


def check_nothing_left(service: Service, instance: InstanceFacts, end: EndFacts, name: str) -> None:
    """Servers, databases, store and zone know nothing of it; the inventory its signs, and nobody's name."""
    found = endings.again(service, end)
    assert (found.state, found.why, found.names) == (EndState.DELETED, "", ())
    assert state(service, instance) is InstanceState.ENDED
    assert endings.left_on_servers(service, instance.name) == {host: [] for host in service.hosts}
    assert endings.left_in_store(instance.name) == []
    assert endings.left_in_zone(name) == []
    order = instance.order_reference
    assert endings.left_in_inventory(service, instance.name, order, besides=endings.PSEUDONYMS) == []
    personal = (f"{order.lower()}@kunde.test", name)
    assert set(endings.left_in_inventory(service, *personal)) <= {"names.a_label", "names.as_ordered", "turns.name"}
    record = endings.record(service, end)
    places = {one.place for one in record}
    host = instance.server_name
    assert places >= {f"server {host}", f"database {host}", "zone", "store", "keys", "inventory"}
    assert {one.after for one in record} == {NOTHING}
    assert all(one.before.count for one in record if one.place != "zone"), record
    assert not [one for one in record if instance.name in str(one) or order in str(one)]
    with service.inventory.reading() as session:
        asked = work.work_of(session, work.END_CONTRACT, end.work_subject)
        assert asked is not None
        assert asked.state is WorkState.DONE
        assert not [one for one in cases.open_cases(session) if instance.name in one.subject]


def test_a_contract_ends_at_midnight_is_called_off_ends_again_and_nothing_is_left_of_it(service: Service) -> None:
    instance, name = lived_in(service, "anna")
    endings.put_aside(service, instance, instance.server_name)
    neighbour = service.provision()
    end = endings.notice(service, instance)
    midnight = end.effective_at
    assert endings.run(service, end, midnight - 40 * DAY).completed
    assert endings.run(service, end, midnight - 6 * DAY).completed
    before = len(points_of(service, instance))
    assert endings.run(service, end, midnight - HOUR / 2).completed
    assert len(points_of(service, instance)) == before + 1
    assert 410 not in answers(service, instance)
    closed = endings.run(service, end, midnight)
    assert closed.completed, closed
    assert "closed, deleted on" in closed.message
    check_closed(service, instance, end, name)
    assert len(points_of(service, instance)) == before + 1  # the one of the hour before is the last

    endings.call_off(service, end, midnight + DAY)
    opened = endings.run(service, end, midnight + DAY)
    assert opened.completed, opened
    assert state(service, instance) is InstanceState.ACTIVE
    assert 410 not in answers(service, instance)
    assert names.held(service, instance) == {name: "assigning"}
    assert names.assign(service, instance, name, at=(midnight + DAY).timestamp()).completed

    end = endings.notice(service, instance)
    assert endings.run(service, end, end.effective_at).completed
    kept_until = endings.again(service, end).delete_at
    kept = endings.run(service, end, kept_until - HOUR)
    assert kept.completed
    check_closed(service, instance, end, name)
    killed = endings.run(service, end, kept_until, Fault("clear_places", "after"))
    assert killed.state == "Killed", killed
    gone = endings.run(service, end, kept_until + HOUR)
    assert gone.completed, gone
    assert f"on record under contract {end.contract_id}" in gone.message
    check_nothing_left(service, instance, end, name)
    assert 410 not in answers(service, neighbour)
    again = endings.run(service, end, kept_until + DAY)
    assert again.completed, again
    assert "clear_places" not in again.tasks
    sys.stdout.write(
        f"closed in {closed.seconds:.1f} s, opened in {opened.seconds:.1f} s, deleted in {gone.seconds:.1f} s\n"
    )
    for one in endings.record(service, end):
        sys.stdout.write(
            f"  {one.place}: {one.before.count} things, {one.before.bytes} bytes, {one.before.sha256[:12]}\n"
        )


def test_a_run_killed_after_one_step_after_the_other_comes_to_the_end_all_the_same(service: Service) -> None:
    """Each run gets one step further than the one before, and finds what that left."""
    instance, name = lived_in(service, "kata")
    end = endings.notice(service, instance)
    for step in ("ensure_ended_page", "prove_ended", "take_last_point", "release_names", "record_name_gone"):
        killed = endings.run(service, end, end.effective_at, Fault(step, "after"))
        assert killed.state == "Killed", (step, killed)
        assert answers(service, instance) == {410}
    killed = endings.run(service, end, end.effective_at, Fault("record_closed", "after"))
    assert killed.state == "Killed", killed
    assert endings.run(service, end, end.effective_at + HOUR).completed
    check_closed(service, instance, end, name)
    at = endings.again(service, end).delete_at
    for step in DELETING[:-1]:
        killed = endings.run(service, end, at, Fault(step, "after"))
        assert killed.state == "Killed", (step, killed)
    assert endings.run(service, end, at + HOUR).completed
    check_nothing_left(service, instance, end, name)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("moment", ["before", "command", "after"])
def test_an_end_killed_at_any_step_is_gone_on_with_by_the_next_run(service: Service, moment: str, part: int) -> None:
    instance, name = lived_in(service, f"zita-{moment}-{part}")
    times = 0
    for step in STEPS[part::PARTS]:
        end = endings.notice(service, instance)
        at = end.effective_at
        killed = endings.run(service, end, at, Fault(step, moment))  # type: ignore[arg-type]  # one of the three
        assert killed.state == "Killed" or moment == "command", (step, killed)
        times += killed.state == "Killed"
        assert endings.run(service, end, at + HOUR).completed, step
        check_closed(service, instance, end, name)
        endings.call_off(service, end, at + DAY)
        assert endings.run(service, end, at + DAY).completed, step
        assert names.assign(service, instance, name, at=(at + DAY).timestamp()).completed
        told(moment, step, killed)
    sys.stdout.write(f"killed and gone on with {times} times ({moment} a step)\n")


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("moment", ["before", "command", "after"])
def test_a_deletion_killed_at_any_step_is_gone_on_with_by_the_next_run(
    service: Service, moment: str, part: int
) -> None:
    times = 0
    for step in DELETING[part::PARTS]:
        instance, name = lived_in(service, f"weg-{step.replace('_', '-')[:20]}-{moment}")
        end = endings.notice(service, instance)
        assert endings.run(service, end, end.effective_at).completed
        at = endings.again(service, end).delete_at
        killed = endings.run(service, end, at, Fault(step, moment))  # type: ignore[arg-type]  # likewise
        assert killed.state == "Killed" or moment == "command", (step, killed)
        times += killed.state == "Killed"
        assert endings.run(service, end, at + HOUR).completed, step
        check_nothing_left(service, instance, end, name)
        told(moment, step, killed)
    sys.stdout.write(f"killed and gone on with {times} times ({moment} a step)\n")


def told(moment: str, step: str, killed: Outcome) -> None:
    """How far a long one has come."""
    sys.stdout.write(f"{moment} {step}: {killed.state}, gone on with\n")
    sys.stdout.flush()


def test_a_server_that_is_silent_owes_the_deletion_and_does_it_later(service: Service) -> None:
    instance = service.provision()
    assert back_up(service, instance, "full").completed
    end = endings.notice(service, instance)
    assert endings.run(service, end, end.effective_at).completed
    at = endings.again(service, end).delete_at
    with service.broken("systemctl stop mariadb", "systemctl start mariadb"):
        owed = endings.run(service, end, at)
        assert (owed.state, "not all is deleted yet" in owed.message) == ("Owed", True), owed
        assert endings.left_in_store(instance.name) == []
        later = endings.run(service, end, at + 4 * DAY)
        assert later.state == "Owed", later
        with service.inventory.reading() as session:
            told = [one.kind for one in cases.open_cases(session) if one.subject == f"instance:{instance.name}"]
        assert told == ["not cleared"]
    assert endings.run(service, end, at + 5 * DAY).completed
    found = endings.again(service, end)
    assert found.state is EndState.DELETED
    assert endings.left_on_servers(service, instance.name) == {host: [] for host in service.hosts}
