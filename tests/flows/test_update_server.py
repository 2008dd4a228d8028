"""A server with an archive of the fleet's own: updated, refused, taken back, rebooted; seen from outside (P14, P15)."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from time import sleep
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from fleet.archive import Package, publish, served
from flows.update_server import rebooted
from flows.update_server import updated as updated_by_the_flow
from hosting.commands import packages
from hosting.inventory import announcements, deeds, server_updates, servers
from hosting.inventory.session import in_transaction
from hosting.policy.months import day_of
from hosting.policy.placement import takes_instances
from hosting.policy.terms import TIME_ZONE
from hosting.product.layout import InstanceLayout
from tasks.records import now
from tasks.server_turns import reboot_and_wait
from tasks.server_updates import NotBack, read_system
from tests.service.customer import site
from tests.service.flow_steps import steps_of
from tests.service.plans import Fault, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.commands.command import Command
    from hosting.policy.values import InstanceFacts
    from tests.service.plans import Outcome
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

OLD = (Package("fl-plain", "1.0"), Package("fl-old", "1.0"))
EVIL = Package("fl-plain", "2.0", ("Conflicts: fl-old",))
BROKEN = "etc/apache2/conf-enabled/fl-plain.conf"
BREAKS = Package(
    "fl-plain", "1.2", files={BROKEN: "Nonsense here\n"}, scripts={"postinst": "#!/bin/sh\nsystemctl restart apache2 || :\n"}
)  # fmt: skip
SLOW = Package("fl-plain", "1.3", scripts={"postinst": "#!/bin/sh\nsleep 8\n"})
LIST = "/etc/apt/sources.list.d/fleet.list"


@dataclass
class Updated:
    """A server, an instance on it with a backup of today, and the archive."""

    service: Service
    instance: InstanceFacts
    archive: Path
    known: int = 0

    def run(self, fault: Fault | None = None, **asked: Any) -> Outcome:
        """An urgent update: off-peak is another test's matter."""
        wish = {"server": self.service.host, "urgent": True, "reason": "tests", "operator": "test", **asked}
        return self.service.runner.run(Plan(flow="flows.update_server.update_server", parameters=wish, fault=fault))

    def version(self, package: str = "fl-plain", host: str = "") -> str:
        return self.service.on(f"dpkg-query -W -f='${{Version}}' {package}", host)

    def done(self) -> list[str]:
        """What was done to the server since this test began."""
        with self.service.inventory.reading() as session:
            found = deeds.deeds_of(session, f"server:{self.service.host}")
        return [one.what for one in found][self.known :]

    def by_the_clock(self) -> Outcome:
        """The clock's own run over both servers, as if it were the next 4:20."""
        zone = ZoneInfo(TIME_ZONE)
        at = datetime.combine(day_of(now()), time(4, 20), zone)
        at = at if at > now() else datetime.combine(day_of(now()) + timedelta(days=1), time(4, 20), zone)
        wish = {"servers": [*self.service.hosts[-2:]], "scope": "security"}
        flow = "flows.update_server.update_servers"
        return self.service.runner.run(Plan(flow=flow, parameters=wish, at=at.timestamp()))

    def serves(self) -> bool:
        one = site(self.service, self.instance)
        with contextlib.closing(one.client):
            return one.ask("").status_code == 200

    def settle(self) -> None:
        """What an earlier test has left is no matter of this one."""
        for host in self.service.hosts[-2:]:
            settle = partial(server_updates.settle_halts, server=host, by="test", why="seen", now=now())
            in_transaction(self.service.inventory, settle)
            back = "apt-get -y -qq --allow-downgrades install fl-plain=1.0 fl-old=1.0"
            self.service.on(f"apt-mark unhold fl-plain; {back}", host)


