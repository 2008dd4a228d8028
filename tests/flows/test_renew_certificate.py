"""A domain's certificate is renewed without a gap; where the new one fails, the old one is back (P31).

All the while visitors come anew to the long form and to the domain, their browsers checking the certificate.
"""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from blocks.loading import load, provide
from blocks.service_settings import ServiceSettings
from fleet import certificates
from hosting.inventory import cases, certificate_renewals, letters, name_certificates, name_orders
from hosting.inventory.name_certificates import CertificateFacts
from hosting.policy.own_domain import OwnDomain
from tests.flows.test_own_domain import authority, instance, keys_on, told
from tests.service import names as held
from tests.service.names import Asked
from tests.service.own_domains import RESOLVERS, run
from tests.service.plans import Fault, Outcome, Plan

if TYPE_CHECKING:
    from pathlib import Path

    from hosting.policy.values import InstanceFacts, NameFacts
    from tests.service.own_domains import Told
    from tests.service_fixture import Service

__all__ = ["authority", "instance", "told"]
pytestmark = [pytest.mark.fleet, pytest.mark.prefect]


DOMAIN = OwnDomain("Neu.Müller.example", "neu.müller.example", "neu.xn--mller-kva.example")


STEPS = (
    "read_naming", "read_renewal", "ensure_name_certificate", "ensure_name_site", "prove_renewed",
    "record_renewed", "was_renewed", "tell_customer_renewed", "ensure_no_other_certificate", "record_name_done",
)  # fmt: skip
"""The steps of a renewal that succeeds."""
GOING_BACK = (
    "ensure_old_certificate", "is_given_up", "ensure_no_other_certificate", "tell_customer_not_renewed",
    "record_not_renewed",
)  # fmt: skip
"""Those of one that does not."""


def leaf(folder: Path, stem: str, key: str = "", fingerprint: str = "") -> tuple[CertificateFacts, str]:
    """A certificate for the domain and its key, as they were handed over; another's key, or told wrongly."""
    file = certificates.ensure_leaf(folder, stem, [DOMAIN.ascii])
    read = x509.load_pem_x509_certificate(file.read_bytes())
    print_of = fingerprint or sha256(read.public_bytes(Encoding.DER)).hexdigest()
    facts = CertificateFacts(print_of, read.not_valid_after_utc, "the fleet", file.read_text())
    return facts, (folder / f"{key or stem}.key").read_text()


def offered(service: Service, instance: InstanceFacts, facts: CertificateFacts, key: str) -> NameFacts:
    """The domain with a certificate, recorded as console and page record it."""
    sealed = load(ServiceSettings).seal(key)
    with service.inventory.writing() as session:
        return name_orders.order_domain(session, instance.name, DOMAIN, facts, sealed, by="olga", now=datetime.now(UTC))


def renew(service: Service, name: NameFacts, fault: Fault | None = None) -> Outcome:
    request: dict[str, Any] = {"instance": name.instance_name, "number": name.id}
    flow = "flows.renew_certificate.renew_certificate"
    return service.runner.run(Plan(flow=flow, parameters=request, fault=fault))


def seen_by_openssl(address: str, authority: Path) -> str:
    """The fingerprint that OpenSSL's own client sees, which takes no certificate but one that is good for the domain."""
    words = ("-connect", f"{address}:443", "-servername", DOMAIN.ascii, "-verify_hostname", DOMAIN.ascii,
             "-verify_return_error", "-CAfile", str(authority / "ca.pem"))  # fmt: skip
    said = subprocess.run(
        ["openssl", "s_client", *words], input="", capture_output=True, text=True, timeout=20, check=False
    )
    assert "Verify return code: 0 (ok)" in said.stdout, said.stdout[-2000:]
    return sha256(x509.load_pem_x509_certificate(said.stdout.encode()).public_bytes(Encoding.DER)).hexdigest()


def keys_of(service: Service, name: NameFacts) -> list[str]:
    """What lies of the domain on the server."""
    return [line for line in keys_on(service) if f"/{name.id}." in line]


def in_force(service: Service, name: NameFacts) -> tuple[str, bool]:
    with service.inventory.reading() as session:
        certificate = name_certificates.certificate_of(session, name.id)
        waits = certificate_renewals.renewal_of(session, name.id) is not None
    assert certificate is not None
    return certificate.fingerprint, waits


