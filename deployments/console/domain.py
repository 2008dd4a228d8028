"""`phm domain`: domains of customers' own, with their certificates (P30 to P32)."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import Reason, acting, ask, now, reading, reason_given
from deployments.console.held_names import Instance, Yes, done, own, result
from hosting.errors import Refused, ServiceError
from hosting.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pydantic import SecretStr
    from sqlalchemy.orm import Session

    from hosting.policy.customer_certificate import Bundle, Inspection
    from hosting.policy.findings import Finding
    from hosting.policy.own_domain import OwnDomain
    from hosting.policy.values import NameFacts
    from hosting.settings import Settings

app = typer.Typer(help="Domains of customers' own: check, connect, disconnect; phm name list shows them.")

INSPECT_SECONDS = 20
"""What an encrypted file holds inside another can't be foreseen: its inspection ends after so long."""

Domain = Annotated[str, typer.Argument(help="As the customer ordered it, e.g. post.müller.de.")]
Files = Annotated[
    list[Path],
    typer.Option("--file", help="Certificate, intermediates, key: one file or several, any form.", exists=True),
]
Locked = Annotated[bool, typer.Option("--passphrase", help="The key has a passphrase; you are asked for it.")]


@app.command("check")
def check(domain: Domain, *, file: Files, passphrase: Locked = False) -> None:
    """Say all that speaks against a domain and its certificate; nothing is recorded."""
    settings = load_settings()
    found, bundle = inspected(settings, checked_domain(settings, domain, ""), file, locked=passphrase)
    for finding in found:
        typer.echo(str(finding))
    if bundle is None:
        raise Refused("It can't be connected so.", "Have the customer put right what is listed above.")
    typer.echo(f"It fits: issued by {bundle.issuer}, good until {bundle.not_after:%Y-%m-%d}.")


@app.command("connect")
def connect(
    instance: Instance, domain: Domain, reason: Reason, *, file: Files, passphrase: Locked = False, yes: Yes = False
) -> None:
    """Connect a customer's domain, or give it another certificate; of the files nothing is kept but sealed."""
    settings, why = load_settings(), reason_given(reason)
    own(instance)
    wanted = checked_domain(settings, domain, instance)
    found, bundle = inspected(settings, wanted, file, locked=passphrase)
    if bundle is None:
        said = " ".join(str(one) for one in found if one.refuses)
        raise Refused(f"{wanted.ordered} can't be connected: {said}", "Nothing was changed.")
    for finding in found:
        typer.echo(str(finding))
    had = [one for one in own(instance) if one.a_label != wanted.ascii]
    before = f" in place of {', '.join(one.as_ordered for one in had)}" if had else ""
    until = f"{bundle.not_after:%Y-%m-%d}"
    ask(f"Do you connect {wanted.ordered} ({wanted.ascii}, good until {until}) to {instance}{before}?", yes=yes)
    name = recorded(settings, instance, wanted, bundle, why)
    last = result(settings, name)
    if name.state == "live":
        typer.echo(f"{wanted.ordered} gets the certificate by a run that has begun.")
    elif last.state == "live":
        typer.echo(f"{instance} is at https://{wanted.ascii}/.")
    elif last.finding:
        typer.echo(f"{wanted.ordered} is prepared and not live yet: {last.finding}")
    else:
        raise ServiceError(f"{wanted.ordered} is still being prepared.", f"Look at: phm name list {instance}.")


@app.command("disconnect")
def disconnect(instance: Instance, domain: Domain, reason: Reason, *, yes: Yes = False) -> None:
    """Take a domain away, with its certificate and key; the instance goes on in its long form."""
    settings, why = load_settings(), reason_given(reason)
    ascii_name = next((one.a_label for one in own(instance) if domain in {one.as_ordered, one.a_label}), domain)
    ask(f"Does {domain} go from {instance}? Nobody reaches it under that name from then on.", yes=yes)

    def order(session: Session, by: str, at: datetime) -> NameFacts:
        from hosting.inventory import name_orders  # noqa: PLC0415  # not before it is needed: help is quick

        return name_orders.order_release(session, instance, ascii_name, by=by, why=why, now=at)

    done(settings, acting(order, settings))


