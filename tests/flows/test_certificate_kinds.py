"""A good certificate of any kind is served by Apache so that a client who knows the root alone is content (P31).

Each goes the real way: inspected in a process of its own, ordered with its sealed key, written to the server by the
step of `connect-domain`, its site as that flow's template has it; all come into force by one reload. Then OpenSSL's
client judges what is sent, and the customer's instance answers behind it.
"""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from pydantic import SecretStr

from blocks.loading import load
from blocks.ssh_host import SshHost
from deployments.inspecting import inspect_apart
from deployments.own_domains import check_wish, order_with_bundle
from hosting.commands.files import ensure_file
from hosting.commands.services import APACHE, reload
from hosting.inventory import name_orders
from hosting.policy.labels import a_label_of
from hosting.product.layout import NAME_CERTIFICATES
from hosting.product.proof import HEALTH
from tasks.name_records import read_naming
from tasks.names import ensure_names_served, site_of
from tasks.own_domains import ensure_name_certificate, prove_certificate_served
from tests.policy.certificate_forms import FORMS, as_pkcs7, as_pkcs12, in_one_text
from tests.policy.certificates import Signer, authority, key_bytes, site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hosting.policy.customer_certificate import Inspection
    from hosting.policy.own_domain import OwnDomain
    from hosting.policy.values import InstanceFacts
    from tasks.name_records import Naming
    from tests.service_fixture import Service

    Files = Callable[[Signer, "World"], tuple[list[bytes], str]]

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]


