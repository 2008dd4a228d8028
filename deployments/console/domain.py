"""`phm domain`: domains of customers' own, with their certificates (P30 to P32)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.console.context import Reason, acting, ask, now, open_inventory, reading, reason_given, working
from deployments.console.held_names import LOOK_SECONDS, WAIT_SECONDS, Instance, Yes, done, own, result
from hosting.errors import Refused, ServiceError
from hosting.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pydantic import SecretStr
    from sqlalchemy.orm import Session

    from hosting.policy.customer_certificate import Bundle
    from hosting.policy.findings import Finding
    from hosting.policy.own_domain import OwnDomain
    from hosting.policy.values import NameFacts
    from hosting.settings import Settings

app = typer.Typer(help="Domains of customers' own: check, connect, renew, invite, disconnect, list, show.")

Domain = Annotated[str, typer.Argument(help="As the customer ordered it, e.g. post.müller.de.")]
Files = Annotated[
    list[Path],
    typer.Option("--file", help="Certificate, intermediates, key: one file or several, any form.", exists=True),
]
Cert = Annotated[Path | None, typer.Option("--cert", help="The certificate; the same as --file.", exists=True)]
Key = Annotated[Path | None, typer.Option("--key", help="Its private key; the same as --file.", exists=True)]
Chain = Annotated[Path | None, typer.Option("--chain", help="The intermediates; the same as --file.", exists=True)]
Locked = Annotated[bool, typer.Option("--passphrase", help="The key has a passphrase; you are asked for it.")]
Opening = Annotated[
    Path | None, typer.Option("--passphrase-file", help="A file; its first line is the key's passphrase.", exists=True)
]
NONE: list[Path] = []


@app.command("check")
def check(
    domain: Domain, *, file: Files = NONE, cert: Cert = None, key: Key = None, chain: Chain = None,
    passphrase: Locked = False, passphrase_file: Opening = None,
) -> None:  # fmt: skip
    """Say all that speaks against a domain and its certificate; nothing is recorded."""
    settings = load_settings()
    wanted = checked_domain(settings, domain, holder_of(domain))
    secret = opening(passphrase_file, locked=passphrase)
    found, bundle = inspected(settings, wanted, handed_over(file, cert, key, chain), secret)
    for finding in found:
        typer.echo(str(finding))
    if bundle is None:
        raise Refused("It can't be connected so.", "Have the customer put right what is listed above.")
    typer.echo(f"It fits: issued by {bundle.issuer}, good until {bundle.not_after:%Y-%m-%d}.")


@app.command("connect")
def connect(
    instance: Instance, domain: Domain, reason: Reason, *, file: Files = NONE, cert: Cert = None, key: Key = None,
    chain: Chain = None, passphrase: Locked = False, passphrase_file: Opening = None, yes: Yes = False,
) -> None:  # fmt: skip
    """Connect a customer's domain, or give it another certificate; of the files nothing is kept but sealed."""
    settings, why = load_settings(), reason_given(reason)
    own(instance)
    wanted = checked_domain(settings, domain, instance)
    secret = opening(passphrase_file, locked=passphrase)
    found, bundle = inspected(settings, wanted, handed_over(file, cert, key, chain), secret)
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
    if name.state == "live":
        renewed(settings, name, bundle.certificate_pem)
        return
    last = result(settings, name)
    if last.state == "live":
        typer.echo(f"{instance} is at https://{wanted.ascii}/.")
    elif last.finding:
        typer.echo(f"{wanted.ordered} is prepared and not live yet: {last.finding}")
    else:
        raise ServiceError(f"{wanted.ordered} is still being prepared.", f"Look at: phm name list {instance}.")


@app.command("disconnect")
def disconnect(instance: Instance, domain: Domain, reason: Reason, *, yes: Yes = False) -> None:
    """Take a domain away, with its certificate and key; the instance goes on in its long form."""
    settings, why = load_settings(), reason_given(reason)
    spelled = {domain, as_dns_has_it(domain) or domain}
    ascii_name = next((one.a_label for one in own(instance) if {one.as_ordered, one.a_label} & spelled), domain)
    ask(f"Does {domain} go from {instance}? Nobody reaches it under that name from then on.", yes=yes)

    def order(session: Session, by: str, at: datetime) -> NameFacts:
        from hosting.inventory import name_orders  # noqa: PLC0415  # not before it is needed: help is quick

        return name_orders.order_release(session, instance, ascii_name, by=by, why=why, now=at)

    done(settings, acting(order, settings))


