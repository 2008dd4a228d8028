"""Domains and certificates in the course of time: what ends or leads astray is told in time (P30, P31)."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.errors import DriftFound
from hosting.inventory import cases, deeds, instances, letters, names
from hosting.inventory.session import in_transaction
from hosting.policy.certificate_chain import trusted_roots
from hosting.policy.customer_certificate import NOTICE_DAYS, expiry_notice
from hosting.policy.own_certificate import inspect_own
from hosting.policy.pointing import REMINDED_AFTER_DAYS, reminder_due
from hosting.policy.states import NameState
from hosting.policy.values import NameKind
from tasks.certificate_letters import SHOWN, ends_key, tell_certificate_ended, tell_certificate_ends, tell_domain_astray
from tasks.held_name_letters import remind_customer_of_record, reminder_key
from tasks.letters import tell_findings
from tasks.name_records import naming_of
from tasks.own_domains import read_pointing
from tasks.records import inventory, now
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from hosting.policy.own_certificate import OwnCertificate
    from tasks.name_records import Naming

ENDED, ASTRAY = "certificate-ended", "domain-astray"
"""How the keys of cases begin; the name's number and what tells several apart follow."""

NEW_CERTIFICATE = "Enter a new one in settings.toml (certificate_pem), run phm up, then phm server add again for each."


@reading
def read_domains() -> list[Naming]:
    """The customers' domains that are live, or wait for their DNS, by instance."""
    with inventory().reading() as session:
        held = names.all_names(session, NameState.ASSIGNING, NameState.LIVE)
        return [naming_of(session, one) for one in held if one.kind is NameKind.DOMAIN]


@reading
def see_to_end(naming: Naming) -> str:
    """The letter that is due before a domain's certificate ends, or after; what was told, empty if nothing.

    One that waits for its DNS is no exception: its certificate would have ended before anybody saw it.

    Raises:
        DriftFound: the domain has no certificate.
    """
    certificate, at = naming.certificate, now()
    if certificate is None:
        message = f"The domain {naming.host} is {naming.name.state} and has no certificate in the inventory."
        raise DriftFound(message, "Hand it over again: phm domain connect.")
    if at > certificate.not_after:
        summary = f"The certificate of {naming.host} ended on {certificate.not_after:%Y-%m-%d}; the customer is told."
        _raise_case(naming, ENDED, cases.CERTIFICATE_ENDED, summary, certificate.fingerprint[:SHOWN])
        return "ended" if tell_certificate_ended.fn(naming, certificate).changed else ""
    _settle(ENDED, naming.name.id, "It has a certificate that is good.")
    with inventory().reading() as session:
        told = [
            days
            for days in NOTICE_DAYS
            if letters.letter_sent(session, ends_key(naming, certificate.fingerprint, days))
        ]
    days = expiry_notice(certificate.not_after, at, told)
    return f"ends within {days} days" if days and tell_certificate_ends.fn(naming, certificate, days).changed else ""


@reading
def see_to_waiting(naming: Naming) -> str:
    """The reminder that is due of a domain that waits for its DNS; what was told, empty if nothing (P30)."""
    if naming.name.state is not NameState.ASSIGNING:
        return ""
    with inventory().reading() as session:
        told = [days for days in REMINDED_AFTER_DAYS if letters.letter_sent(session, reminder_key(naming, days))]
    days = reminder_due(naming.name.since, now(), told)
    if days is None:
        return ""
    found = read_pointing.fn(naming, passed_on=True)
    if not found.known:
        return found.told  # reminded once that is known
    if found.points:
        return ""  # its own run switches it on
    return f"waits for {days} days" if remind_customer_of_record.fn(naming, days).changed else ""


@reading
def see_to_pointing(naming: Naming) -> str:
    """Whether a live domain still leads here, told once each time that it does not; where it leads, empty if here."""
    if naming.name.state is not NameState.LIVE:
        return ""  # its own run looks
    found = read_pointing.fn(naming, passed_on=True)
    if found.points:
        _settle(ASTRAY, naming.name.id, "It leads here again.")
        return ""
    if not found.known:
        return found.told
    number = _raise_case(
        naming, ASTRAY, cases.DOMAIN_ASTRAY, f"{found.told} The customer is told.", f"{now():%Y%m%dT%H%M}"
    )
    tell_domain_astray.fn(naming, number)
    return found.told


