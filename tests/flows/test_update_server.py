"""A server with an archive of the fleet's own: updated, refused, taken back, rebooted; seen from outside (P14, P15)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from fleet.archive import Package, publish, served
from hosting.inventory import announcements, server_updates, servers
from hosting.inventory.session import in_transaction
from hosting.policy.placement import takes_instances
from hosting.product.layout import InstanceLayout
from tasks.records import now
from tests.service.customer import site
from tests.service.plans import Fault, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


@dataclass(frozen=True)
class Updated:
    """A server, an instance on it with a backup of today, and the archive."""

    service: Service
    instance: InstanceFacts
    archive: Path

    def run(self, fault: Fault | None = None, **asked: Any) -> Outcome:
        """An urgent update: off-peak is another test's matter."""
        wish = {"server": self.service.host, "urgent": True, "reason": "tests", "operator": "test", **asked}
        return self.service.runner.run(Plan(flow="flows.update_server.update_server", parameters=wish, fault=fault))

    def version(self, package: str = "fl-plain") -> str:
        return self.service.on(f"dpkg-query -W -f='${{Version}}' {package}")

    def serves(self) -> bool:
        one = site(self.service, self.instance)
        with contextlib.closing(one.client):
            return one.ask("").status_code == 200

    def settle(self) -> None:
        """What an earlier test has left is no matter of this one."""
        in_transaction(
            self.service.inventory,
            lambda session: server_updates.settle_halts(session, self.service.host, "test", "seen", now()),
        )
        self.service.on("apt-mark unhold fl-plain; apt-get -y -qq --allow-downgrades install fl-plain=1.0 fl-old=1.0")


@pytest.fixture(scope="module")
def archive(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two packages that the server has; served over the fleet's own network."""
    folder = tmp_path_factory.mktemp("archive")
    publish(folder, *OLD)
    with served(folder, str(service.fleet.plan.gateway)) as line:
        service.on(f"echo '{line}' >{LIST}; apt-get -qq update; apt-get -y -qq install fl-plain fl-old")
        yield folder
        service.on(f"rm -f {LIST}; apt-mark unhold fl-plain; apt-get -y -qq purge fl-plain fl-old || :")


@pytest.fixture
def updated(service: Service, archive: Path) -> Iterator[Updated]:
    service.only_server(service.host)
    instance = service.provision()
    plan = Plan(flow="flows.back_up_server.back_up_instance", parameters={"instance": instance.name})
    assert service.runner.run(plan).completed
    made = Updated(service, instance, archive)
    yield made
    made.settle()
    for file in archive.glob("fl-plain_*.deb"):
        if "_1.0_" not in file.name:
            file.unlink()
    publish(archive)


def test_a_server_is_updated_refused_without_a_word_and_taken_back_where_it_breaks_apache(updated: Updated) -> None:
    service = updated.service
    publish(updated.archive, Package("fl-plain", "1.1"))
    outcome = updated.run()
    assert outcome.completed, outcome
    assert outcome.message.startswith("1 packages updated in ")
    assert updated.version() == "1.1"

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


@pytest.mark.soak
@pytest.mark.parametrize("task", ["begin_update", "apply_packages", "restart_what_was_replaced", "what_grew_ill"])
def test_a_run_that_is_killed_is_gone_on_with_by_the_next(updated: Updated, task: str) -> None:
    publish(updated.archive, Package("fl-plain", "1.1"))
    assert updated.run(Fault(task, "after")).state == "Killed"
    outcome = updated.run()
    assert outcome.completed, outcome
    assert updated.version() == "1.1"
    with updated.service.inventory.reading() as session:
        assert server_updates.left_update(session, updated.service.host) is None


@pytest.mark.soak
def test_the_job_goes_on_while_the_connection_is_cut_and_is_found_again(updated: Updated) -> None:
    publish(updated.archive, SLOW)
    outcome = updated.run(Fault("apply_packages", "command", command=2, kind="cut", seconds=10))
    assert outcome.completed, outcome
    assert updated.version() == "1.3"


@pytest.mark.soak
def test_a_server_that_asks_for_it_is_rebooted_and_serves_again(updated: Updated) -> None:
    updated.service.on("touch /run/reboot-required")
    outcome = updated.run(reboot=True)
    assert outcome.completed, outcome
    assert "rebooted in " in outcome.message
    assert updated.serves()
    layout = InstanceLayout.of(updated.instance)
    assert updated.service.on(f"test -d {layout.data} && echo there").strip() == "there"
