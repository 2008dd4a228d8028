"""A release comes to instances: closed for seconds, the one it breaks back as it was, nothing lost (P17)."""

from __future__ import annotations

import os
import statistics
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from flows.update_application import bring_to_release, clear, go_back, prepare
from hosting.inventory import recovery_points, roll_outs
from hosting.inventory.cases import NOT_DONE
from hosting.inventory.roll_outs import HALTED
from hosting.policy.roll_outs import RollOutState, UpdateState
from hosting.product.layout import InstanceLayout
from tests.service import backups, updates
from tests.service.customer import site
from tests.service.flow_steps import calls_of, steps_of
from tests.service.plans import Fault
from tests.service.prober import probed
from tests.service.updates import Asking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.inventory.roll_out_rows import RollOutFacts
    from hosting.policy.values import InstanceFacts, ReleaseFacts
    from tests.service.plans import Outcome
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

WAITING, DONE, FAILED, SKIPPED = UpdateState.WAITING, UpdateState.DONE, UpdateState.FAILED, UpdateState.SKIPPED
AIM_SECONDS = 5.0
EACH = int(os.environ.get("PHM_TEST_INSTANCES", "10"))
"""Instances on each of two servers in the long test."""

ROUNDS_MOST = 6
"""As often a roll-out is gone on with: each ring takes one round, and what did not answer another one."""

COMMANDS_MOST = 12
"""Proofs ask forty pages: of what sends more than so many, a run is killed at the first, the last, and one between."""

WAY = steps_of(bring_to_release)
WAY_BACK = calls_of(prepare, go_back, clear)[len(calls_of(prepare)) :]
"""The steps of an update, and the calls of those that lead back from one; the flow itself tells which."""


@pytest.fixture(scope="module")
def later(service: Service) -> ReleaseFacts:
    """A release that adds a column, a key and a table, and changes rows."""
    return updates.release(service, "40472")


@pytest.fixture(autouse=True)
def _ends(service: Service) -> Iterator[None]:
    """A test that fails leaves no roll-out that would keep the next one from its own."""
    yield
    with service.inventory.reading() as session:
        left = roll_outs.open_roll_out(session)
    if left is not None:
        updates.end(service, left)


def on_server(service: Service, host: str, number: int) -> list[InstanceFacts]:
    """So many new instances on one server."""
    service.only_server(host)
    made = [service.provision() for _ in range(number)]
    service.all_servers()
    return made


def states(service: Service, roll_out: RollOutFacts, *names: str) -> list[UpdateState]:
    """How far these are."""
    found = updates.of(service, roll_out)
    return [found[name].state for name in names]


def tell_outages(service: Service, roll_out: RollOutFacts) -> list[float]:
    """For how long each was closed that was; printed, too."""
    found = updates.of(service, roll_out).values()
    outages = sorted(one.outage_seconds for one in found if one.outage_seconds is not None)
    sys.stdout.write(
        f"{len(outages)} instances closed: {statistics.median(outages):.2f} s in the median, {outages[-1]:.2f} s at most\n"
    )
    return outages


def run_through(service: Service, roll_out: RollOutFacts) -> None:
    """Runs of it wherever it has something to do, as the clock asks for them; what did not answer is tried again."""
    for _ in range(ROUNDS_MOST):
        with service.inventory.writing() as session:
            going = roll_outs.go_on(session, roll_out.id, datetime.now(UTC))
        for host in going.servers:
            assert updates.run(service, roll_out, host).completed
        if not going.servers:
            return


@pytest.fixture(scope="module")
def pair(service: Service) -> tuple[InstanceFacts, InstanceFacts]:
    """Two instances on one server."""
    return service.provision(), service.provision()


