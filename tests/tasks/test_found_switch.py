"""Where an instance is, is asked of every server that is there, and proven at both its addresses (P24)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from blocks import loading
from blocks.ssh_host import SshHost
from hosting.errors import DriftFound, Unreachable
from hosting.inventory import instances, servers
from hosting.policy.found_switch import SwitchNotProven
from hosting.policy.states import ServerState
from hosting.templates import render
from tasks import found_switch
from tasks.found_switch import find_switch
from tests.inventory.words import NOW
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.inventory.session import Inventory
    from hosting.policy.values import InstanceFacts, ServerFacts

SERVES = 'SetHandler "proxy:unix:/run/php/phm-x.sock|fcgi://x"'


class Servers:
    """Servers that have a site of the instance, and what was asked of them and from outside."""

    def __init__(self, inventory: Inventory, name: str) -> None:
        self.inventory, self.name = inventory, name
        self.sites = {"app1": passes_on("app1", "app2"), "app2": SERVES}
        self.silent: set[str] = set()
        self.asked: list[str] = []
        self.proven: list[str] = []

    def connection(self, server: ServerFacts) -> Any:
        def run(_: object) -> Any:
            if server.name in self.silent:
                raise Unreachable(f"{server.name} does not answer.", "Wait.")
            self.asked.append(str(server.name))
            return SimpleNamespace(out=self.sites.get(str(server.name), ""))

        return SimpleNamespace(run=run)

    def prove(self, url: str, _: ServerFacts, instance: InstanceFacts) -> None:
        assert instance.server_name == "app2"
        self.proven.append(url)


def passes_on(home: str, target: str) -> str:
    """The site of a server that an instance has left, as it is written there."""
    return render(
        "apache/passed_on.conf.j2", name="x", host_name=f"{home}.phlymail.test", target=f"{target}.phlymail.test",
        authorities="/etc/phm/authorities.pem", seconds=60,
    )  # fmt: skip


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    """The inventory has it on app1, which passes on to app2, which serves it."""
    with provided(tmp_path) as inventory:
        made = Servers(inventory, opened(inventory, "A-1", NOW))
        monkeypatch.setitem(loading._LOADED, SshHost, made)
        monkeypatch.setattr(found_switch, "check_is_there", lambda *_: None)
        monkeypatch.setattr(found_switch, "prove_shown", made.prove)
        monkeypatch.setattr(found_switch, "has_job", lambda *_: False)
        yield made


def test_it_is_found_where_it_is_served_and_proven_at_the_new_and_the_old_address(there: Servers) -> None:
    found = find_switch(there.name)
    assert (found.source.name, found.target.name, found.compared) == ("app1", "app2", False)
    assert [str(one) for one in found.seen] == ["passes on to app2.phlymail.test", "serves it"]
    assert [url.split("/")[2] for url in there.proven] == ["app2.phlymail.test", "app1.phlymail.test"]
    with there.inventory.reading() as session:
        assert instances.instance_facts(session, there.name).server_name == "app1"  # nothing is changed by looking


def test_a_server_that_does_not_answer_might_serve_it_too(there: Servers) -> None:
    there.silent = {"app2"}
    with pytest.raises(Unreachable, match="app2"):
        find_switch(there.name)


def test_a_server_that_is_retired_is_not_asked(there: Servers) -> None:
    with there.inventory.writing() as session:
        servers.set_server_state(session, "app2", ServerState.DRAINING, by="olga", why="w", now=NOW)
        servers.set_server_state(session, "app2", ServerState.RETIRED, by="olga", why="w", now=NOW)
    with pytest.raises(SwitchNotProven, match="Not one server alone"):
        find_switch(there.name)
    assert there.asked == ["app1"]


def test_a_server_that_serves_without_the_data_is_not_where_it_is(
    there: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing_there(server: ServerFacts, _: InstanceFacts) -> None:
        raise DriftFound(f"{server.name} does not have it.", "Look.")

    monkeypatch.setattr(found_switch, "check_is_there", nothing_there)
    with pytest.raises(DriftFound, match="app2 does not have it"):
        find_switch(there.name)
    assert there.proven == []