def checked_domain(settings: Settings, wish: str, instance: str) -> OwnDomain:
    """A customer's wish as a domain; what this instance has already may be ordered again.

    Raises:
        Refused: all that speaks against it.
    """
    from hosting.inventory import names, servers  # noqa: PLC0415  # as above
    from hosting.policy.own_domain import check_domain  # noqa: PLC0415  # as above
    from hosting.policy.values import NameKind  # noqa: PLC0415  # as above

    with reading() as session:
        ours = {settings.zone, *(server.host_name for server in servers.all_servers(session))}
        held = [one for one in names.all_names(session) if one.kind is NameKind.DOMAIN and one.state != "gone"]
    connected = {one.a_label for one in held if one.instance_name != instance}
    found = check_domain(wish, ours, connected)
    if found.domain is None:
        raise Refused(" ".join(map(str, found.findings)), "Nothing was changed.")
    return found.domain


def inspected(
    settings: Settings, domain: OwnDomain, files: Sequence[Path], *, locked: bool
) -> tuple[tuple[Finding, ...], Bundle | None]:
    """What the files hold, looked at in a process that is ended if it takes too long.

    Raises:
        ServiceError: it took too long.
    """
    from pydantic import SecretStr  # noqa: PLC0415  # as above

    secret = SecretStr(typer.prompt("Passphrase", hide_input=True, err=True)) if locked else None
    contents = [file.read_bytes() for file in files]
    forking = multiprocessing.get_context("fork")
    ours, theirs = forking.Pipe(duplex=False)
    child = forking.Process(target=_inspect, args=(theirs, contents, secret, domain, settings.authorities_pem))
    child.start()
    theirs.close()
    try:
        if not ours.poll(INSPECT_SECONDS):
            raise ServiceError("The files could not be looked at in time.", "Have the customer send them unpacked.")
        found: Inspection = ours.recv()
    except EOFError as error:
        raise ServiceError("The files could not be looked at.", "Have the customer send them as PEM.") from error
    finally:
        child.kill()
        child.join()
    return found.findings, found.bundle


def _inspect(
    answer: Any, contents: list[bytes], secret: SecretStr | None, domain: OwnDomain, authorities_pem: str
) -> None:
    """In the process of its own."""
    import certifi  # noqa: PLC0415  # as above

    from hosting.policy.certificate_chain import trusted_roots  # noqa: PLC0415  # as above
    from hosting.policy.customer_certificate import inspect  # noqa: PLC0415  # as above

    trusted = Path(certifi.where()).read_bytes() + b"\n" + authorities_pem.encode()
    answer.send(inspect(contents, secret, domain, trusted_roots(trusted), now()))


def recorded(settings: Settings, instance: str, domain: OwnDomain, bundle: Bundle, why: str) -> NameFacts:
    """The domain with its certificate, its key sealed, and the work that brings it up."""
    from cryptography.fernet import Fernet  # noqa: PLC0415  # as above

    from hosting.inventory import deeds, instances, name_orders  # noqa: PLC0415  # as above
    from hosting.inventory.name_certificates import CertificateFacts  # noqa: PLC0415  # as above

    key = Fernet(settings.sealing_key.get_secret_value())
    sealed = key.encrypt(bundle.key_pem.get_secret_value().encode()).decode()
    facts = CertificateFacts(bundle.fingerprint, bundle.not_after, bundle.issuer, bundle.certificate_pem)

    def order(session: Session, by: str, at: datetime) -> NameFacts:
        told = {"name": domain.ascii, "ordered": domain.ordered, "certificate": bundle.fingerprint}
        deeds.record(session, by, "domain approved", instances.subject_of(instance), why=why, evidence=told, now=at)
        return name_orders.order_domain(session, instance, domain, facts, sealed, by=by, now=at)

    return acting(order, settings)