@pytest.mark.timeout(300)
def test_one_has_the_new_release_and_the_one_it_breaks_is_back_as_it_was(
    service: Service, pair: tuple[InstanceFacts, InstanceFacts], later: ReleaseFacts
) -> None:
    well, broken = pair
    salt, server = service.salt(well), well.server_name
    updates.run_cron(service, broken)
    updates.add_user(service, broken, "unshown")  # the migration comes through, and the front end shows nothing
    before = updates.state_of(service, broken)
    roll_out = updates.begin(service, later, well.name, broken.name, canaries=(well.name,))
    with Asking(site(service, well).ask) as asking, Asking(site(service, broken).ask) as other:
        outcome = updates.run(service, roll_out, server)  # the canary, then the rest
    assert outcome.completed, outcome
    found = updates.of(service, roll_out)
    assert found[well.name].state is UpdateState.DONE, found[well.name].finding
    assert found[broken.name].state is UpdateState.FAILED, found[broken.name].finding
    assert "answers 500" in found[broken.name].finding
    assert updates.facts(service, roll_out).state is RollOutState.DONE  # one failure is borne
    assert updates.now_on(service, well).release.id == later.id
    assert updates.now_on(service, broken).release.id == broken.release.id
    assert updates.state_of(service, broken) == before
    assert "standin_note" in updates.columns_of(service, well)
    assert service.salt(well) == salt
    assert site(service, well).log_in(service.secret(well, "root_admin")).status_code == 302
    for one, asked in ((well, asking), (broken, other)):
        assert updates.leftovers(service, one) == []
        outage = found[one.name].outage_seconds
        sys.stdout.write(f"{one.name}: closed {outage} s, by another probe {asked.outage} s\n")
        assert outage is not None
        assert asked.statuses <= {401, 503}
        assert abs(outage - asked.outage) < max(1.0, 2 * asked.late_seconds)
        assert outage < AIM_SECONDS
    with service.inventory.reading() as session:
        point = found[well.name].evidence["point"]
        assert recovery_points.point(session, point).release_id == well.release.id


@pytest.mark.timeout(420)
def test_a_ring_that_fails_halts_by_itself_and_operators_resume_skip_and_abort(
    service: Service, later: ReleaseFacts
) -> None:
    first, last = service.hosts[:2]
    canary, second = on_server(service, first, 2)
    broken, untouched, left = on_server(service, last, 3)
    updates.add_user(service, broken, "breaks")
    before = updates.state_of(service, untouched)
    names = [one.name for one in (canary, second, broken, untouched, left)]
    roll_out = updates.begin(service, later, *names, canaries=(canary.name,), failures_most=0, parallel=1)
    with Asking(site(service, canary).ask) as asking:
        for host in (first, last):
            assert updates.run(service, roll_out, host).completed
    assert updates.facts(service, roll_out).state is RollOutState.HALTED
    assert states(service, roll_out, *names) == [DONE, DONE, FAILED, WAITING, WAITING]
    assert updates.run(service, roll_out, last).completed  # nothing is begun any more
    assert updates.state_of(service, untouched) == before

    with service.inventory.writing() as session:
        at = datetime.now(UTC)
        roll_outs.skip(session, roll_out.id, left.name, "its customer asked", by="test", now=at)
        roll_outs.resume(session, roll_out.id, "known", "test", at)
    assert updates.run(service, roll_out, last).completed
    assert states(service, roll_out, *names) == [DONE, DONE, FAILED, DONE, SKIPPED]
    assert updates.facts(service, roll_out).state is RollOutState.DONE
    outages = tell_outages(service, roll_out)
    sys.stdout.write(f"the canary by another probe: {asking.outage} s\n")
    assert len(outages) == 3
    assert asking.statuses <= {401, 503}

    withdrawn = updates.begin(service, later, broken.name, left.name)
    with service.inventory.writing() as session:
        roll_outs.abort(session, withdrawn.id, "withdrawn", "test", datetime.now(UTC))
    assert updates.run(service, withdrawn, last).completed
    assert states(service, withdrawn, broken.name, left.name) == [SKIPPED, SKIPPED]
    assert {updates.now_on(service, one).release.id for one in (broken, left)} == {left.release.id}
    assert [updates.leftovers(service, one) for one in (canary, second, broken, untouched, left)] == [[]] * 5


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_canary_that_answers_errors_once_it_is_through_halts_all_others(
    service: Service, later: ReleaseFacts
) -> None:
    (canary,), (other,) = on_server(service, service.hosts[0], 1), on_server(service, service.hosts[1], 1)
    page = f"{InstanceLayout.of(updates.now_on(service, canary)).current}/api.php"
    roll_out = updates.begin(service, later, canary.name, other.name, canaries=(canary.name,))
    with probed(service) as prober:
        prober.seen(canary.name, datetime.now(UTC), "up")
        assert updates.run(service, roll_out, canary.server_name).completed
        assert states(service, roll_out, canary.name, other.name) == [DONE, WAITING]
        at = datetime.now(UTC)
        service.on(f"rm {page}", canary.server_name)  # as its release may do to it later
        prober.until(lambda: sum(one.probes for one in prober.spans(canary.name, at) if one.answer == "broken") > 2)
        assert updates.run(service, roll_out, other.server_name).completed
    assert states(service, roll_out, canary.name, other.name) == [DONE, WAITING]
    assert updates.facts(service, roll_out).state is RollOutState.HALTED
    assert "of the probes of ring 0 fail since its update, 0 % did before" in updates.facts(service, roll_out).finding
    updates.end(service, roll_out)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_what_the_trial_finds_never_closes_the_instance(service: Service, later: ReleaseFacts) -> None:
    instance = service.provision()
    before_it = updates.begin(service, updates.release(service, "40471"), instance.name)
    assert updates.run(service, before_it, instance.server_name).completed  # PHP has kept the trial of another release
    assert states(service, before_it, instance.name) == [DONE]
    updates.run_cron(service, instance)
    updates.add_user(service, instance, "breaks")
    before = updates.state_of(service, instance)
    roll_out = updates.begin(service, later, instance.name)
    with Asking(site(service, instance).ask) as asking:
        assert updates.run(service, roll_out, instance.server_name).completed
    found = updates.of(service, roll_out)[instance.name]
    assert found.state is UpdateState.FAILED
    assert "The migration" in found.finding
    assert (found.outage_seconds, asking.statuses) == (None, {401})
    assert updates.state_of(service, instance) == before
    assert updates.leftovers(service, instance) == []
    assert updates.facts(service, roll_out).state is RollOutState.HALTED
    updates.end(service, roll_out)


