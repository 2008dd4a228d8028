"""Another certificate for a live domain: beside the old one, proven from outside, else the old one again (P31)."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from hosting.errors import StepFailed, Unreachable
from hosting.inventory import certificate_renewals
from hosting.inventory.session import in_transaction
from hosting.policy.states import NameState
from tasks.names import ensure_name_site
from tasks.network import addresses_of
from tasks.own_domains import ensure_name_certificate, served_fingerprint
from tasks.records import inventory, now
from tasks.step import reading, step

if TYPE_CHECKING:
    from hosting.errors import ServiceError
    from hosting.policy.values import ServerFacts
    from tasks.name_records import Naming

SERVED_WITHIN_SECONDS = 10.0
"""So long Apache's old processes may still show the old certificate after the reload."""
EVERY_SECONDS = 0.2


@reading
def read_renewal(naming: Naming) -> Naming | None:
    """The domain as it is to be, with the certificate that waits; None: none does, or the domain is not live."""
    if naming.name.state is not NameState.LIVE:
        return None
    with inventory().reading() as session:
        waiting = certificate_renewals.renewal_of(session, naming.name.id)
    return None if waiting is None else replace(naming, certificate=waiting)


@reading
def prove_renewed(renewed: Naming, server: ServerFacts) -> str:
    """A server shows the new certificate to who comes anew; its fingerprint as it was served.

    Raises:
        Unreachable: nobody answers by TLS.
        StepFailed: another certificate is still served after a while.
    """
    wanted = renewed.certificate.fingerprint if renewed.certificate else ""
    address, deadline = addresses_of(server.host_name)[0], time.monotonic() + SERVED_WITHIN_SECONDS
    while (served := served_fingerprint(renewed.host, address)) != wanted:
        if time.monotonic() > deadline:
            message = (
                f"{server.name} serves the certificate {served[:16]}… for {renewed.host}, not the new {wanted[:16]}…."
            )
            raise StepFailed(message, "Look at the name's file on the server, then hand the certificate over again.")
        time.sleep(EVERY_SECONDS)
    return served


@step
def ensure_old_certificate(naming: Naming, server: ServerFacts) -> bool:
    """The domain's certificate from before is what the server serves."""
    changed = ensure_name_certificate.fn(naming, server).changed
    return ensure_name_site.fn(naming, server).changed or changed


@reading
def record_renewed(renewed: Naming) -> bool:
    """The new certificate is in force; False where another one was handed over meanwhile: it has its own run."""
    if renewed.certificate is None:
        return False
    certificate = renewed.certificate
    return in_transaction(
        inventory(),
        lambda session: certificate_renewals.put_in_force(session, renewed.name.id, certificate, now()),
    )


@reading
def is_given_up(renewed: Naming, error: ServiceError) -> bool:
    """Whether what failed ends the new certificate: what did not answer is tried again, another one has its own run."""
    if renewed.certificate is None or isinstance(error, Unreachable):
        return False
    with inventory().reading() as session:
        return certificate_renewals.given_at(session, renewed.name.id, renewed.certificate) is not None


@reading
def was_renewed(naming: Naming) -> bool:
    """Whether the domain's certificate took another one's place, also in a run that was lost before it told so."""
    if naming.certificate is None:
        return False
    with inventory().reading() as session:
        return certificate_renewals.was_renewed(session, naming.name.id, naming.certificate.fingerprint)


@reading
def record_not_renewed(renewed: Naming, error: ServiceError) -> bool:
    """The new certificate came to nothing, and is forgotten with its key."""
    if renewed.certificate is None:
        return False
    certificate, why = renewed.certificate, str(error)
    return in_transaction(
        inventory(),
        lambda session: certificate_renewals.give_up(session, renewed.name.id, certificate, why, now()),
    )
