"""The service's own certificate, inspected as strictly as a customer's: good for every name in the zone (P03, P31)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from hosting.policy import certificate_rules as rules
from hosting.policy.customer_certificate import inspect
from hosting.policy.own_domain import OwnDomain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pydantic import SecretStr

    from hosting.policy.certificate_facts import CertificateFacts
    from hosting.policy.findings import Finding

ANY_NAME = "name"
"""Stands for every subdomain of the zone."""

FORETOLD = (rules.ENDS_SOON, rules.ENDS_TOO_SOON)
"""What letters tell ahead of the end, as to customers."""


@dataclass(frozen=True)
class OwnCertificate:
    """What was found in the service's own certificate.

    Args:
        fingerprint: SHA-256, or empty where nothing can be read.
        ends: when the first of its certificates ends.
        wrong: what browsers or servers would not take.
    """

    fingerprint: str
    ends: datetime | None
    wrong: tuple[Finding, ...]


def inspect_own(
    certificate_pem: str, key_pem: SecretStr, zone: str, roots: Sequence[CertificateFacts], now: datetime
) -> OwnCertificate:
    """Look at the zone's certificate, its chain and key.

    Args:
        certificate_pem: with its intermediates.
        key_pem: its key.
        zone: in which every name is to be covered.
        roots: the authorities that are trusted.
        now: the moment, aware.
    """
    host = f"{ANY_NAME}.{zone}"
    files = [certificate_pem.encode(), key_pem.get_secret_value().encode()]
    found = inspect(files, None, OwnDomain(host, host, host), roots, now)
    wrong = tuple(one for one in found.findings if one.refuses and one.rule not in FORETOLD)
    try:
        chain = x509.load_pem_x509_certificates(certificate_pem.encode())
    except ValueError:
        return OwnCertificate("", None, wrong)
    ends = min(one.not_valid_after_utc for one in chain)
    return OwnCertificate(chain[0].fingerprint(SHA256()).hex(), ends, wrong)