@pytest.fixture(scope="module")
def undisturbed(service: Service, later: ReleaseFacts) -> Outcome:
    """An update that nothing happened to; tells how many commands each step sends."""
    instance = service.provision()
    outcome = updates.run(service, updates.begin(service, later, instance.name), instance.server_name)
    assert outcome.completed, outcome
    assert set(WAY) <= set(outcome.tasks)
    return outcome


def check_gone_on_with(service: Service, later: ReleaseFacts, fault: Fault) -> None:
    """An instance whose run is killed so has the new release after the next one, and everything that it had."""
    instance = service.provision()
    updates.add_user(service, instance, "anna")
    updates.add_file(service, instance, "letter.txt")
    before = updates.data_of(service, instance)
    roll_out = updates.begin(service, later, instance.name)
    killed = updates.run(service, roll_out, instance.server_name, fault)
    assert killed.state == "Killed", (fault, killed)
    again = updates.run(service, roll_out, instance.server_name)
    assert again.completed, (fault, again)
    assert updates.of(service, roll_out)[instance.name].state is UpdateState.DONE, fault
    assert updates.now_on(service, instance).release.id == later.id
    assert updates.data_of(service, instance) == before, fault
    assert "kept for anna" in updates.notes_of(service, instance)
    assert updates.leftovers(service, instance) == [], fault
    assert site(service, instance).ask("api.php").status_code == 401
    assert updates.facts(service, roll_out).state is RollOutState.DONE


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("step", "call"), [("record_stopped", 0), *calls_of(bring_to_release)])
def test_a_run_killed_after_any_step_is_gone_on_with_or_gone_back_from_by_the_next(
    service: Service, later: ReleaseFacts, step: str, call: int
) -> None:
    check_gone_on_with(service, later, Fault(step, "after", call=call) if call else Fault(step, "before"))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("step", WAY)
