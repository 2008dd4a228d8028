"""Recovery points brought back on trial on real servers: what holds passes, what does not is found, nothing is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hosting.inventory import cases, rehearsals
from hosting.inventory.cases import REHEARSAL_FAILED
from hosting.policy.states import GenerationState
from hosting.policy.values import RehearsalOutcome
from tasks.cases import tell_open_cases
from tests.service.copies import damage, generation_of, left_of_copies, points_of, run, with_point
from tests.service.plans import Fault

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts, RehearsalFacts
    from tests.service.mailbox_data import Mailbox
    from tests.service.plans import Outcome
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.timeout(900)]

ONE = "rehearse_restore.rehearse_restore"
NIGHT = "rehearse_restore.rehearse_restores"
NIGHTS_MOST = 30


@pytest.fixture(scope="module")
def mailbox(service: Service) -> Mailbox:
    made = with_point(service)
    service.all_servers()
    return made


def last_rehearsal(service: Service, instance: InstanceFacts) -> RehearsalFacts:
    with service.inventory.reading() as session:
        return rehearsals.rehearsals_of(session, instance.name)[-1]


def failed_cases(service: Service, instance: InstanceFacts) -> list[bool]:
    """Whether each case about a failed rehearsal is settled."""
    with service.inventory.reading() as session:
        found = cases.cases_of(session, f"instance:{instance.name}")
    return [case.settled_at is not None for case in found if case.kind == REHEARSAL_FAILED]


def test_a_point_is_proven_on_another_server_and_leaves_nothing_there(service: Service, mailbox: Mailbox) -> None:
    outcome = run(service, ONE, instance=mailbox.instance.name, operator="tester", reason="test")
    assert outcome.completed, outcome
    proof = last_rehearsal(service, mailbox.instance)
    assert proof.server_name != mailbox.instance.server_name
    assert proof.evidence["mail"]["same"]
    assert proof.evidence["file"]["same"]
    assert proof.evidence["compared"]["tables"] >= 56
    assert {"bring back and compare", "open", "login", "mail", "file", "remove"} == set(proof.evidence["seconds"])
    assert points_of(service, mailbox.instance)[-1].proven_at == proof.ended_at
    assert all(left_of_copies(service, host) == "" for host in service.hosts)


def test_where_no_other_server_may_take_it_its_own_serves(service: Service, mailbox: Mailbox) -> None:
    own = mailbox.instance.server_name
    service.only_server(own)
    outcome = run(service, ONE, instance=mailbox.instance.name)
    service.all_servers()
    assert outcome.completed, outcome
    assert last_rehearsal(service, mailbox.instance).server_name == own
    assert left_of_copies(service, own) == ""
    site = f"https://{service.server(own).host_name}/{mailbox.instance.name}/api.php"
    assert service.on(f"curl -sko /dev/null -w '%{{http_code}}' {site}", own) == "401"


def test_an_instance_without_users_says_so_in_its_evidence(service: Service, mailbox: Mailbox) -> None:
    empty = with_point(service, users=())
    service.all_servers()
    outcome = run(service, ONE, instance=empty.instance.name)
    assert outcome.completed, outcome
    assert last_rehearsal(service, empty.instance).evidence["user"] == "the instance has no users"


def nights_until_tried(service: Service, *wanted: InstanceFacts) -> list[Outcome]:
    """Nights until these had their turn: others of the session may be waiting too, and each night takes a few."""
    outcomes: list[Outcome] = []
    while len(outcomes) < NIGHTS_MOST:
        outcomes.append(run(service, NIGHT))
        with service.inventory.reading() as session:
            if all(rehearsals.rehearsals_of(session, one.name) for one in wanted):
                break
    return outcomes


def test_a_damaged_object_in_the_store_is_found_and_keeps_no_other_from_its_proof(
    service: Service, mailbox: Mailbox
) -> None:
    bad, good = with_point(service, users=("dora",)), with_point(service, users=("emil",), files=0)
    service.all_servers()
    damage(points_of(service, bad.instance)[-1])
    outcomes = nights_until_tried(service, bad.instance, good.instance)
    found, proof = last_rehearsal(service, bad.instance), last_rehearsal(service, good.instance)
    assert "NotProven" in {one.error for one in outcomes}
    assert any(f"{bad.instance.name} (failed)" in one.message for one in outcomes)
    assert (found.outcome, proof.outcome) == (RehearsalOutcome.FAILED, RehearsalOutcome.PASSED)
    assert "ciphertext verification failed" in found.evidence["finding"]
    assert proof.evidence["mail"]["same"]
    assert proof.evidence["file"] == "the user has none"
    assert points_of(service, bad.instance)[-1].damaged
    assert generation_of(service, bad.instance).state is GenerationState.DAMAGED
    assert all(left_of_copies(service, host) == "" for host in service.hosts)
    assert failed_cases(service, bad.instance) == [False]
    tell_open_cases()
    told = [mail for mail in service.fleet.mails() if bad.instance.name in mail.text and "does not hold" in mail.text]
    assert len(told) == 1


def test_what_the_surroundings_kept_from_its_end_says_nothing_about_the_point(
    service: Service, mailbox: Mailbox
) -> None:
    before = points_of(service, mailbox.instance)[-1]
    for host in service.hosts:
        service.on("systemctl stop mariadb", host)
    try:
        outcome = run(service, ONE, instance=mailbox.instance.name)
    finally:
        for host in service.hosts:
            service.on("systemctl start mariadb", host)
    assert outcome.error == "NotProven", outcome
    assert last_rehearsal(service, mailbox.instance).outcome is RehearsalOutcome.BROKEN_OFF
    after = points_of(service, mailbox.instance)[-1]
    assert (after.damaged, after.proven_at) == (False, before.proven_at)
    assert failed_cases(service, mailbox.instance) == []
    assert run(service, ONE, instance=mailbox.instance.name).completed
    assert all(left_of_copies(service, host) == "" for host in service.hosts)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_rehearsal_killed_after_any_step_leaves_nothing_once_the_next_has_passed(
    service: Service, mailbox: Mailbox
) -> None:
    name, found = mailbox.instance.name, ""
    undisturbed = run(service, ONE, instance=name)
    steps = list(dict.fromkeys(undisturbed.tasks))
    assert len(steps) > 18, steps
    for step in steps:
        killed = run(service, ONE, Fault(step, "after"), instance=name)
        again = run(service, ONE, instance=name)
        left = "".join(left_of_copies(service, host) for host in service.hosts)
        if killed.state != "Killed" or not again.completed or left:
            found += f"\n{step}: {killed.state} {killed.message}, then {again.state} {again.message}; left {left}"
    assert found == ""
