"""What only the holder of the escrow key can read: CMS, as `openssl cms -decrypt` opens it, without this program."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options

from hosting.errors import ServiceError

DO = (
    "Make an RSA key pair on a machine that is kept apart (docs/runbooks/escrow.md), enter its certificate in "
    "settings.toml as [backup] escrow_certificate_pem, then run phm up."
)


def envelope(content: bytes, certificate_pem: str) -> bytes:
    """Content encrypted (AES-256) to the key of a certificate, in DER.

    Raises:
        ServiceError: there is no certificate, or not one of an RSA key.
    """
    if not certificate_pem.strip():
        raise ServiceError("The settings have no escrow certificate.", DO)
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    except ValueError:
        raise ServiceError("The settings' escrow certificate can't be read.", DO) from None
    if not isinstance(certificate.public_key(), RSAPublicKey):
        raise ServiceError("The settings' escrow certificate is not one of an RSA key.", DO)
    builder = PKCS7EnvelopeBuilder().set_data(content).set_content_encryption_algorithm(AES256)
    return builder.add_recipient(certificate).encrypt(Encoding.DER, [PKCS7Options.Binary])
