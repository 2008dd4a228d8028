"""Customers' own domains on the fleet: ordered with a certificate, looked for at resolvers of the tests', run."""

from __future__ import annotations

import contextlib
import secrets
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from deployments.console.settings_from_fleet import as_toml, settings_of
from fleet import certificates
from hosting.inventory import name_orders
from hosting.inventory.name_certificates import CertificateFacts
from hosting.policy.own_domain import OwnDomain
from hosting.settings import SETTINGS_FILE
from tests.service.plans import Plan
from tests.service.resolver import resolver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.policy.values import InstanceFacts, NameFacts
    from tests.service.plans import Fault, Outcome
    from tests.service_fixture import Service

DOMAIN = OwnDomain("Post.Müller.example", "post.müller.example", "post.xn--mller-kva.example")
RESOLVERS = tuple(f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250)}.{last}" for last in (77, 78))
"""Of this session alone: others run beside it."""
Told = list[dict[str, list[str]]]


@contextlib.contextmanager
def asked_resolvers(service: Service, *hosts: str) -> Iterator[Told]:
    """What each of the two resolvers says of these domains, nothing at first; the service asks them meanwhile."""
    fleet = service.fleet.description()["dns"]["address"]
    says: Told = [{host: [] for host in hosts} for _ in RESOLVERS]
    content = settings_of(service.fleet.description(), service.home)
    before = (service.home / SETTINGS_FILE).read_text()
    content |= {"prefect_api_url": service.settings.prefect_api_url, "resolvers": list(RESOLVERS)}
    content["inventory_url"] = service.settings.inventory_url.get_secret_value()
    content["sealing_key"] = service.settings.sealing_key.get_secret_value()
    with contextlib.ExitStack() as stack:
        for address, one in zip(RESOLVERS, says, strict=True):
            stack.enter_context(resolver(address, fleet, one))
        (service.home / SETTINGS_FILE).write_text(as_toml(content))
        try:
            yield says
        finally:
            (service.home / SETTINGS_FILE).write_text(before)


def authority_in(service: Service, folder: Path) -> Path:
    """A folder with the fleet's authority, which the service trusts as browsers trust theirs."""
    for name in ("ca.pem", "ca.key"):
        (folder / name).write_bytes((service.fleet.places.certificates / name).read_bytes())
    return folder


def lead_to(told: Told, address: str, domain: OwnDomain = DOMAIN) -> None:
    """The DNS leads there, whichever resolver is asked; nowhere where none is given."""
    for one in told:
        one[domain.ascii] = [address] if address else []


def ordered(service: Service, instance: InstanceFacts, authority: Path, domain: OwnDomain = DOMAIN) -> NameFacts:
    """The domain with a certificate, as the console records it."""
    file = certificates.ensure_leaf(authority, domain.ascii, [domain.ascii])
    leaf, now = x509.load_pem_x509_certificate(file.read_bytes()), datetime.now(UTC)
    print_of = sha256(leaf.public_bytes(Encoding.DER)).hexdigest()
    facts = CertificateFacts(print_of, leaf.not_valid_after_utc, "the fleet", file.read_text())
    sealed = load(ServiceSettings).seal(file.with_suffix(".key").read_text())
    with service.inventory.writing() as session:
        return name_orders.order_domain(session, instance.name, domain, facts, sealed, by="olga", now=now)


def run(service: Service, name: NameFacts, flow: str = "connect_domain", fault: Fault | None = None) -> Outcome:
    """The run that brings a domain up, or another one about it."""
    request = {"instance": name.instance_name, "number": name.id}
    return service.runner.run(Plan(flow=f"flows.connect_domain.{flow}", parameters=request, fault=fault))


def cancelled(service: Service, instance: InstanceFacts, domain: OwnDomain = DOMAIN) -> None:
    """The domain is to go."""
    with service.inventory.writing() as session:
        name_orders.order_release(session, instance.name, domain.ascii, by="olga", why="by mail", now=datetime.now(UTC))
