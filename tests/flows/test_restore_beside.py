"""A copy beside its instance on a real server: whole, reached from its server alone, cut off from the world, gone in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import copies
from hosting.product.layout import InstanceLayout
from tests.service.copies import left_of_copies, points_of, run, with_point
from tests.service.customer import site
from tests.service.mailbox_data import missing
from tests.service.plans import Fault, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hosting.inventory.copies import CopyFacts
    from tests.service.mailbox_data import Mailbox
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.timeout(900)]

MAKE, DROP, DROP_OLD = (f"restore_beside.{name}" for name in ("restore_beside", "drop_beside", "drop_old_copies"))
BY = {"operator": "tester", "reason": "test"}

REACH = """
setpriv --reuid={user} --regid={user} --clear-groups python3 -c '
import socket, os
print(os.strerror(socket.socket().connect_ex(("{address}", {port}))))'
"""


@pytest.fixture(scope="module")
def mailbox(service: Service) -> Mailbox:
    return with_point(service)


@pytest.fixture
def beside(service: Service, mailbox: Mailbox) -> Iterator[CopyFacts]:
    """A copy on the instance's own server; gone afterwards, whatever happened to it."""
    outcome = run(service, MAKE, instance=mailbox.instance.name, server=mailbox.instance.server_name, **BY)
    assert outcome.completed, outcome
    made = all_copies(service)[-1]
    yield made
    if made in all_copies(service):
        assert run(service, DROP, name=f"{made.name}@{made.server_name}", **BY).completed


def all_copies(service: Service) -> list[CopyFacts]:
    with service.inventory.reading() as session:
        return copies.all_copies(session)


def status(service: Service, copy: CopyFacts, path: str, address: str) -> str:
    """What a request from the copy's server to one of its addresses is answered."""
    server = service.server(copy.server_name)
    asked = f"--resolve {server.host_name}:443:{address} https://{server.host_name}/{copy.name}/{path}"
    return service.on(f"curl -sko /dev/null -w '%{{http_code}}' {asked}", copy.server_name)


def test_only_its_own_server_reaches_a_copy(service: Service, mailbox: Mailbox, beside: CopyFacts) -> None:
    server = service.server(beside.server_name)
    for address in ("127.0.0.1", server.address):  # the second one is what a tunnel through the server comes to
        assert status(service, beside, "api.php", address) == "401"
        assert status(service, beside, "index.php", address) == "200"
        assert status(service, beside, "storage/config/choices.ini.php", address) == "403"
    seen = site(service, mailbox.instance)
    for path in ("", "index.php", "config.php", "api.php", "webdav.php/", "frontend/css/core.css"):
        assert seen.web.ask("GET", f"https://{server.host_name}/{beside.name}/{path}").status_code == 403, path


def test_a_copy_sends_and_fetches_nothing(service: Service, mailbox: Mailbox, beside: CopyFacts) -> None:
    relay = {"address": service.settings.mail.host, "port": service.settings.mail.port}
    own, host = InstanceLayout.of(mailbox.instance), beside.server_name
    assert service.on(REACH.format(user=own.user, **relay), host).strip() == "Success"
    assert service.on(REACH.format(user=f"phm-{beside.name}", **relay), host).strip() != "Success"
    assert service.on(f"ls /etc/cron.d | grep -c {beside.name} || true", host).strip() == "0"
    settings = service.on(
        f"cat /srv/instances/{beside.name}/choices.ini.php /srv/instances/{beside.name}/storage/config/*.ini.php", host
    )
    assert f'fix_smtp_host = "{relay["address"]}"' not in settings
    assert service.secret(mailbox.instance, "database") not in settings


def test_the_instance_itself_is_not_touched_and_a_second_copy_is_apart(
    service: Service, mailbox: Mailbox, beside: CopyFacts
) -> None:
    assert missing(service, mailbox, mailbox.instance) == []
    again = run(service, MAKE, instance=mailbox.instance.name, **BY)
    assert again.completed, again
    assert all_copies(service) == [beside]
    assert "make_copy" not in again.tasks
    owners = service.on(f"find /srv/instances/{beside.name} -printf '%U\\n' | sort -u", beside.server_name).split()
    assert set(owners) <= {"0", "59991"}


def test_a_copy_is_taken_away_without_a_trace_by_hand_and_by_time(
    service: Service, mailbox: Mailbox, beside: CopyFacts
) -> None:
    assert beside.until - beside.begun_at >= timedelta(days=6)
    assert run(service, DROP_OLD).completed
    assert all_copies(service) == [beside]
    later = datetime.now(UTC) + timedelta(days=8)
    outcome = service.runner.run(Plan(flow=f"flows.{DROP_OLD}", at=later.timestamp()))
    assert outcome.completed, outcome
    assert all_copies(service) == []
    assert left_of_copies(service, beside.server_name) == ""
    assert missing(service, mailbox, mailbox.instance) == []


def trouble_after(service: Service, mailbox: Mailbox, wanted: Callable[[str], bool]) -> str:
    """For each step that is wanted: a copy killed after it, made again, and what of it is not as it should be."""
    wish, found = {"instance": mailbox.instance.name, "point": points_of(service, mailbox.instance)[-1].id, **BY}, ""
    undisturbed = run(service, MAKE, **wish)
    steps = list(dict.fromkeys(undisturbed.tasks))
    assert len(steps) > 18, steps
    for step in filter(wanted, steps):
        name = "".join(f"{copy.name}@{copy.server_name}" for copy in all_copies(service))
        assert run(service, DROP, name=name, **BY).completed
        killed, again = run(service, MAKE, Fault(step, "after"), **wish), run(service, MAKE, **wish)
        made = all_copies(service)
        answer = status(service, made[0], "api.php", "127.0.0.1") if made else "no copy"
        if killed.state != "Killed" or not again.completed or (len(made), answer) != (1, "401"):
            found += f"\n{step}: {killed.state} {killed.message}, then {again.state} {again.message}; {made} {answer}"
    assert run(service, DROP, name=made[0].name, **BY).completed
    return found + "".join(left_of_copies(service, host) for host in service.hosts)


@pytest.mark.soak
def test_a_copy_that_is_killed_on_the_way_is_made_by_running_it_again(service: Service, mailbox: Mailbox) -> None:
    """The steps between are those of a rehearsal, which is killed after each of them."""
    few = {"reserve_beside", "bring_back", "record_beside_ready"}
    assert trouble_after(service, mailbox, few.__contains__) == ""


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_copy_that_is_killed_after_any_step_is_made_by_running_it_again(service: Service, mailbox: Mailbox) -> None:
    assert trouble_after(service, mailbox, lambda _: True) == ""
