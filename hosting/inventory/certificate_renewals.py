"""Certificates that are to take another one's place: handed over, then in force or come to nothing (P31)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.inventory import deeds, name_certificates
from hosting.inventory.instances import subject_of
from hosting.inventory.models import CertificateRenewal
from hosting.inventory.name_certificates import CertificateFacts
from hosting.inventory.name_rows import name_row

RENEWED = "certificate renewed"
"""The deed by which a certificate took another one's place."""

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session


def offer(session: Session, name_id: int, certificate: CertificateFacts, sealed_key: str, now: datetime) -> None:
    """A certificate for a domain that is live, in place of another one that waits; what is in force stays."""
    row = session.get(CertificateRenewal, name_id, with_for_update=True, populate_existing=True)
    if row is None:
        row = CertificateRenewal(name_id=name_id)
        session.add(row)
    row.fingerprint, row.not_after, row.issuer = certificate.fingerprint, certificate.not_after, certificate.issuer
    row.certificate_pem, row.sealed_key, row.given_at = certificate.certificate_pem, sealed_key, now
    session.flush()


def renewal_of(session: Session, name_id: int) -> CertificateFacts | None:
    """The certificate that waits to be put in force; None: none does."""
    row = session.get(CertificateRenewal, name_id)
    if row is None:
        return None
    return CertificateFacts(row.fingerprint, row.not_after, row.issuer, row.certificate_pem)


def put_in_force(session: Session, name_id: int, certificate: CertificateFacts, now: datetime) -> bool:
    """What waits is proven: it is the domain's certificate from now on; False where another one, or none, waits."""
    row = session.get(CertificateRenewal, name_id, with_for_update=True, populate_existing=True)
    if row is None or not _is(row, certificate):
        return False
    before = name_certificates.certificate_of(session, name_id)
    facts = CertificateFacts(row.fingerprint, row.not_after, row.issuer, row.certificate_pem)
    name_certificates.keep(session, name_id, facts, row.sealed_key, now)
    session.delete(row)
    name_row(session, name_id, lock=True).finding = ""
    session.flush()
    told = {"certificate": facts.fingerprint, "until": facts.not_after.isoformat()}
    _record(session, name_id, RENEWED, "", told | {"before": before.fingerprint if before else ""}, now=now)
    return True


def given_at(session: Session, name_id: int, certificate: CertificateFacts) -> datetime | None:
    """When the certificate that waits was handed over; None where another one, or none, waits."""
    row = session.get(CertificateRenewal, name_id)
    return row.given_at if row is not None and _is(row, certificate) else None


def was_renewed(session: Session, name_id: int, fingerprint: str) -> bool:
    """Whether a domain's certificate took another one's place, and is not the first that it has."""
    name = name_row(session, name_id)
    done = deeds.deeds_of(session, subject_of(name.instance_name))
    return any(
        (one.what, one.evidence.get("name"), one.evidence.get("certificate")) == (RENEWED, name.a_label, fingerprint)
        for one in done
    )


def give_up(session: Session, name_id: int, certificate: CertificateFacts, why: str, now: datetime) -> bool:
    """What waits came to nothing and is forgotten with its key; False where another one, or none, waits."""
    row = session.get(CertificateRenewal, name_id, with_for_update=True, populate_existing=True)
    if row is None or not _is(row, certificate):
        return False
    session.delete(row)
    session.flush()
    _record(session, name_id, "certificate not renewed", why, {"certificate": certificate.fingerprint}, now=now)
    return True


def _is(row: CertificateRenewal, certificate: CertificateFacts) -> bool:
    """Whether this is what waits, with its intermediates: the same certificate may be handed over with others."""
    return row.certificate_pem == certificate.certificate_pem


def _record(session: Session, name_id: int, what: str, why: str, told: Mapping[str, str], *, now: datetime) -> None:
    """A deed about a domain's instance."""
    name = name_row(session, name_id)
    evidence = {"name": name.a_label, **told}
    deeds.record(session, deeds.SERVICE, what, subject_of(name.instance_name), why=why, evidence=evidence, now=now)