def test_a_run_killed_within_any_step_is_gone_on_with_or_gone_back_from_by_the_next(
    service: Service, later: ReleaseFacts, undisturbed: Outcome, step: str
) -> None:
    last = undisturbed.commands.get(step, 0)
    for command in range(1, last + 1) if last <= COMMANDS_MOST else (1, last // 2, last):
        check_gone_on_with(service, later, Fault(step, "command", command))


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("command", [5, 7], ids=["when the migration is asked for", "after it"])
def test_a_database_that_dies_in_the_switch_leaves_all_as_it_was_or_all_new(
    service: Service, later: ReleaseFacts, command: int
) -> None:
    instance = service.provision()
    updates.run_cron(service, instance)
    before = updates.state_of(service, instance)
    roll_out = updates.begin(service, later, instance.name)
    fault = Fault("switch", "command", command, kind="database", seconds=4)
    outcome = updates.run(service, roll_out, instance.server_name, fault)
    service.on("systemctl start mariadb", instance.server_name)
    found = updates.of(service, roll_out)[instance.name]
    if found.state is UpdateState.STOPPED:  # the database was away for longer than a step waits for it
        assert updates.run(service, roll_out, instance.server_name).completed
        found = updates.of(service, roll_out)[instance.name]
    sys.stdout.write(f"the database died: {found.state}, closed {found.outage_seconds} s; {found.finding}\n")
    assert site(service, instance).ask("api.php").status_code == 401
    if found.state is not DONE:
        assert found.state is WAITING, (outcome, found)  # it says nothing of the release: another attempt is made
        assert updates.state_of(service, instance) == before
        assert updates.run(service, roll_out, instance.server_name).completed
        assert states(service, roll_out, instance.name) == [DONE]
    assert updates.now_on(service, instance).release.id == later.id
    assert "standin_note" in updates.columns_of(service, instance)
    assert updates.leftovers(service, instance) == []


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_database_that_dies_between_two_statements_of_the_migration_says_nothing_of_the_release(
    service: Service, later: ReleaseFacts
) -> None:
    instance = service.provision()
    updates.run_cron(service, instance)
    before = updates.state_of(service, instance)
    roll_out = updates.begin(service, later, instance.name)
    with updates.dying_in_the_migration(service, instance, 4):
        outcome = updates.run(service, roll_out, instance.server_name)
    found = updates.of(service, roll_out)[instance.name]
    sys.stdout.write(f"the database died: {found.state}, closed {found.outage_seconds} s; {found.finding}\n")
    assert outcome.completed, outcome
    assert found.state is WAITING, found
    assert updates.state_of(service, instance) == before
    assert updates.leftovers(service, instance) == []
    assert site(service, instance).ask("api.php").status_code == 401
    assert updates.run(service, roll_out, instance.server_name).completed
    assert states(service, roll_out, instance.name) == [DONE]
    assert "standin_note" in updates.columns_of(service, instance)


def broken_in_the_proof(service: Service) -> InstanceFacts:
    """An instance that the later release breaks once its migration is through, so that all of it goes back."""
    instance = service.provision()
    updates.run_cron(service, instance)
    updates.add_user(service, instance, "unshown")
    return instance


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("step", "call"), WAY_BACK)
def test_a_run_killed_after_any_step_of_the_way_back_is_gone_back_with_by_the_next(
    service: Service, later: ReleaseFacts, step: str, call: int
) -> None:
    instance = broken_in_the_proof(service)
    before = updates.state_of(service, instance)
    roll_out = updates.begin(service, later, instance.name)
    assert updates.run(service, roll_out, instance.server_name, Fault(step, "after", call=call)).state == "Killed"
    updates.add_user(service, instance, "written")  # it is open: what its customer writes from here on stays
    before = [before[0], updates.state_of(service, instance)[1], *before[2:]]
    assert updates.run(service, roll_out, instance.server_name).completed
    assert updates.of(service, roll_out)[instance.name].state is UpdateState.FAILED
    assert updates.state_of(service, instance) == before
    assert updates.leftovers(service, instance) == []
    updates.end(service, roll_out)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_run_killed_while_it_puts_back_is_gone_back_with_by_the_next(service: Service, later: ReleaseFacts) -> None:
    instance = broken_in_the_proof(service)
    before = updates.state_of(service, instance)
    roll_out = updates.begin(service, later, instance.name)
    last = updates.run(service, roll_out, instance.server_name).commands["put_back"]
    for command in range(1, last + 1):
        updates.end(service, roll_out)
        roll_out = updates.begin(service, later, instance.name)
        fault = Fault("put_back", "command", command)
        assert updates.run(service, roll_out, instance.server_name, fault).state == "Killed", fault
        assert updates.run(service, roll_out, instance.server_name).completed, fault
        assert updates.of(service, roll_out)[instance.name].state is FAILED, fault
        assert updates.state_of(service, instance) == before, fault
        assert updates.leftovers(service, instance) == [], fault
    updates.end(service, roll_out)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_what_can_not_go_back_halts_for_a_person_and_is_back_once_it_can(service: Service, later: ReleaseFacts) -> None:
    instance = service.provision()
    updates.run_cron(service, instance)
    updates.add_user(service, instance, "unshown")
    before, server = updates.state_of(service, instance), instance.server_name
    roll_out = updates.begin(service, later, instance.name)
    assert updates.run(service, roll_out, server, Fault("switch", "after")).state == "Killed"
    aside = f"{InstanceLayout.of(instance).kept}/failed"
    with service.broken(f"mkdir {aside}", f"rmdir {aside}"):  # something lies where its files would go aside
        for _ in range(2):
            outcome = updates.run(service, roll_out, server)
            assert "put folder failed" in outcome.message, outcome
            found = updates.of(service, roll_out)[instance.name]
            assert (found.state, found.ended_at) == (UpdateState.STOPPED, None)
            assert "is there already" in found.finding
            assert site(service, instance).ask("api.php").status_code == 503
            assert updates.facts(service, roll_out).state is RollOutState.HALTED
            assert updates.cases_of(service, roll_out, instance) == [NOT_DONE, HALTED]
    assert updates.run(service, roll_out, server).completed
    assert site(service, instance).ask("api.php").status_code == 401
    assert updates.state_of(service, instance) == before
    assert updates.leftovers(service, instance) == []
    assert states(service, roll_out, instance.name) == [WAITING]  # until a person lets it go on
    assert updates.cases_of(service, roll_out, instance) == [HALTED]
    updates.end(service, roll_out)
    assert updates.cases_of(service, roll_out, instance) == []


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_what_is_restored_once_it_was_open_serves_on_and_its_update_ends(service: Service, later: ReleaseFacts) -> None:
    instance = service.provision()
    roll_out = updates.begin(service, later, instance.name)
    assert updates.run(service, roll_out, instance.server_name, Fault("open_again", "after")).state == "Killed"
    found = updates.of(service, roll_out)[instance.name]
    assert found.state is UpdateState.OPENED
    with service.inventory.reading() as session:
        point = recovery_points.point(session, found.evidence["point"])
    assert backups.restore(service, instance, point).completed
    for _ in range(2):
        assert updates.run(service, roll_out, instance.server_name).completed
        assert site(service, instance).ask("api.php").status_code == 401
    assert states(service, roll_out, instance.name) == [FAILED]
    assert updates.now_on(service, instance).release.id == instance.release.id
    assert site(service, instance).log_in(service.secret(instance, "root_admin")).status_code == 302
    updates.end(service, roll_out)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_of_two_releases_in_a_row_the_second_breaks_on_some_data_which_is_back_on_the_first_as_it_was(
    service: Service, later: ReleaseFacts
) -> None:
    made = [one for host in service.hosts[:2] for one in on_server(service, host, 2)]
    well, unseen, long = made[0], made[1], made[-1]
    for user, one in (("anna", well), ("unseen", unseen), ("longer-than-the-third-release-bears", long)):
        updates.run_cron(service, one)
        updates.add_user(service, one, user)
        updates.add_file(service, one, "letter.txt")
    second = updates.begin(service, later, *(one.name for one in made), canaries=(well.name,))
    run_through(service, second)
    assert {one.state for one in updates.of(service, second).values()} == {DONE}
    assert "kept for unseen" in updates.notes_of(service, unseen)
    before = [updates.state_of(service, one) for one in (unseen, long)]
    third = updates.release(service, "40473")
    roll_out = updates.begin(service, third, *(one.name for one in made), canaries=(well.name,))
    run_through(service, roll_out)
    found = updates.of(service, roll_out)
    assert {one.name for one in made if found[one.name].state is not DONE} == {unseen.name, long.name}
    assert "answers 500" in found[unseen.name].finding
    assert "The migration" in found[long.name].finding  # on the copy: it was never closed
    assert found[long.name].outage_seconds is None
    assert [updates.state_of(service, one) for one in (unseen, long)] == before
    assert updates.files_with(service, well, "seen by build 40473") == ["letter.txt"]
    for one in made:
        wanted = later if one in (unseen, long) else third
        assert updates.now_on(service, one).release.id == wanted.id
        assert updates.leftovers(service, one) == []
        assert site(service, one).ask("api.php").status_code == 401
    tell_outages(service, roll_out)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_twenty_instances_on_two_servers_are_closed_for_seconds_each(service: Service, later: ReleaseFacts) -> None:
    made = [one for host in service.hosts[:2] for one in on_server(service, host, EACH)]
    broken = made[-1]
    updates.run_cron(service, broken)
    updates.add_user(service, broken, "unshown")
    before = updates.state_of(service, broken)
    roll_out = updates.begin(service, later, *(one.name for one in made), canaries=(made[0].name,))
    for host in (service.hosts[0], *service.hosts[:2]):  # the canary, then a ring for each server
        assert updates.run(service, roll_out, host).completed
    found = updates.of(service, roll_out)
    assert updates.facts(service, roll_out).state is RollOutState.DONE
    assert {one.name for one in made if found[one.name].state is not UpdateState.DONE} == {broken.name}
    assert updates.state_of(service, broken) == before
    outages = tell_outages(service, roll_out)
    assert len(outages) == len(made)
    assert outages[-1] <= AIM_SECONDS