class World:
    """Authorities of today: a root, and what stands between it and a customer."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        self.root = authority("Wurzel von heute", now=now)
        self.middle = authority("Mitte von heute", self.root, path=0, now=now)
        self.upper = authority("Obere von heute", self.root, now=now)
        self.lower = authority("Untere von heute", self.upper, now=now)
        self.lowest = authority("Unterste von heute", self.lower, now=now)
        self.rsa = authority("RSA-Mitte von heute", self.root, key_label="rsa 3072 by", now=now)
        self.p384 = authority("P-384-Mitte von heute", self.root, key_label="p384 by", now=now)
        self.foreign = authority("Fremde von heute", authority("Fremde Wurzel von heute", now=now), now=now)

    def chain(self, names: tuple[str, ...]) -> list[Signer]:
        """Authorities by their names here, the nearest to the customer first."""
        found: list[Signer] = [getattr(self, name) for name in names]
        return found


@dataclass(frozen=True)
class Kind:
    """What a customer hands over.

    Args:
        files: his files and the passphrase.
        key: of what kind his key is.
        chain: who stands between him and the root, the nearest first; all of them have to be sent.
        domain: as he orders it; N is the case's own number.
        names: what the certificate covers; the domain itself where none is named.
    """

    files: Files
    key: str = "p256"
    chain: tuple[str, ...] = ("middle",)
    domain: str = "mail.kundeN.example"
    names: tuple[str, ...] = ()


def of_form(form: str, key: str) -> Kind:
    return Kind(lambda own, world: FORMS[form](own, world.middle), key)


def in_text(*others: str) -> Files:
    """One file with these authorities in this order, whatever the right one is."""
    return lambda own, world: ([in_one_text(own, *world.chain(others))], "")


def of_names(domain: str, *names: str) -> Kind:
    return Kind(in_text("middle"), domain=domain, names=names)


THREE = ("lowest", "lower", "upper")
KEYS = {
    "RSA 2048": "rsa 2048 x",
    "RSA 3072": "rsa 3072 x",
    "RSA 4096": "rsa 4096 x",
    "P-256": "p256",
    "P-384": "p384 x",
}
OF_ITS_KIND = ("DER", "key as of old", "old key in DER", "PKCS#12", "key with passphrase", "old key with passphrase")
"""Forms that look another way for each kind of key."""

KINDS: dict[str, Kind] = {
    **{f"a key {kind}": of_form("one text", label) for kind, label in KEYS.items()},
    **{f"P-256, {form}": of_form(form, "p256") for form in FORMS},
    **{f"{kind}, {form}": of_form(form, KEYS[kind]) for kind in ("RSA 2048", "P-384") for form in OF_ITS_KIND},
    "intermediates in order": Kind(in_text(*THREE), chain=THREE),
    "intermediates the other way round": Kind(in_text("upper", "lower", "lowest"), chain=THREE),
    "intermediates mixed, the root and a stranger among them": Kind(
        in_text("lower", "root", "upper", "foreign", "lowest"), chain=THREE
    ),
    "an intermediate that lies in another file": Kind(
        lambda own, world: ([in_one_text(own, world.lowest), world.upper.der, world.lower.pem], ""), chain=THREE
    ),
    "an intermediate that only the PKCS#7 beside it has": Kind(
        lambda own, world: ([as_pkcs12(own, world.lowest), as_pkcs7(world.upper, world.lower, world.root)], ""),
        chain=THREE,
    ),
    "an intermediate that only another's PKCS#12 has": Kind(
        lambda own, world: ([own.pem, key_bytes(own.key), as_pkcs12(world.foreign, *world.chain(THREE))], ""),
        chain=THREE,
    ),
    "no intermediate": Kind(lambda own, _: ([in_one_text(own)], ""), chain=()),
    "signed by an RSA key": Kind(in_text("rsa"), chain=("rsa",)),
    "an RSA key, signed by one": Kind(in_text("rsa"), "rsa 2048 x", ("rsa",)),
    "signed by a P-384 key": Kind(in_text("p384"), chain=("p384",)),
    "a wildcard": of_names("mail.kundeN.example", "*.kundeN.example"),
    "a wildcard deeper down": of_names("post.mail.kundeN.example", "kundeN.example", "*.mail.kundeN.example"),
    "several names": of_names("mail.kundeN.example", "kundeN.example", "www.kundeN.example", "MAIL.kundeN.example"),
    "a domain with umlauts": of_names("Post.Müller-N.example", "post.müller-N.example"),
    "a wildcard under umlauts": of_names("Grüße.Müller-N.example", "*.müller-N.example"),
    "a domain in Greek": of_names("ταχυδρομείο.kundeN.example", "ταχυδρομείο.kundeN.example"),
}


@dataclass(frozen=True)
class Handed:
    """A customer's certificate, and what came of it.

    Args:
        own: the certificate with its key.
        domain: that he ordered.
        inspection: what was found in his files.
    """

    own: Signer
    domain: OwnDomain
    inspection: Inspection


def handed_over(service: Service, instance: InstanceFacts, world: World, case: str) -> Handed:
    """What a customer orders and hands over, looked at as the console and the page have it looked at."""
    kind, now, number = KINDS[case], datetime.now(UTC), str([*KINDS].index(case))
    wish, *names = (name.replace("N", number) for name in (kind.domain, *(kind.names or (kind.domain,))))
    with service.inventory.reading() as session:
        domain = check_wish(session, service.settings, instance.name, wish).domain
    assert domain is not None
    coded = [".".join(map(a_label_of, name.split("."))) for name in names]
    by = world.chain(kind.chain)[0] if kind.chain else world.root
    own = site(*coded, by=by, common=coded[0], key_label=kind.key, now=now)
    files, passphrase = kind.files(own, world)
    secret = SecretStr(passphrase) if passphrase else None
    return Handed(own, domain, inspect_apart(files, secret, domain, world.root.pem, now))


def ordered(service: Service, instance: InstanceFacts, one: Handed) -> Naming:
    """The domain with its certificate, recorded as console and page record it; its files on the server."""
    bundle = one.inspection.bundle
    assert bundle is not None, [str(found) for found in one.inspection.findings]
    with service.inventory.writing() as session:
        name = order_with_bundle(
            session,
            service.settings,
            instance.name,
            one.domain,
            bundle,
            by="olga",
            why="by mail",
            now=datetime.now(UTC),
        )
    naming = read_naming.fn(name.id, instance.name)
    assert ensure_name_certificate.fn(naming, naming.server)
    assert load(SshHost).connection(naming.server).run(ensure_file(naming.site_file, site_of(naming, naming.server)))
    return naming


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def served(service: Service, world: World) -> Iterator[dict[str, Naming | Exception]]:
    """All cases on one server; one that does not come there has its exception instead."""
    instance = service.provision()
    server = service.server(instance.server_name)
    ensure_names_served.fn(server)
    with ThreadPoolExecutor(2) as pool:
        all_handed = [pool.submit(handed_over, service, instance, world, case) for case in KINDS]
    found: dict[str, Naming | Exception] = {}
    for case, handed in zip(KINDS, all_handed, strict=True):
        try:
            found[case] = ordered(service, instance, handed.result())
        except Exception as error:  # noqa: BLE001  # of the case's own test
            found[case] = error
    assert load(SshHost).connection(server).run(reload(APACHE, host=server.host_name)).changed
    yield found
    with service.inventory.writing() as session:
        name_orders.give_back(session, instance.name, by="olga", why="the test is over", now=datetime.now(UTC))
    gone = f"rm -f /etc/apache2/phm/names/*.example.*.conf {NAME_CERTIFICATES}/* && systemctl reload apache2"
    service.on(gone, server.name)


@pytest.mark.parametrize("case", KINDS)
def test_a_good_one_of_any_kind_is_served_and_openssl_s_client_is_content(
    served: dict[str, Naming | Exception], world: World, tmp_path: Path, case: str
) -> None:
    naming = served[case]
    if isinstance(naming, Exception):
        raise naming
    shown = prove_certificate_served.fn(naming, naming.server)
    sent, status = asked_by_openssl(naming.host, naming.server.address, world.root, tmp_path)
    assert naming.certificate is not None
    assert shown == naming.certificate.fingerprint == sent[0].fingerprint(SHA256()).hex()
    assert sent[1:] == [one.certificate for one in world.chain(KINDS[case].chain)]
    assert status == "HTTP/1.1 401"


def asked_by_openssl(host: str, address: str, root: Signer, folder: Path) -> tuple[list[x509.Certificate], str]:
    """All certificates that are sent to a client who knows a root alone and takes nothing bad; the answer's status."""
    (folder / "root.pem").write_bytes(root.pem)
    words = ("-connect", f"{address}:443", "-servername", host, "-verify_hostname", host, "-verify_return_error",
             "-CAfile", "root.pem", "-no-CApath", "-no-CAstore", "-showcerts", "-ign_eof")  # fmt: skip
    request = f"GET /{HEALTH} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    said = subprocess.run(
        ["openssl", "s_client", *words], cwd=folder, input=request, capture_output=True, text=True, timeout=20,
        check=False,
    )  # fmt: skip
    assert "Verify return code: 0 (ok)" in said.stdout, said.stdout[-2000:] + said.stderr[-500:]
    found = re.search(r"^HTTP/1\.1 \d+", said.stdout, re.MULTILINE)
    return x509.load_pem_x509_certificates(said.stdout.encode()), found[0] if found else said.stdout[-500:]