def handed_over(files: Sequence[Path], *named: Path | None) -> list[bytes]:
    """What the files hold, each at most a little more than is looked at.

    Raises:
        Refused: none was named, or one can't be read.
    """
    from hosting.policy.certificate_files import MOST_BYTES  # noqa: PLC0415  # not before it is needed: help is quick

    paths = [*files, *(one for one in named if one is not None)]
    if not paths:
        raise Refused("No file is named.", "Name them: --cert, --key, --chain, or --file for each.")
    try:
        return [_content(path, MOST_BYTES + 1) for path in paths]
    except OSError as error:
        raise Refused(f"{error.filename} can't be read ({type(error).__name__}).", "Name a file.") from error


def _content(path: Path, most: int) -> bytes:
    """The beginning of a file."""
    with path.open("rb") as file:
        return file.read(most)


def opening(file: Path | None, *, locked: bool) -> SecretStr | None:
    """The passphrase of the key, from a file or the keyboard; never from the command line."""
    from pydantic import SecretStr  # noqa: PLC0415  # as above

    if file is not None:
        return SecretStr(file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r"))
    return SecretStr(typer.prompt("Passphrase", hide_input=True, err=True)) if locked else None


def holder_of(domain: str) -> str:
    """The instance that has a domain, which may get another certificate; empty: nobody has it."""
    from hosting.inventory import names  # noqa: PLC0415  # as above

    ascii_name = as_dns_has_it(domain)
    if not ascii_name:
        return ""
    with reading() as session:
        return names.taken_by(session, ascii_name) or ""


def as_dns_has_it(domain: str) -> str:
    """A domain as A-labels, however it is spelled; empty: it is none."""
    from hosting.policy.own_domain import check_domain  # noqa: PLC0415  # as above

    found = check_domain(domain, (), ()).domain
    return found.ascii if found else ""


def checked_domain(settings: Settings, wish: str, instance: str) -> OwnDomain:
    """A customer's wish as a domain; what this instance has already may be ordered again.

    Raises:
        Refused: all that speaks against it.
    """
    from deployments.own_domains import check_wish  # noqa: PLC0415  # as above

    with reading() as session:
        found = check_wish(session, settings, instance, wish)
    if found.domain is None:
        raise Refused(" ".join(map(str, found.findings)), "Nothing was changed.")
    return found.domain


def inspected(
    settings: Settings, domain: OwnDomain, contents: Sequence[bytes], secret: SecretStr | None
) -> tuple[tuple[Finding, ...], Bundle | None]:
    """What the files hold, looked at in a process whose time and memory are bounded.

    Raises:
        ServiceError: it could not be looked at.
    """
    from deployments.inspecting import inspect_apart, trust_store  # noqa: PLC0415  # as above

    found = inspect_apart(contents, secret, domain, trust_store(settings), now())
    return found.findings, found.bundle


def recorded(settings: Settings, instance: str, domain: OwnDomain, bundle: Bundle, why: str) -> NameFacts:
    """The domain with its certificate, its key sealed, and the work that brings it up or renews it."""
    from deployments.own_domains import order_with_bundle  # noqa: PLC0415  # as above

    def order(session: Session, by: str, at: datetime) -> NameFacts:
        return order_with_bundle(session, settings, instance, domain, bundle, by=by, why=why, now=at)

    return acting(order, settings)


def renewed(settings: Settings, name: NameFacts, certificate_pem: str) -> None:
    """Have the renewal begin at once, wait for it, and say what became of it.

    Raises:
        Unreachable: Prefect does not take the run now; it is begun later by itself.
        ServiceError: the old certificate is still in force.
    """
    from deployments.dispatching import dispatcher  # noqa: PLC0415  # as above
    from hosting.inventory import certificate_renewals, name_certificates  # noqa: PLC0415  # as above

    with reading() as session:
        before = name_certificates.certificate_of(session, name.id)
    if before is not None and before.certificate_pem == certificate_pem:
        typer.echo(f"{name.as_ordered} has this certificate already (unchanged).")
        return
    inventory, deadline = open_inventory(settings), time.monotonic() + WAIT_SECONDS
    try:
        with working(f"Putting the certificate of {name.as_ordered} in force"):
            dispatcher(settings)()
            waits = True
            while waits and time.monotonic() < deadline:
                time.sleep(LOOK_SECONDS)
                with inventory.reading() as session:
                    held = name_certificates.certificate_of(session, name.id)
                    waits = certificate_renewals.renewal_of(session, name.id) is not None
    finally:
        inventory.close()
    if held is None or held.certificate_pem != certificate_pem:
        said = "is still being put in force" if waits else "could not be put in force; the one from before is in force"
        do = f"Look at: phm domain show {name.instance_name}, phm case list."
        raise ServiceError(f"The certificate of {name.as_ordered} {said}.", do)
    typer.echo(f"{name.as_ordered} has the new certificate, seen from outside; good until {held.not_after:%Y-%m-%d}.")
