"""An instance restored on another real server: whole there, closed where it was; the lost server is stated, never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from hosting.inventory import cases, moves
from hosting.inventory.cases import LEFT_BEHIND
from hosting.inventory.models import Letter
from hosting.product.layout import InstanceLayout
from tasks.recovery_points import read_history
from tests.service import suspended
from tests.service.copies import back_up, points_of, run, with_point
from tests.service.mailbox_data import missing
from tests.service.moves import check_told_of_room, ensure_measured
from tests.service.plans import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from hosting.inventory.cases import CaseFacts
    from hosting.policy.values import InstanceFacts
    from tests.service.mailbox_data import Mailbox
    from tests.service.plans import Outcome
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.timeout(1500)]

RESTORE = "restore_instance.restore_instance"
BY = {"operator": "tester", "reason": "test"}


@pytest.fixture
def mailbox(service: Service) -> Mailbox:
    """An instance with a recovery point on the one server, while the other one is free."""
    service.only_server(service.hosts[0])
    made = with_point(service)
    service.all_servers()
    return made


def elsewhere(service: Service, made: Mailbox, fault: Fault | None = None, *, lost: bool = False) -> Outcome:
    """Its last point restored on the other server."""
    point, server = points_of(service, made.instance)[-1].id, other(service, made)
    return run(
        service, RESTORE, fault, instance=made.instance.name, point=point, server=server, old_server_lost=lost, **BY
    )


def other(service: Service, made: Mailbox) -> str:
    return next(host for host in service.hosts if host != made.instance.server_name)


def now_of(service: Service, made: Mailbox) -> InstanceFacts:
    return service.instance(made.instance.order_reference)


def front(service: Service, instance: InstanceFacts, host: str) -> str:
    """What a server answers for the instance's API: 401 is healthy, 503 is closed."""
    url = f"https://{service.server(host).host_name}/{instance.name}/api.php"
    return service.on(f"curl -sko /dev/null -w '%{{http_code}}' {url}", host)


def has_cron(service: Service, instance: InstanceFacts, host: str) -> bool:
    return service.on(f"ls /etc/cron.d | grep -c '^phm-{instance.name}$' || true", host).strip() == "1"


def left_behind(service: Service, host: str, instance: InstanceFacts) -> list[CaseFacts]:
    with service.inventory.reading() as session:
        found = cases.cases_of(session, f"instance:{instance.name}")
    return [case for case in found if case.kind == LEFT_BEHIND and host in case.summary]


def check_moved(service: Service, made: Mailbox) -> None:
    """The instance is whole and alone on the other server."""
    old, new, instance = made.instance.server_name, other(service, made), now_of(service, made)
    assert instance.server_name == new
    assert missing(service, made, instance) == []
    assert (front(service, instance, new), front(service, instance, old)) == ("401", "401")
    assert "ProxyPass" in service.on(f"cat {InstanceLayout.of(instance).site_file}", old)  # passed on, not served there
    assert (has_cron(service, instance, new), has_cron(service, instance, old)) == (True, False)


def test_an_instance_is_whole_on_the_other_server_and_closed_on_its_own(service: Service, mailbox: Mailbox) -> None:
    ensure_measured(service, mailbox.instance)
    booked = [service.server(host).booked_gib for host in service.hosts]
    outcome = elsewhere(service, mailbox)
    assert outcome.completed, outcome
    check_moved(service, mailbox)
    check_told_of_room(service, mailbox.instance)
    pool = mailbox.instance.storage_gib
    assert [service.server(host).booked_gib for host in service.hosts] == [booked[0] - pool, booked[1] + pool]
    assert len(left_behind(service, mailbox.instance.server_name, mailbox.instance)) == 1
    moved = now_of(service, mailbox)
    with service.inventory.reading() as session:
        assert moves.former_homes(session, moved.name) == [mailbox.instance.server_name]
        keys = [one.key for one in session.scalars(select(Letter)) if one.key.startswith(f"restored:{moved.name}:")]
    assert len(keys) == 1
    due = read_history.fn(moved).due(points_of(service, moved)[-1].taken_at)
    assert due is not None
    assert (due.kind, "moved" in due.because) == ("full", True)
    assert back_up(service, moved).server_name == moved.server_name


