"""A domain of the customer's own: its certificate on the server, where the DNS leads, what is served (P30 to P32)."""

from __future__ import annotations

import socket
import ssl
from hashlib import sha256
from pathlib import PurePosixPath as Path
from typing import TYPE_CHECKING

import dns.exception
import dns.resolver

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from hosting.commands.certificates import ensure_no_others, ensure_pair
from hosting.errors import DriftFound, StepFailed, Unreachable
from hosting.inventory import name_certificates
from hosting.policy.pointing import Pointing, Seen, led_by, own_addresses
from hosting.policy.values import NameKind
from hosting.product.layout import NAME_CERTIFICATES
from tasks.network import addresses_of
from tasks.records import inventory
from tasks.step import reading, run_logger, step

if TYPE_CHECKING:
    from hosting.policy.values import ServerFacts
    from tasks.name_records import Naming

SECONDS = 5.0
OURS = (Path("/etc/apache2/phm/certificate.pem"), Path("/etc/apache2/phm/certificate.key"))
"""The zone's certificate and its key, as the enrolment writes them."""


def certificate_files(naming: Naming) -> tuple[Path, Path]:
    """What Apache is told for a name: the zone's certificate and key, or the domain's own.

    Those are called by what is in them, intermediates and all: other ones lie beside them, and are loaded.

    Raises:
        DriftFound: a domain without a certificate.
    """
    if naming.name.kind is NameKind.SUBDOMAIN:
        return OURS
    if naming.certificate is None:
        message = f"The domain {naming.host} of {naming.instance.name} has no certificate."
        raise DriftFound(message, "Hand it over again: phm domain connect.")
    stem = f"{naming.name.id}.{sha256(naming.certificate.certificate_pem.encode()).hexdigest()[:16]}"
    return NAME_CERTIFICATES / f"{stem}.pem", NAME_CERTIFICATES / f"{stem}.key"


@step
def ensure_name_certificate(naming: Naming, server: ServerFacts) -> bool:
    """A domain's certificate and key on a server, the key for root alone, beside the pair that is in force."""
    if naming.certificate is None:
        return False
    with inventory().reading() as session:
        sealed = name_certificates.sealed_key(session, naming.name.id, naming.certificate.fingerprint)
    key = load(ServiceSettings).unseal(sealed)
    command = ensure_pair(*certificate_files(naming), naming.certificate.certificate_pem, key)
    return load(SshHost).connection(server).run(command, "Have the customer hand over both again.").changed


@step
def ensure_no_other_certificate(naming: Naming, server: ServerFacts, *, all_gone: bool = False) -> bool:
    """No key of a domain lies on a server but that which is in force; none at all once the domain is gone."""
    if naming.name.kind is NameKind.SUBDOMAIN:
        return False
    kept = () if all_gone else certificate_files(naming)
    return load(SshHost).connection(server).run(ensure_no_others(NAME_CERTIFICATES, naming.name.id, *kept)).changed


@reading
def read_pointing(naming: Naming, *, passed_on: bool = False) -> Pointing:
    """Whether the domain leads to its server, by each of the service's resolvers.

    Args:
        naming: the domain.
        passed_on: a server that the instance has left is as good, since it passes the domain on.
    """
    resolvers = list(dict.fromkeys(load(ServiceSettings).resolvers)) or [""]
    servers = naming.everywhere if passed_on else (naming.server,)
    own = own_addresses([[_seen(by, server.host_name) for by in resolvers] for server in servers])
    return led_by(naming.host, [_seen(by, naming.host) for by in resolvers], own)


@reading
def prove_certificate_served(naming: Naming, server: ServerFacts) -> str:
    """A server shows the domain's own certificate to who comes for it; its fingerprint as it was served.

    Raises:
        Unreachable: nobody answers by TLS.
        StepFailed: another certificate is served.
    """
    wanted = naming.certificate.fingerprint if naming.certificate else ""
    served = served_fingerprint(naming.host, addresses_of(server.host_name)[0])
    if served != wanted:
        message = f"{server.name} serves the certificate {served[:16]}… for {naming.host}, not {wanted[:16]}…."
        raise StepFailed(message, "Look at the name's file on the server, then run again.")
    return served


def anybody() -> ssl.SSLContext:
    """For asking whoever answers, whatever certificate is shown: a customer's own may have ended."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def served_fingerprint(host: str, address: str) -> str:
    """SHA-256 of the certificate that is shown at an address to who comes for a name, whoever issued it.

    Raises:
        Unreachable: nobody answers by TLS.
    """
    try:
        with (
            socket.create_connection((address, 443), SECONDS) as plain,
            anybody().wrap_socket(plain, server_hostname=host) as secure,
        ):
            shown = secure.getpeercert(binary_form=True) or b""
    except OSError as error:
        message = f"{address} does not answer for {host} by TLS ({type(error).__name__})."
        raise Unreachable(message, "Look at the server's web service.") from error
    return sha256(shown).hexdigest()


def _seen(resolver: str, host: str) -> Seen:
    """What a resolver says of a host: all its addresses; that it can't find out, or nothing at all, is told apart."""
    asked = dns.resolver.Resolver(configure=not resolver)
    if resolver:
        asked.nameservers = [resolver]
    found: list[str] = []
    for kind in ("A", "AAAA"):
        try:
            found += map(str, asked.resolve(host, kind, lifetime=SECONDS))
        except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
            continue
        except dns.exception.DNSException as error:
            run_logger().warning("%s says nothing of %s: %s", resolver or "The system", host, type(error).__name__)
            failed = isinstance(error, dns.resolver.NoNameservers) and not found
            return Seen(resolver, (), silent=True, failed=failed)
    return Seen(resolver, tuple(found))
