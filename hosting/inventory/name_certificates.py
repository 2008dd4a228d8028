"""Certificates that customers handed over for their domains: one a domain, its key sealed, gone with the name (P31)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete

from hosting.errors import DriftFound
from hosting.inventory.models import CertificateRenewal, NameCertificate

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


@dataclass(frozen=True)
class CertificateFacts:
    """A certificate as the inventory knows it; its key is asked for by itself.

    Args:
        fingerprint: SHA-256, 64 hexadecimal digits.
        not_after: when it, or one of its intermediates, ends.
        issuer: as people call it.
        certificate_pem: with its intermediates, as Apache is given it.
    """

    fingerprint: str
    not_after: datetime
    issuer: str
    certificate_pem: str


def keep(session: Session, name_id: int, certificate: CertificateFacts, sealed_key: str, now: datetime) -> None:
    """A domain's certificate, in place of the one that it may have."""
    row = session.get(NameCertificate, name_id, with_for_update=True, populate_existing=True)
    if row is None:
        row = NameCertificate(name_id=name_id)
        session.add(row)
    row.fingerprint, row.not_after, row.issuer = certificate.fingerprint, certificate.not_after, certificate.issuer
    row.certificate_pem, row.sealed_key, row.given_at = certificate.certificate_pem, sealed_key, now
    session.flush()


def certificate_of(session: Session, name_id: int) -> CertificateFacts | None:
    """A domain's certificate; None for a name that has none of its own."""
    row = session.get(NameCertificate, name_id)
    if row is None:
        return None
    return CertificateFacts(row.fingerprint, row.not_after, row.issuer, row.certificate_pem)


def sealed_key(session: Session, name_id: int, fingerprint: str) -> str:
    """The key of a domain's certificate, sealed: of that in force, or of one that is to take its place.

    Raises:
        DriftFound: there is none.
    """
    for row in (session.get(NameCertificate, name_id), session.get(CertificateRenewal, name_id)):
        if row is not None and row.fingerprint == fingerprint:
            return row.sealed_key
    message = f"The inventory has no key for the certificate {fingerprint[:16]}… of name {name_id}."
    raise DriftFound(message, "Hand it over again: phm domain connect.")


def forget(session: Session, name_id: int) -> None:
    """Nothing of a certificate is kept, nor of one that was to take its place."""
    session.execute(delete(CertificateRenewal).where(CertificateRenewal.name_id == name_id))
    session.execute(delete(NameCertificate).where(NameCertificate.name_id == name_id))