def test_a_suspended_instance_is_so_on_the_other_server_until_it_is_opened_there(
    service: Service, mailbox: Mailbox
) -> None:
    """Closed on both, its jobs on neither; proven behind what everybody else is told (P20, P41)."""
    suspended.want(service, mailbox.instance, suspended=True)
    assert suspended.run(service, mailbox.instance, "suspend").completed
    outcome = elsewhere(service, mailbox)
    assert outcome.completed, outcome
    assert now_of(service, mailbox).server_name == other(service, mailbox)
    suspended.check_closed_everywhere(service, mailbox.instance)
    suspended.want(service, mailbox.instance, suspended=False)
    assert suspended.run(service, mailbox.instance, "resume").completed
    check_moved(service, mailbox)


def test_a_server_that_does_not_answer_has_to_be_stated_as_lost(service: Service, mailbox: Mailbox) -> None:
    own = mailbox.instance.server_name
    service.fleet.cut(own)
    try:
        refused = elsewhere(service, mailbox)
        assert (refused.error, now_of(service, mailbox).server_name) == ("OldServerSilent", own)
        outcome = elsewhere(service, mailbox, lost=True)
        assert outcome.completed, outcome
    finally:
        service.fleet.heal(own)
    moved = now_of(service, mailbox)
    assert moved.server_name == other(service, mailbox)
    assert missing(service, mailbox, moved) == []
    case = left_behind(service, own, mailbox.instance)[0]
    assert "it did not answer" in case.summary
    assert case.facts["closed"] is False


def test_a_point_that_does_not_pass_its_proof_there_leaves_nothing_and_the_old_server_serves_again(
    service: Service, mailbox: Mailbox
) -> None:
    layout, own, new = InstanceLayout.of(mailbox.instance), mailbox.instance.server_name, other(service, mailbox)
    settings = f"{layout.storage}/config/choices.ini.php"
    service.on(f"sed -i 's/^online_status = .*/online_status = 0/' {settings}", own)
    back_up(service, mailbox.instance)
    service.on(f"sed -i 's/^online_status = .*/online_status = 1/' {settings}", own)
    outcome = elsewhere(service, mailbox)
    assert outcome.error == "StepFailed", outcome
    assert now_of(service, mailbox).server_name == own
    assert missing(service, mailbox, mailbox.instance) == []
    assert (front(service, mailbox.instance, own), has_cron(service, mailbox.instance, own)) == ("401", True)
    left = f"find /srv /etc -name '*{layout.name}*' | grep -v aside; getent passwd {layout.user}; mariadb -NBe 'SHOW DATABASES' | grep {layout.name} || true"
    assert service.on(left, new).strip() == ""
    with pytest.raises(AssertionError):
        check_moved(service, mailbox)


def test_a_server_without_room_or_out_of_service_is_refused_before_anything_is_written(
    service: Service, mailbox: Mailbox
) -> None:
    service.only_server(mailbox.instance.server_name)
    outcome = elsewhere(service, mailbox)
    service.all_servers()
    assert outcome.error == "NoServerHasRoom", outcome
    assert front(service, mailbox.instance, mailbox.instance.server_name) == "401"


def trouble_after(service: Service, mailbox: Mailbox, wanted: Callable[[str], bool]) -> str:
    """For each step that is wanted: an instance whose restore is killed after it, run again, and what is wrong then."""
    undisturbed = elsewhere(service, mailbox)
    assert undisturbed.completed, undisturbed
    steps, found = list(dict.fromkeys(undisturbed.tasks)), ""
    assert len(steps) > 25, steps
    for step in filter(wanted, steps):
        service.only_server(service.hosts[0])
        made = with_point(service, users=("anna",), mails=1, files=1)
        service.all_servers()
        killed, again = elsewhere(service, made, Fault(step, "after")), elsewhere(service, made)
        if killed.state != "Killed" or not again.completed:
            found += f"\n{step}: {killed.state} {killed.message}, then {again.state} {again.message}"
            continue
        try:
            check_moved(service, made)
        except AssertionError as error:
            found += f"\n{step}: {error}"
    return found


@pytest.mark.soak
def test_a_restore_that_is_killed_on_the_way_ends_on_the_other_server_when_run_again(
    service: Service, mailbox: Mailbox
) -> None:
    few = {"record_brought_back", "ensure_closed", "prove_instance_answers", "record_switched", "ensure_passed_on"}
    assert trouble_after(service, mailbox, few.__contains__) == ""


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_restore_that_is_killed_after_any_step_ends_on_the_other_server_when_run_again(
    service: Service, mailbox: Mailbox
) -> None:
    assert trouble_after(service, mailbox, lambda _: True) == ""