@pytest.fixture(scope="module")
def archive(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two packages that the server has; served over the fleet's own network."""
    folder = tmp_path_factory.mktemp("archive")
    publish(folder, *OLD)
    with served(folder, str(service.fleet.plan.gateway)) as line:
        for host in service.hosts[-2:]:
            service.on(f"echo '{line}' >{LIST}; apt-get -qq update; apt-get -y -qq install fl-plain fl-old", host)
        yield folder
        for host in service.hosts[-2:]:
            service.on(f"rm -f {LIST}; apt-mark unhold fl-plain; apt-get -y -qq purge fl-plain fl-old || :", host)


@pytest.fixture
def updated(service: Service, archive: Path) -> Iterator[Updated]:
    service.only_server(service.host)
    instance = service.provision()
    plan = Plan(flow="flows.back_up_server.back_up_instance", parameters={"instance": instance.name})
    assert service.runner.run(plan).completed
    made = Updated(service, instance, archive)
    made.known = len(made.done())
    yield made
    made.settle()
    for file in archive.glob("fl-plain_*.deb"):
        if "_1.0_" not in file.name:
            file.unlink()
    publish(archive)


def test_a_server_is_updated_refused_without_a_word_and_taken_back_where_it_breaks_apache(updated: Updated) -> None:
    service = updated.service
    publish(updated.archive, Package("fl-plain", "1.1"))
    assert updated.run(Fault("apply_packages", "command", 3)).state == "Killed"  # the job goes on
    outcome = updated.run()
    assert outcome.completed, outcome
    assert outcome.message.startswith("nothing to update")  # but to prove what was begun
    assert updated.version() == "1.1"
    assert updated.done().count(server_updates.UPDATED) == 1

    publish(updated.archive, EVIL)
    outcome = updated.run()
    assert outcome.error == "UpdateRefused", outcome
    assert (updated.version(), updated.version("fl-old")) == ("1.1", "1.0")
    (updated.archive / "fl-plain_2.0_all.deb").unlink()

    publish(updated.archive, BREAKS)
    outcome = updated.run()
    assert outcome.error == "UpdateTakenBack", outcome
    assert "All is as well as it was before." in outcome.message
    assert updated.version() == "1.1"
    assert updated.serves()
    assert service.on("apt-mark showhold").split() == ["fl-plain"]
    with service.inventory.reading() as session:
        [halt] = server_updates.halts(session)
        assert takes_instances(servers.server_facts(session, service.host))
        turns = announcements.turns_since(session, now() - timedelta(days=1), updated.instance.name)
    assert halt.summary.startswith(f"The update of {service.host} was taken back")
    assert len(turns) == 2
    assert not any(one.silent and one.told_at for one in turns)  # by night so short a stop is told nobody
    assert service.on("ls /run/phm/jobs").split() == []


def test_what_breaks_the_canary_reaches_no_other_server(updated: Updated) -> None:
    service = updated.service
    first, canary = service.hosts[-2:]
    publish(updated.archive, BREAKS)
    mark = partial(server_updates.mark_canary, server=canary, canary=True, by="test", why="tests", now=now())
    in_transaction(service.inventory, mark)
    outcome = updated.by_the_clock()
    assert outcome.error == "UpdateTakenBack", outcome
    assert (updated.version(host=canary), updated.version(host=first)) == ("1.0", "1.0")
    assert updated.serves()
    assert updated.by_the_clock().error == "UpdatesHalted"
    with service.inventory.reading() as session:
        assert [one.subject for one in server_updates.halts(session)] == [f"server:{canary}"]
        assert server_updates.UPDATED not in [one.what for one in deeds.deeds_of(session, f"server:{first}")]
    in_transaction(service.inventory, partial(mark, canary=False))


@pytest.mark.soak
def test_a_good_night_updates_the_canary_first_and_then_the_others(updated: Updated) -> None:
    first, canary = updated.service.hosts[-2:]
    publish(updated.archive, Package("fl-plain", "1.1"))
    mark = partial(server_updates.mark_canary, server=canary, canary=True, by="test", why="tests", now=now())
    in_transaction(updated.service.inventory, mark)
    outcome = updated.by_the_clock()
    in_transaction(updated.service.inventory, partial(mark, canary=False))
    assert outcome.completed, outcome
    assert outcome.message.index(f"{canary}: 1 packages updated") < outcome.message.index(
        f"{first}: 1 packages updated"
    )
    assert (updated.version(host=canary), updated.version(host=first)) == ("1.1", "1.1")
    with updated.service.inventory.reading() as session:
        found = [deeds.deeds_of(session, f"server:{host}") for host in (canary, first)]
        assert server_updates.halts(session) == []
    done = [next(one for one in reversed(of_one) if one.what == server_updates.UPDATED) for of_one in found]
    assert (
        done[0].at + timedelta(seconds=done[1].evidence["seconds"]) <= done[1].at
    )  # one is proven, then the other begins
    assert updated.serves()


REBOOTING = frozenset(steps_of(rebooted)) - {"read_system", "check_ready", "what_grew_ill"}
"""What is done for a reboot alone."""

OF_THE_WAY_BACK = frozenset({"take_back"})
OF_WHAT_IS_LEFT = frozenset({"read_left", "has_changed_nothing", "record_not_made", "record_undone"})
"""What a run comes to only where another one was killed."""

OF_A_RUN = [step for step in steps_of(updated_by_the_flow) if step not in OF_THE_WAY_BACK | OF_WHAT_IS_LEFT]
FAULTS = [
    *(Fault(step, "after") for step in OF_A_RUN),
    Fault("begin_update", "before"),
    Fault("apply_packages", "command", 1),
    Fault("apply_packages", "command", 3),
    Fault("record_updated", "before"),
    Fault("reboot_and_wait", "command", 2),
    Fault("record_rebooted", "before"),
]


@pytest.mark.soak
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.task}-{fault.moment}{fault.command}")
def test_a_run_that_is_killed_is_gone_on_with_by_the_next(updated: Updated, fault: Fault) -> None:
    publish(updated.archive, Package("fl-plain", "1.1"))
    wants_reboot = fault.task in REBOOTING
    if wants_reboot:
        updated.service.on("touch /run/reboot-required")
    assert updated.run(fault, reboot=wants_reboot).state == "Killed"
    outcome = updated.run(reboot=wants_reboot)
    assert outcome.completed, outcome
    assert outcome.message.endswith(("no reboot needed", " s"))
    assert updated.version() == "1.1"
    assert updated.done().count(server_updates.UPDATED) == 1
    with updated.service.inventory.reading() as session:
        assert server_updates.left_update(session, updated.service.host) is None
        assert announcements.left_begun(session, "server:") == []
    assert updated.serves()