@pytest.mark.timeout(300)
def test_a_certificate_is_renewed_without_a_gap_and_a_bad_one_leaves_the_old_one_in_force(
    service: Service, told: Told, instance: InstanceFacts, authority: Path
) -> None:
    settings = load(ServiceSettings).model_dump(include=set(ServiceSettings.model_fields))
    provide(ServiceSettings(**{**settings, "resolvers": list(RESOLVERS)}))
    server, long_form = service.server(instance.server_name), held.url(service, instance)
    for one in told:
        one[DOMAIN.ascii] = [server.address]
    name = offered(service, instance, *leaf(authority, "first"))
    live = run(service, name)
    assert live.completed, live
    first, second = leaf(authority, "first")[0].fingerprint, leaf(authority, "second")[0].fingerprint
    assert seen_by_openssl(server.address, authority) == first

    domain = f"https://{DOMAIN.ascii}/"
    with Asked(long_form, domain) as asked:
        for bad, said in (
            (leaf(authority, "second", key="first"), "the key is not the certificate's"),
            (leaf(authority, "third", fingerprint="0" * 64), "not the new 0000000000000000…"),
        ):
            offered(service, instance, *bad)
            failed = renew(service, name)
            assert (failed.error, said in failed.message) == ("StepFailed", True), failed
            assert seen_by_openssl(server.address, authority) == first
            assert in_force(service, name) == (first, False)
            assert len(keys_of(service, name)) == 2

        offered(service, instance, *leaf(authority, "second"))
        killed = renew(service, name, Fault("ensure_name_site", "after"))
        assert killed.state == "Killed", killed
        assert in_force(service, name) == (first, True)
        began = time.monotonic()
        good = renew(service, name)
        assert good.completed, good
        seconds = time.monotonic() - began
        assert seen_by_openssl(server.address, authority) == second
        assert in_force(service, name) == (second, False)
        assert {line.split()[0] for line in keys_of(service, name) if line.endswith(".key")} == {"600"}
        assert len(keys_of(service, name)) == 2
    assert asked.failures(long_form) == []
    assert asked.failures(domain) == []

    told[1][DOMAIN.ascii] = ["192.0.2.9"]
    looked = service.runner.run(Plan(flow="flows.inspect_certificates.inspect_certificates"))
    assert looked.completed, looked
    with service.inventory.reading() as session:
        assert name_orders.open_works(session, name) == []
        astray = [one for one in cases.open_cases(session) if one.kind == cases.DOMAIN_ASTRAY]
        assert len(astray) == 1
        assert letters.letter_sent(session, f"certificate_renewed:{name.id}:{second[:16]}")
        assert letters.letter_sent(session, f"domain_astray:{name.id}:{astray[0].id}")

    with service.inventory.writing() as session:
        name_orders.order_release(session, instance.name, DOMAIN.ascii, by="olga", why="", now=datetime.now(UTC))
    assert run(service, name, "disconnect_domain").completed
    assert keys_of(service, name) == []
    visits = len(asked.seen[domain])
    sys.stdout.write(f"renewed in {seconds:.1f} s; {visits} visits to the domain meanwhile, none saw anything else\n")


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_renewal_killed_at_any_step_is_gone_on_with_and_nobody_is_turned_away(
    service: Service, told: Told, instance: InstanceFacts, authority: Path, moment: Literal["before", "after"]
) -> None:
    settings = load(ServiceSettings).model_dump(include=set(ServiceSettings.model_fields))
    provide(ServiceSettings(**{**settings, "resolvers": list(RESOLVERS)}))
    server, domain = service.server(instance.server_name), f"https://{DOMAIN.ascii}/"
    for one in told:
        one[DOMAIN.ascii] = [server.address]
    name = offered(service, instance, *leaf(authority, "first"))
    assert run(service, name).completed
    with Asked(domain) as asked:
        for number, step in enumerate(STEPS):
            offered(service, instance, *leaf(authority, f"{number}"))
            assert renew(service, name, Fault(step, moment)).state == "Killed", step
            assert renew(service, name).completed, step
            assert in_force(service, name) == (leaf(authority, f"{number}")[0].fingerprint, False), step
            assert len(keys_of(service, name)) == 2, step
        for number, step in enumerate(GOING_BACK):
            before = in_force(service, name)
            offered(service, instance, *leaf(authority, f"bad-{number}", fingerprint=str(number) * 64))
            assert renew(service, name, Fault(step, moment)).state == "Killed", step
            renew(service, name)  # goes on with going back, or finds that nothing waits any more
            assert in_force(service, name) == before, step
            assert seen_by_openssl(server.address, authority) == before[0], step
            assert len(keys_of(service, name)) == 2, step
    assert asked.failures(domain) == []
    with service.inventory.writing() as session:
        name_orders.order_release(session, instance.name, DOMAIN.ascii, by="olga", why="", now=datetime.now(UTC))
    assert run(service, name, "disconnect_domain").completed
