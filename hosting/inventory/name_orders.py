"""Names that were approved or cancelled: recorded with the work that makes it so, in one transaction (P26, P29)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hosting.errors import Refused
from hosting.inventory import certificate_renewals, name_certificates, names, work
from hosting.policy.labels import read_label
from hosting.policy.states import NameState, WorkState
from hosting.policy.values import NameKind

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.name_certificates import CertificateFacts
    from hosting.policy.labels import Label
    from hosting.policy.own_domain import OwnDomain
    from hosting.policy.values import NameFacts


KINDS = (
    work.ASSIGN_SUBDOMAIN,
    work.RELEASE_SUBDOMAIN,
    work.CONNECT_DOMAIN,
    work.DISCONNECT_DOMAIN,
    work.RENEW_CERTIFICATE,
)
"""The kinds of work that names are."""

FINGERPRINT_SHOWN = 12
"""So many digits of a certificate's fingerprint tell it from others of the same domain."""


class NameUnreadable(Refused):
    """What was given is no name that an instance may have (P27)."""


def label_of(wish: str, zone: str) -> Label:
    """A wish as a label that may be entered.

    Raises:
        NoName: it is empty, or far too long.
        NameUnreadable: it is no name by the rules of P27; tells each reason.
    """
    label = read_label(wish, zone)
    if label.findings:
        said = " ".join(map(str, label.findings))
        raise NameUnreadable(f"{wish} is no name for an instance: {said}", "Ask the customer for another one.")
    return label


def order_subdomain(
    session: Session, instance: str, a_label: str, as_ordered: str, *, by: str, now: datetime
) -> NameFacts:
    """A subdomain is the instance's from now on, and a run brings it up at once; raises as `names.begin_assigning`.

    Args:
        session: of the transaction.
        instance: whose it becomes; the name that it has goes once this one is live.
        a_label: as DNS has it.
        as_ordered: the same in Unicode.
        by: who approved it (P28).
        now: the moment.
    """
    name = names.begin_assigning(session, instance, NameKind.SUBDOMAIN, a_label, as_ordered, now=now, by=by)
    if name.state is NameState.ASSIGNING:
        work.ask_for(session, work.ASSIGN_SUBDOMAIN, work_subject(name), now, by=by, now=now)
    return name


def order_domain(
    session: Session, instance: str, domain: OwnDomain, certificate: CertificateFacts, sealed_key: str, *, by: str,
    now: datetime,
) -> NameFacts:  # fmt: skip
    """A domain is the instance's from now on, with its certificate; a run brings it up, or waits for the DNS.

    Ordered again with another certificate, it gets that: one that is live keeps the old one until the new one is
    proven. Raises as `names.begin_assigning`.
    """
    name = names.begin_assigning(session, instance, NameKind.DOMAIN, domain.ascii, domain.ordered, now=now, by=by)
    if name.state is NameState.LIVE:
        _order_renewal(session, name, certificate, sealed_key, by=by, now=now)
        return name
    name_certificates.keep(session, name.id, certificate, sealed_key, now)
    subject = f"{work_subject(name)}@{certificate.fingerprint[:FINGERPRINT_SHOWN]}"
    work.ask_for(session, work.CONNECT_DOMAIN, subject, now, by=by, now=now)
    return name


def _order_renewal(
    session: Session, name: NameFacts, certificate: CertificateFacts, sealed_key: str, *, by: str, now: datetime
) -> None:
    """Another certificate for a domain that is live; one that it has, or is just to get, changes nothing.

    With other intermediates it is another one.
    """
    in_force = name_certificates.certificate_of(session, name.id)
    if in_force is not None and in_force.certificate_pem == certificate.certificate_pem:
        return
    waiting = certificate_renewals.renewal_of(session, name.id)
    is_waiting = waiting is not None and waiting.certificate_pem == certificate.certificate_pem
    if is_waiting and _is_renewed(session, name):
        return
    certificate_renewals.offer(session, name.id, certificate, sealed_key, now)
    # Handed over again after it came to nothing, or went back to an earlier one, it is work of its own.
    subject = f"{work_subject(name)}@{certificate.fingerprint[:FINGERPRINT_SHOWN]}.{int(now.timestamp())}"
    for one in open_works(session, name):
        if one.kind == work.RENEW_CERTIFICATE and one.subject != subject:
            work.cancel(session, one.kind, one.subject, "Another certificate was handed over.")
    work.ask_for(session, work.RENEW_CERTIFICATE, subject, now, by=by, now=now)


def _is_renewed(session: Session, name: NameFacts) -> bool:
    """Whether a run is on its way that renews a domain's certificate."""
    works = (one for one in open_works(session, name) if one.kind == work.RENEW_CERTIFICATE)
    return any(one.state is not WorkState.FAILED for one in works)


def order_release(session: Session, instance: str, a_label: str, *, by: str, why: str, now: datetime) -> NameFacts:
    """A name is to go from its instance, and a run takes it away at once; raises as `names.begin_releasing`."""
    name = names.begin_releasing(session, instance, a_label, now=now, by=by, why=why)
    for one in open_works(session, name):
        if one.kind in {work.ASSIGN_SUBDOMAIN, work.CONNECT_DOMAIN, work.RENEW_CERTIFICATE}:
            work.cancel(session, one.kind, one.subject, "It is released.")
    kind = work.RELEASE_SUBDOMAIN if name.kind is NameKind.SUBDOMAIN else work.DISCONNECT_DOMAIN
    work.ask_for(session, kind, work_subject(name), now, by=by, now=now)
    return name


def give_back(session: Session, instance: str, *, by: str, why: str, now: datetime) -> None:
    """No name is held for an instance that never opened: nothing of it is on a server, so that no run takes it away."""
    for name in names.names_of(session, instance):
        for one in open_works(session, name):
            work.cancel(session, one.kind, one.subject, why)
        names.begin_releasing(session, instance, name.a_label, now=now, by=by, why=why)
        names.record_gone(session, name.id, now, {})
        name_certificates.forget(session, name.id)


def open_works(session: Session, name: NameFacts) -> list[work.WorkFacts]:
    """All work of a name that is not at its end, the first due first; failed work too."""
    waiting = work.work_in(session, WorkState.OPEN, WorkState.DISPATCHED, WorkState.FAILED)
    return [one for one in waiting if one.kind in KINDS and one.subject.partition("@")[0] == work_subject(name)]


def work_subject(name: NameFacts) -> str:
    """What the work of a name is about; the same name ordered again is another one's."""
    return f"{name.instance_name}#{name.id}"


def parameters_of(subject: str) -> dict[str, Any]:
    """The parameters of the flow for a subject as above."""
    instance, _, number = subject.partition("@")[0].partition("#")
    return {"request": {"instance": instance, "number": int(number)}}
