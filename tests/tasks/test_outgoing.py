"""What instances may reach follows the relay's address, and stays closed where that can't be told."""

from __future__ import annotations

import subprocess
import sys
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dns.query
import dns.tsigkeyring
import dns.update
import pytest

from blocks import loading
from blocks.loading import load, provide
from blocks.mail_relay import MailRelay
from blocks.ssh_host import SshHost
from hosting.commands.enrolment import ensure_outgoing_rules_are
from hosting.errors import StepFailed, Unreachable
from hosting.inventory import cases, servers
from hosting.policy.states import ServerState
from hosting.policy.values import ServerName
from tasks.outgoing import RULES_OLD, ensure_outgoing_network, learn_resolvers, outgoing_rules
from tests.service.runner import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

FILE = "/etc/phm/outgoing.nft"
RUN = """
from blocks.loading import provide
from deployments.apply import blocks_of
from hosting.settings import load_settings
provide(*blocks_of(load_settings()))
from flows.keep_outgoing_rules import keep_outgoing_rules
keep_outgoing_rules()
"""


def loaded(service: Service) -> str:
    return service.on("nft list table inet phm_outgoing")


class Relay:
    """A mail relay that has a name in the fleet's zone, and moves."""

    def __init__(self, service: Service) -> None:
        self.told = service.fleet.description()["dns"]
        self.name = f"relay-{uuid.uuid4().hex[:8]}"

    def moves_to(self, *addresses: str) -> None:
        told = self.told
        ring = dns.tsigkeyring.from_text({told["tsig_name"]: (told["tsig_algorithm"], told["tsig_secret"])})
        update = dns.update.Update("phlymail.test", keyring=ring)
        update.delete(self.name)
        for address in addresses:
            update.add(self.name, 1, "A", address)
        dns.query.tcp(update, told["address"], 5)


@pytest.fixture
def relay(service: Service) -> Iterator[Relay]:
    before = dict(loading._LOADED)
    made, known = Relay(service), load(MailRelay)
    provide(known.model_copy(update={"host": f"{made.name}.phlymail.test", "port": 2525}))
    yield made
    made.moves_to()
    loading._LOADED.clear()
    loading._LOADED.update(before)
    ensure_outgoing_network.fn(service.server())


def test_a_relay_that_moved_is_reached_at_its_new_address_and_no_longer_at_the_old(
    service: Service, relay: Relay
) -> None:
    relay.moves_to("10.77.0.21", "10.77.0.22")
    assert [ensure_outgoing_network.fn(service.server()).changed for _ in range(2)] == [True, False]
    assert all(f"ip daddr 10.77.0.2{end} tcp dport 2525 accept" in loaded(service) for end in (1, 2))
    relay.moves_to("10.77.0.23")
    assert ensure_outgoing_network.fn(service.server()).changed
    assert "10.77.0.23 tcp dport 2525" in loaded(service)
    assert "10.77.0.21" not in loaded(service)
    assert "10.77.0.23" in service.on(f"cat {FILE}")


def test_a_relay_whose_name_is_gone_opens_nothing_and_closes_nothing(service: Service, relay: Relay) -> None:
    relay.moves_to("10.77.0.21")
    ensure_outgoing_network.fn(service.server())
    before = loaded(service)
    relay.moves_to()
    with pytest.raises(Unreachable, match=f"The name {relay.name}.phlymail.test does not resolve"):
        ensure_outgoing_network.fn(service.server())
    assert loaded(service) == before


def test_rules_that_nft_refuses_are_neither_loaded_nor_kept_for_the_next_boot(service: Service) -> None:
    rules = outgoing_rules(service.server())
    ssh, before = load(SshHost).connection(service.server()), (loaded(service), service.on(f"cat {FILE}"))
    for broken in (rules.replace("meta skuid", "meta nobody"), rules[:-3]):
        with pytest.raises(StepFailed, match=r"outgoing rules failed on .* with exit code 3"):
            ssh.run(ensure_outgoing_rules_are(broken))
    cut = ensure_outgoing_rules_are(rules)
    with pytest.raises(Unreachable, match="the content came in part only"):
        ssh.run(replace(cut, stdin=cut.stdin[:-1]))
    assert (loaded(service), service.on(f"cat {FILE}")) == before
    assert service.on("find /etc/phm -name '.*'") == ""


def test_the_resolvers_that_a_server_asks_are_learned_and_reached(service: Service) -> None:
    server = service.server()
    assert server.facts["resolvers"] == ["10.77.0.1"]
    with service.broken(
        "cp -L /etc/resolv.conf /root/resolv.aside; printf 'nameserver 10.77.0.7\\nnameserver fd77::7\\nnameserver fe80::1%%eth0\\n' >>/etc/resolv.conf",
        "cat /root/resolv.aside >/etc/resolv.conf",
    ):
        learned = learn_resolvers.fn(server)
        assert learned.facts["resolvers"] == ["10.77.0.1", "10.77.0.7", "fd77::7"]
        assert service.server().facts["resolvers"] == learned.facts["resolvers"]
        assert ensure_outgoing_network.fn(learned).changed
        assert "ip daddr 10.77.0.7 meta l4proto" in loaded(service)
        assert "ip6 daddr fd77::7 meta l4proto" in loaded(service)
    assert ensure_outgoing_network.fn(learn_resolvers.fn(service.server())).changed
    assert "10.77.0.7" not in loaded(service)


def nightly(service: Service) -> subprocess.CompletedProcess[str]:
    """The flow in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", RUN], env={**service.environment, "PYTHONPATH": str(ROOT)},
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def cases_of(service: Service, name: str) -> list[tuple[str, bool]]:
    with service.inventory.reading() as session:
        return [(case.kind, case.settled_at is None) for case in cases.cases_of(session, f"server:{name}")]


def test_every_night_all_servers_are_renewed_and_one_that_fails_is_put_before_a_person(service: Service) -> None:
    """The one that fails shows another host key than the pinned one; it comes first by its name."""
    good = service.server()
    wrong = replace(
        good, name=ServerName("a-stranger"), host_name="a-stranger.phlymail.test", host_key=other_key(good.host_key)
    )

    def become(*states: ServerState) -> None:
        with service.inventory.writing() as session:
            for state in states:
                servers.set_server_state(session, wrong.name, state, by="test", why="tests", now=datetime.now(UTC))

    with service.inventory.writing() as session:
        servers.add_server(session, replace(wrong, state=ServerState.ACTIVE), "test", datetime.now(UTC))
    service.on(f"nft delete table inet phm_outgoing; echo '# by hand' >>{FILE}")
    failed = nightly(service)
    assert failed.returncode != 0
    assert "is not the pinned one" in failed.stderr
    assert "skuid" in loaded(service)
    assert "by hand" not in service.on(f"cat {FILE}")
    assert (cases_of(service, wrong.name), cases_of(service, good.name)) == ([(RULES_OLD, True)], [])
    nightly(service)
    assert cases_of(service, wrong.name) == [(RULES_OLD, True)]
    with service.inventory.writing() as session:
        servers.replace_host_key(session, wrong.name, good.host_key, by="test", why="compared", now=datetime.now(UTC))
    assert nightly(service).returncode == 0
    assert cases_of(service, wrong.name) == [(RULES_OLD, False)]
    become(ServerState.DRAINING, ServerState.RETIRED)


def other_key(key: str) -> str:
    """A key of the same kind that is another server's."""
    kind, encoded = key.split()[:2]
    return f"{kind} {encoded[:-6]}{encoded[-6:].swapcase()}"
