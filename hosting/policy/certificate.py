"""Certificates: what fits and what does not (P03, P31)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hosting.errors import Refused

if TYPE_CHECKING:
    from datetime import datetime


class CertificateDoesNotFit(Refused):
    """A certificate and key that a server must not be given: Apache would stop for everyone (FLEET.md section 8)."""


def check_pair(certificate_pem: str, key_pem: str, host_name: str) -> None:
    """The first certificate belongs to the key and covers the host's name.

    Raises:
        CertificateDoesNotFit: it doesn't, or one of them can't be read.
    """
    try:
        certificate = x509.load_pem_x509_certificates(certificate_pem.encode())[0]
        key = load_pem_private_key(key_pem.encode(), None)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
            x509.DNSName
        )
    except (ValueError, TypeError, x509.ExtensionNotFound) as error:
        message = f"The certificate or key for {host_name} can't be read ({type(error).__name__})."
        raise CertificateDoesNotFit(message, "Enter both in PEM form, the key without a passphrase.") from error
    if certificate.public_key() != key.public_key():
        raise CertificateDoesNotFit(
            f"The key does not belong to the certificate for {host_name}.", "Enter the matching key."
        )
    if host_name not in names and "*." + host_name.partition(".")[2] not in names:
        raise CertificateDoesNotFit(
            f"The certificate covers {', '.join(names)}, not {host_name}.", "Enter the zone's wildcard certificate."
        )


def ends_at(certificate_pem: str) -> datetime | None:
    """When a certificate, or one of its intermediates, ends; None where there is none.

    Raises:
        CertificateDoesNotFit: it can't be read.
    """
    if not certificate_pem.strip():
        return None
    try:
        return min(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(certificate_pem.encode()))
    except ValueError as error:
        raise CertificateDoesNotFit("The zone's certificate can't be read.", "Enter it in PEM form.") from error
