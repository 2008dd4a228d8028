"""Where a domain leads, asked of real name servers: gone, broken, silent or astray is told apart (P30)."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.inventory import name_orders, servers
from hosting.inventory.name_certificates import CertificateFacts
from hosting.inventory.session import in_transaction
from hosting.policy.own_domain import OwnDomain
from tasks import own_domains
from tasks.name_records import read_naming
from tasks.own_domains import read_pointing
from tests.policy.certificates import NOW
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.name_records import Naming

DOMAIN = OwnDomain("wartet.example", "wartet.example", "wartet.example")
SERVER = "app1.phlymail.test"
BROKEN, SILENT, NOBODY = "broken", "silent", ""
"""What a resolver does in place of saying an address: SERVFAIL, nothing, NXDOMAIN."""


@contextlib.contextmanager
def resolver(says: dict[str, str]) -> Iterator[int]:
    """The port of a name server on loopback that says of each name what it is told."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            """One question."""
            wire, sending = self.request
            query = dns.message.from_wire(wire)
            said, answer = says[query.question[0].name.to_text(omit_final_dot=True)], dns.message.make_response(query)
            answer.flags |= dns.flags.RA
            if said == SILENT:
                return
            if said in {BROKEN, NOBODY}:
                answer.set_rcode(dns.rcode.SERVFAIL if said == BROKEN else dns.rcode.NXDOMAIN)
            elif query.question[0].rdtype == dns.rdatatype.A:
                answer.answer.append(dns.rrset.from_text(query.question[0].name, 1, "IN", "A", said))
            sending.sendto(answer.to_wire(), self.client_address)

    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def at_port(port: int) -> type[dns.resolver.Resolver]:
    """The library's resolver, which asks at another port than 53."""

    class AtPort(dns.resolver.Resolver):
        def reset(self) -> None:
            super().reset()
            self.port = port

    return AtPort


@pytest.fixture
def naming(tmp_path: Path) -> Iterator[Naming]:
    with provided(tmp_path) as inventory:
        instance = opened(inventory, "A-1", NOW)
        facts = CertificateFacts("a" * 64, NOW, "Beispiel CA", "PEM")
        order = partial(
            name_orders.order_domain,
            instance=instance,
            domain=DOMAIN,
            certificate=facts,
            sealed_key="",
            by="o",
            now=NOW,
        )
        made = read_naming.fn(in_transaction(inventory, order).id)
        with inventory.reading() as session:
            yield replace(made, server=servers.server_facts(session, "app1"))


@pytest.mark.parametrize(
    ("server", "domain", "points", "known"),
    [
        ("192.0.2.1", "192.0.2.1", True, True),
        ("192.0.2.1", "192.0.2.9", False, True),
        ("192.0.2.1", NOBODY, False, True),
        ("192.0.2.1", BROKEN, False, True),  # its name servers are gone: the resolver finds everything else
        ("192.0.2.1", SILENT, False, False),
        (BROKEN, BROKEN, False, False),  # the resolver itself is at fault
        (NOBODY, BROKEN, False, False),
        (SILENT, "192.0.2.9", False, False),
    ],
)
def test_a_domain_that_nobody_finds_leads_nowhere_and_silence_says_nothing(
    naming: Naming, monkeypatch: pytest.MonkeyPatch, *, server: str, domain: str, points: bool, known: bool
) -> None:
    if SILENT in {server, domain}:  # who answers has all the time that a busy machine wants
        monkeypatch.setattr(own_domains, "SECONDS", 0.3)
    monkeypatch.setattr(load(ServiceSettings), "resolvers", ["127.0.0.1"])
    with resolver({SERVER: server, DOMAIN.ascii: domain}) as port:
        monkeypatch.setattr(dns.resolver, "Resolver", at_port(port))
        found = read_pointing.fn(naming)
    assert (found.points, found.known) == (points, known), found.told
    if known and not points and domain != "192.0.2.9":
        assert found.told == "wartet.example leads nowhere, says 127.0.0.1."
