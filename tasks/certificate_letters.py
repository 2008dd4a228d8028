"""Letters about certificates of customers' domains: asked for, ending, ended, renewed or not; a domain astray (P31)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mail_relay import MailRelay
from blocks.service_settings import ServiceSettings
from hosting.inventory import certificate_renewals, deeds, domain_invitations, instances, letters, orders, servers
from hosting.inventory.session import in_transaction
from hosting.policy.months import day_of
from hosting.templates.letters import compose
from tasks.held_name_letters import letter_key, tell_about_name
from tasks.letters import send_letter
from tasks.network import addresses_of
from tasks.probes import url_of
from tasks.records import inventory, now
from tasks.step import step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.domain_invitations import InvitationFacts
    from hosting.inventory.name_certificates import CertificateFacts
    from tasks.name_records import Naming

SHOWN = 16
"""So many digits of a fingerprint tell certificates apart."""


def ends_key(naming: Naming, fingerprint: str, days: int) -> str:
    """The key of the letter that goes out so many days before a certificate ends."""
    return letter_key("certificate_ends", naming, f"{fingerprint[:SHOWN]}:{days}")


@step
def tell_certificate_ends(naming: Naming, certificate: CertificateFacts, days: int) -> bool:
    """When the domain's certificate ends, and the link by which the next one is handed over."""
    return _tell_with_link("certificate_ends", naming, f"{certificate.fingerprint[:SHOWN]}:{days}", until(certificate))


@step
def tell_certificate_ended(naming: Naming, certificate: CertificateFacts) -> bool:
    """That the domain's certificate has ended, where the instance is reached, how the next one is handed over."""
    return _tell_with_link("certificate_ended", naming, certificate.fingerprint[:SHOWN], until(certificate))


@step
def tell_customer_renewed(renewed: Naming) -> bool:
    """That the new certificate is served, and until when it is good."""
    if renewed.certificate is None:
        return False
    values = until(renewed.certificate)
    return tell_about_name("certificate_renewed", renewed, values, renewed.certificate.fingerprint[:SHOWN])


@step
def tell_customer_not_renewed(naming: Naming, renewed: Naming) -> bool:
    """That the new certificate could not be put in force, and the old one still is; once for each that waits."""
    if naming.certificate is None or renewed.certificate is None:
        return False
    with inventory().reading() as session:
        given_at = certificate_renewals.given_at(session, renewed.name.id, renewed.certificate)
    if given_at is None:
        return False
    about = f"{renewed.certificate.fingerprint[:SHOWN]}:{given_at:%Y%m%d%H%M%S}"
    return _tell_with_link("certificate_not_renewed", naming, about, until(naming.certificate))


@step
def tell_domain_astray(naming: Naming, case: int) -> bool:
    """That the domain leads here no more, and which record belongs there; once for each time that it is so."""
    values = {"server": naming.server.host_name, "address": addresses_of(naming.server.host_name)[0]}
    return tell_about_name("domain_astray", naming, values, str(case))


def send_invitation(invitation: InvitationFacts, token: str, expires_at: datetime) -> bool:
    """A letter with the link by which the customer hands his certificate over; raises as `send_letter`."""
    with inventory().reading() as session:
        instance = instances.instance_facts(session, invitation.instance_name)
        order = orders.order_facts(session, instance.order_reference)
        server = servers.server_facts(session, instance.server_name)
    values = {
        "name": order.customer_name,
        "order": order.reference,
        "host": invitation.as_ordered,
        "long_form": url_of(server, instance),
        "upload_url": upload_url(token),
        "expires": day_of(expires_at),
    }
    key = f"domain_invited:{invitation.id}:{expires_at:%Y%m%d%H%M%S%f}"
    letter = compose("domain_invited", order.language, values)
    return send_letter(key, letter, order.email, order.language, load(MailRelay).sender)


def until(certificate: CertificateFacts) -> dict[str, date]:
    """When a certificate ends, as the letters' templates name it."""
    return {"until": day_of_end(certificate.not_after)}


def day_of_end(moment: datetime) -> date:
    """The day of the service's zone; of the last day of all, which some issuers write for "never", the day itself."""
    try:
        return day_of(moment)
    except OverflowError:
        return moment.date()


def upload_url(token: str) -> str:
    """The address of the page on which a certificate is handed over."""
    return f"{load(ServiceSettings).public_url}/certificate/{token}"


def _tell_with_link(letter: str, naming: Naming, about: str, values: Mapping[str, date]) -> bool:
    """A letter with a link of its own, which is made only if the letter was not sent before."""
    with inventory().reading() as session:
        if letters.letter_sent(session, letter_key(letter, naming, about)):
            return False
    token, at = in_transaction(inventory(), lambda session: _link(session, naming)), now()
    more = {"upload_url": upload_url(token), "expires": day_of(at + domain_invitations.VALID)}
    return tell_about_name(letter, naming, {**values, **more}, about)


def _link(session: Session, naming: Naming) -> str:
    """A link to the page on which the domain's next certificate is handed over."""
    name = naming.name
    invitation = domain_invitations.ensure_invitation(
        session, name.instance_name, name.a_label, name.as_ordered, by=deeds.SERVICE, now=now()
    )
    return domain_invitations.make_upload_link(session, invitation, now())
