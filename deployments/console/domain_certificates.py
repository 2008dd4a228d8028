"""`phm domain renew`, `invite`, `list`, `show`: certificates of customers' domains in the course of time (P31)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import Reason, acting, ask, now, reading, reason_given
from deployments.console.domain import (
    NONE,
    Cert,
    Chain,
    Domain,
    Files,
    Key,
    Locked,
    Opening,
    app,
    checked_domain,
    connect,
)
from deployments.console.held_names import Instance, Yes, own
from deployments.console.output import Json, emit, emit_one
from deployments.console.wording import local, show_history
from hosting.errors import Refused
from hosting.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.domain_invitations import InvitationFacts
    from hosting.policy.values import NameFacts

__all__ = ["app"]

COLUMNS = {
    "instance_name": "instance", "as_ordered": "domain", "a_label": "as DNS has it", "state": "state",
    "until": "certificate until", "left": "days left", "waits": "renewal waits", "finding": "finding",
}  # fmt: skip
TITLES = {**COLUMNS, "issuer": "issuer", "fingerprint": "SHA-256", "since": "since", "live_at": "live since"}


@app.command("renew")
def renew(
    instance: Instance, domain: Domain, reason: Reason, *, file: Files = NONE, cert: Cert = None, key: Key = None,
    chain: Chain = None, passphrase: Locked = False, passphrase_file: Opening = None, yes: Yes = False,
) -> None:  # fmt: skip
    """Give a domain that is live another certificate, without a gap; the old one stays where the new one fails."""
    if held_domain(instance, domain).state != "live":
        raise Refused(f"{domain} of {instance} is not live.", "Hand its certificate over with: phm domain connect.")
    connect(
        instance, domain, reason, file=file, cert=cert, key=key, chain=chain, passphrase=passphrase,
        passphrase_file=passphrase_file, yes=yes,
    )  # fmt: skip


@app.command("invite")
def invite(instance: Instance, domain: Domain, reason: Reason, *, yes: Yes = False) -> None:
    """Send the customer a letter with a link by which he hands the certificate over himself; you approve the domain."""
    from deployments.connections import provide_all  # noqa: PLC0415  # not before it is needed: help is quick
    from hosting.inventory import domain_invitations as invitations  # noqa: PLC0415  # as above
    from hosting.inventory import instances  # noqa: PLC0415  # as above
    from tasks.certificate_letters import send_invitation  # noqa: PLC0415  # as above

    settings, why = load_settings(), reason_given(reason)
    own(instance)
    wanted = checked_domain(settings, domain, instance)
    ask(f"Do you approve {wanted.ordered} ({wanted.ascii}) for {instance}, by a letter with a link?", yes=yes)

    def record(session: Session, by: str, at: datetime) -> tuple[InvitationFacts, str, datetime]:
        state = instances.instance_facts(session, instance).state
        if state != "active":
            raise Refused(f"Instance {instance} is {state}, not active.", "Wait until it is open.")
        made = invitations.ensure_invitation(session, instance, wanted.ascii, wanted.ordered, by=by, now=at, why=why)
        return made, invitations.make_upload_link(session, made, at), at + invitations.VALID

    invitation, token, expires_at = acting(record, settings)
    provide_all(settings)
    send_invitation(invitation, token, expires_at)
    typer.echo(f"The customer of {instance} has a letter; its link works once, until {local(expires_at)}.")


@app.command("list")
def list_domains(
    instance: Annotated[str, typer.Argument(help="Of this instance only.")] = "", *, as_json: Json = False
) -> None:
    """List customers' domains, with the end of their certificates."""
    from hosting.inventory import names  # noqa: PLC0415  # as above
    from hosting.inventory.name_rows import HOLDING  # noqa: PLC0415  # as above
    from hosting.policy.values import NameKind  # noqa: PLC0415  # as above

    with reading() as session:
        held = [one for one in names.all_names(session, *HOLDING) if one.kind is NameKind.DOMAIN]
        rows = [row(session, one) for one in held if instance in {"", one.instance_name}]
    emit(rows, COLUMNS, as_json=as_json, empty="Nobody has a domain of his own.")


@app.command("show")
def show(instance: Instance, domain: Domain, *, as_json: Json = False) -> None:
    """Show a domain with its certificate, what is put before a person, and what was done."""
    from hosting.inventory import cases, deeds, instances  # noqa: PLC0415  # as above

    held = held_domain(instance, domain)
    with reading() as session:
        found = row(session, held)
        subject = instances.subject_of(instance)
        open_ones = [one for one in cases.cases_of(session, subject) if one.facts.get("name") == held.a_label]
        done = [one for one in deeds.deeds_of(session, subject) if one.evidence.get("name") == held.a_label]
    emit_one(found, TITLES, as_json=as_json)
    if not as_json:
        show_history(open_ones, done)


def held_domain(instance: str, domain: str) -> NameFacts:
    """A domain that an instance has, by any spelling.

    Raises:
        UnknownInstance: no instance has this name.
        Refused: it does not have the domain.
    """
    from hosting.policy.own_domain import check_domain  # noqa: PLC0415  # as above

    read = check_domain(domain, (), ()).domain
    spelled = {domain, read.ascii if read else domain}
    found = [one for one in own(instance) if spelled & {one.as_ordered, one.a_label}]
    if not found:
        raise Refused(f"{instance} does not have the domain {domain}.", f"Look at: phm domain list {instance}.")
    return found[0]


def row(session: Session, name: NameFacts) -> dict[str, Any]:
    """A domain as a row."""
    from hosting.inventory import certificate_renewals, name_certificates  # noqa: PLC0415  # as above

    certificate = name_certificates.certificate_of(session, name.id)
    waits = certificate_renewals.renewal_of(session, name.id)
    return {
        "id": name.id,
        "instance_name": name.instance_name,
        "as_ordered": name.as_ordered,
        "a_label": name.a_label,
        "state": name.state,
        "since": name.since,
        "live_at": name.live_at,
        "finding": name.finding,
        "until": certificate.not_after if certificate else None,
        "left": (certificate.not_after - now()).days if certificate else None,
        "issuer": certificate.issuer if certificate else "",
        "fingerprint": certificate.fingerprint if certificate else "",
        "waits": waits.fingerprint if waits else "",
    }