@pytest.mark.soak
@pytest.mark.parametrize(
    "fault", [Fault(step, "after") for step in sorted(OF_WHAT_IS_LEFT)], ids=lambda fault: fault.task
)
def test_a_run_that_is_killed_while_it_goes_on_is_gone_on_with_by_the_next(updated: Updated, fault: Fault) -> None:
    publish(updated.archive, Package("fl-plain", "1.1"))
    assert updated.run(Fault("begin_update", "after")).state == "Killed"
    assert updated.run(fault).state == "Killed"
    assert updated.run().completed
    assert updated.version() == "1.1"
    assert updated.done().count(server_updates.UPDATED) == 1


@pytest.mark.soak
@pytest.mark.parametrize("command", [1, 3, 5])
def test_a_run_that_is_killed_while_it_takes_back_is_gone_on_with_by_the_next(updated: Updated, command: int) -> None:
    publish(updated.archive, BREAKS)
    assert updated.run(Fault("take_back", "command", command)).state == "Killed"
    outcome = updated.run()
    assert outcome.error == "UpdateTakenBack", outcome
    assert updated.version() == "1.0"
    assert updated.serves()
    assert updated.service.on("apt-mark showhold").split() == ["fl-plain"]


@pytest.mark.soak
def test_the_job_goes_on_while_the_connection_is_cut_and_is_found_again(updated: Updated) -> None:
    publish(updated.archive, SLOW)
    outcome = updated.run(Fault("apply_packages", "command", command=2, kind="cut", seconds=10))
    assert outcome.completed, outcome
    assert updated.version() == "1.3"


@pytest.mark.soak
def test_a_job_that_is_killed_in_the_middle_of_a_package_is_taken_back(updated: Updated) -> None:
    publish(updated.archive, SLOW)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(updated.run)
        at_it, fleet = "pgrep -f '[f]l-plain.postinst'", updated.service.fleet
        while not run.done() and fleet.run(updated.service.host, at_it).returncode:
            sleep(0.1)
        updated.service.on(f"pkill -KILL -x apt-get; pkill -KILL -x dpkg; kill -KILL $({at_it})")
        outcome = run.result()
    assert outcome.error == "UpdateTakenBack", outcome
    assert updated.version() == "1.0"
    assert updated.service.on("dpkg --audit").strip() == ""
    assert updated.serves()


@pytest.mark.soak
def test_a_server_that_does_not_come_back_is_told_and_found_again_once_it_is(
    updated: Updated, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = updated.service
    server, plain = service.server(), packages.reboot
    boot = read_system.fn(server).boot

    def reboot() -> Command:
        threading.Timer(1.0, service.fleet.kill, [service.host]).start()
        return plain()

    monkeypatch.setattr(packages, "reboot", reboot)
    with pytest.raises(NotBack, match=f"{service.host} is not back 20 s after its reboot"):
        reboot_and_wait.fn(server, boot, 20.0)
    service.fleet.start(service.host)
    assert reboot_and_wait.fn(server, boot) < 60
    assert updated.serves()


@pytest.mark.soak
def test_a_server_that_asks_for_it_is_rebooted_and_serves_again(updated: Updated) -> None:
    updated.service.on("touch /run/reboot-required")
    outcome = updated.run(reboot=True)
    assert outcome.completed, outcome
    assert "rebooted in " in outcome.message
    assert updated.serves()
    layout = InstanceLayout.of(updated.instance)
    assert updated.service.on(f"test -d {layout.data} && echo there").strip() == "there"