@reading
def settle_for_gone(held: Sequence[Naming]) -> None:
    """What was put before a person about a domain that is on its way out, or gone, is settled."""
    kept = {naming.name.id for naming in held}
    with inventory().reading() as session:
        waiting = [
            one for one in cases.open_cases(session) if one.kind in {cases.CERTIFICATE_ENDED, cases.DOMAIN_ASTRAY}
        ]
    for kind in (ENDED, ASTRAY):
        for number in {int(one.key.split(":")[1]) for one in waiting if one.key.startswith(f"{kind}:")} - kept:
            _settle(kind, number, "The domain is not the instance's any more.")


@reading
def see_to_own_certificate() -> str:
    """Our own certificate: the operators are told before it ends, and of anything that is wrong with it.

    Raises:
        DriftFound: browsers would not take it; tells why.
    """
    settings = load(ServiceSettings)
    if not settings.certificate_pem:
        return "The settings have no certificate."
    roots = trusted_roots(
        "".join(map(ssl.DER_cert_to_PEM_cert, settings.trust.get_ca_certs(binary_form=True))).encode()
    )
    found = inspect_own(settings.certificate_pem, settings.certificate_key_pem, settings.zone, roots, now())
    _tell_end(found, settings.zone)
    if found.wrong:
        sentence = " ".join(map(str, found.wrong))
        key = f"own-certificate:{found.fingerprint[:SHOWN]}:{'+'.join(sorted({one.code for one in found.wrong}))}"[:400]
        _tell(key, f"The certificate of *.{settings.zone} is not good", settings.zone, sentence)
        raise DriftFound(f"The certificate of *.{settings.zone} is not good: {sentence}", NEW_CERTIFICATE)
    return f"It is good until {found.ends:%Y-%m-%d}."


def _tell_end(found: OwnCertificate, zone: str) -> None:
    """The letter to the operators that is due before our certificate ends."""
    if found.ends is None:
        return
    key = f"own-certificate:{found.fingerprint[:SHOWN]}"
    with inventory().reading() as session:
        told = [days for days in NOTICE_DAYS if letters.letter_sent(session, f"{key}:{days}")]
    days = expiry_notice(found.ends, now(), told)
    if days is not None:
        sentence = f"The certificate of *.{zone}, or one of its intermediates, ends on {found.ends:%Y-%m-%d}."
        _tell(f"{key}:{days}", f"The certificate of *.{zone} ends within {days} days", zone, sentence)


def _tell(key: str, title: str, zone: str, sentence: str) -> None:
    """A letter to the operators about our own certificate."""
    tell_findings(key, title, [{"subject": f"*.{zone}", "sentence": sentence, "do": NEW_CERTIFICATE}])


def _raise_case(naming: Naming, begins: str, kind: str, summary: str, tells_apart: str) -> int:
    """A matter of a domain put before a person, unless the same one is before him still; the case's number."""
    prefix = f"{begins}:{naming.name.id}:"
    facts = {
        "name": naming.name.a_label,
        "until": naming.certificate.not_after.isoformat() if naming.certificate else "",
    }

    def put(session: Session) -> int:
        waiting = [one for one in cases.open_cases(session) if one.key.startswith(prefix)]
        if waiting:
            return waiting[0].id
        subject = instances.subject_of(naming.instance.name)
        return cases.raise_case(session, prefix + tells_apart, kind, subject, summary, facts=facts, now=now()).id

    return in_transaction(inventory(), put)


def _settle(begins: str, name_id: int, decision: str) -> None:
    """What was put before a person about a domain has come right."""

    def settle(session: Session) -> None:
        for one in cases.open_cases(session):
            if one.key.startswith(f"{begins}:{name_id}:"):
                cases.settle_case(session, one.id, deeds.SERVICE, decision, now())

    in_transaction(inventory(), settle)
