"""The fleet's own certificate authority; this machine's trust store is left alone."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Address
    from pathlib import Path

CA_LIFE = dt.timedelta(days=3650)
LEAF_LIFE = dt.timedelta(days=365)
RENEW_BEFORE = dt.timedelta(days=30)
BACKDATED = dt.timedelta(hours=1)
ESCROW_BITS = 3072


def ensure_authority(folder: Path) -> Path:
    """The CA's certificate (`ca.pem`), made once with its key beside it."""
    file = folder / "ca.pem"
    if not fresh(file):
        key = generate_private_key(SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "phlyMail local fleet CA")])
        builder = base(name, name, key, CA_LIFE)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(usage(ca=True), critical=True)
        write(file, key, builder.sign(key, SHA256()))
    return file


def ensure_leaf(folder: Path, stem: str, names: Sequence[str], addresses: Sequence[IPv4Address] = ()) -> Path:
    """A server certificate (`STEM.pem`, key in `STEM.key`), made anew before it expires.

    Args:
        folder: where the CA lies.
        stem: the files' name.
        names: DNS names it is good for; wildcards allowed.
        addresses: IP addresses it is good for.
    """
    file = folder / f"{stem}.pem"
    if fresh(file) and file.stat().st_mtime >= (folder / "ca.pem").stat().st_mtime:
        return file
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    signer = load_pem_private_key((folder / "ca.key").read_bytes(), None)
    assert isinstance(signer, EllipticCurvePrivateKey)  # noqa: S101 - the key is the one written above
    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    alternatives = [*map(x509.DNSName, names), *map(x509.IPAddress, addresses)]
    builder = base(subject, authority.subject, key, LEAF_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(usage(ca=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = builder.add_extension(identifier, critical=False)
    write(file, key, builder.sign(signer, SHA256()))
    return file


def ensure_escrow(folder: Path) -> Path:
    """The operator's escrow certificate (`escrow.pem`, key beside it), made once: what it sealed stays readable."""
    file = folder / "escrow.pem"
    if not file.exists():
        key = generate_rsa_key(public_exponent=65537, key_size=ESCROW_BITS)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "phlyMail local fleet escrow")])
        write(file, key, base(name, name, key, CA_LIFE).sign(key, SHA256()))
    return file


def base(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey | RSAPrivateKey, life: dt.timedelta
) -> x509.CertificateBuilder:
    """What every certificate here has: names, number, time, key and its identifier."""
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def usage(*, ca: bool) -> x509.KeyUsage:
    """What a key may be used for: signing certificates, or proving a server."""
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def fresh(file: Path) -> bool:
    """Whether a certificate is there and far enough from its end."""
    if not file.exists():
        return False
    ends = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    return ends > dt.datetime.now(dt.UTC) + RENEW_BEFORE


def write(file: Path, key: EllipticCurvePrivateKey | RSAPrivateKey, certificate: x509.Certificate) -> None:
    """Write a certificate and its key (mode 600)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    private = file.with_suffix(".key")
    private.touch(mode=0o600)
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
