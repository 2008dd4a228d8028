"""Certificates made for the tests: a small world of authorities, and customers' certificates of every kind."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
HOST = "mail.kunde.example"
LINK = "http://issuer.example/middle.cer"


@cache
def key(label: str) -> Any:
    """A key by its label, made once: `rsa 2048 a`, `p384 b`, `ed25519`, `dsa`; anything else is a P-256 key."""
    kind, *rest = label.split()
    match kind:
        case "rsa":
            return rsa.generate_private_key(65537, int(rest[0]))
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "dsa":
            return dsa.generate_private_key(2048)
        case _:
            curves = {"p384": ec.SECP384R1(), "p521": ec.SECP521R1(), "k256": ec.SECP256K1()}
            return ec.generate_private_key(curves.get(kind, ec.SECP256R1()))


def name(common: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Beispiel GmbH")
    return x509.Name([organisation, *([x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else [])])


@dataclass(frozen=True)
class Signer:
    """A certificate with its key, that may sign others."""

    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def key_pem(self, passphrase: str = "", form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
        return key_bytes(self.key, passphrase, form=form)


def key_bytes(
    private: Any, passphrase: str = "", encoding: Encoding = Encoding.PEM, form: PrivateFormat = PrivateFormat.PKCS8
) -> bytes:
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return private.private_bytes(encoding, form, encryption)


def usage(**flags: bool) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
    return x509.KeyUsage(**{flag: flags.get(flag, False) for flag in names})


def issue(
    common: str,
    by: Signer | None,
    key_label: str,
    *,
    starts: int = -10,
    days: int = 90,
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
    hash_: Any = None,
    now: dt.datetime = NOW,
) -> Signer:
    """A certificate from `starts` days after now, for so many days; signed by itself where nobody is named."""
    private = key(key_label)
    signer = by.key if by else private
    begins = now + dt.timedelta(days=starts)
    issuer = by.certificate.subject if by else name(common)
    builder = x509.CertificateBuilder(
        issuer,
        name(common),
        private.public_key(),
        x509.random_serial_number(),
        begins,
        begins + dt.timedelta(days=days),
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hash_ or hashes.SHA256()
    return Signer(builder.sign(signer, algorithm), private)


def authority(
    common: str, by: Signer | None = None, *, path: int | None = None, ca: bool = True, **given: Any
) -> Signer:
    """An authority of ten years around now, unless told otherwise."""
    extensions = [
        (x509.BasicConstraints(ca, path if ca else None), True),
        (usage(key_cert_sign=True, crl_sign=True), True),
        *given.pop("extensions", ()),
    ]
    told = {"starts": -1825, "days": 3650, "key_label": common} | given
    return issue(common, by, told.pop("key_label"), extensions=extensions, **told)


def site(*names: str, by: Signer | None, common: str = HOST, **given: Any) -> Signer:
    """A website's certificate for names, as public authorities make them."""
    dns = [x509.SubjectAlternativeName([x509.DNSName(covered) for covered in names])] if names else []
    purpose = given.pop("purpose", ExtendedKeyUsageOID.SERVER_AUTH)
    extensions = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage(digital_signature=True), True),
        (x509.ExtendedKeyUsage([purpose]), False),
        *((extension, False) for extension in dns),
        *given.pop("extensions", ()),
    ]
    told = {"key_label": "customer"} | given
    return issue(common, by, told.pop("key_label"), extensions=extensions, **told)


def weakly_signed(signed: Signer, by: Signer, hash_: hashes.MD5 | hashes.SHA1) -> Signer:
    """A certificate that an RSA key signed with SHA-256, signed anew with a hash that no library signs with any more."""
    families = {"sha256": 11, "sha1": 5, "md5": 4}
    identifier = bytes.fromhex("06092a864886f70d0101")  # PKCS#1; one byte more says which
    old, new = (identifier + bytes([families[name]]) for name in ("sha256", hash_.name))
    certificate = signed.certificate
    body = certificate.tbs_certificate_bytes.replace(old, new, 1)
    numbers = by.key.private_numbers()
    size = by.key.key_size // 8
    digest = hashes.Hash(hash_)
    digest.update(body)
    prefix = {"sha1": "3021300906052b0e03021a05000414", "md5": "3020300c06082a864886f70d020505000410"}[hash_.name]
    told = bytes.fromhex(prefix) + digest.finalize()
    padded = b"\x00\x01" + b"\xff" * (size - len(told) - 3) + b"\x00" + told  # EMSA-PKCS1-v1_5 (RFC 8017, 9.2)
    signature = pow(int.from_bytes(padded), numbers.d, numbers.public_numbers.n).to_bytes(size)
    whole = signed.der.replace(certificate.tbs_certificate_bytes, body).replace(old, new)
    return Signer(x509.load_der_x509_certificate(whole.replace(certificate.signature, signature)), signed.key)


def offered_at(link: str) -> tuple[x509.ExtensionType, bool]:
    access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(link))
    return x509.AuthorityInformationAccess([access]), False


ROOT = authority("Gute Wurzel")
MIDDLE = authority("Gute Mitte", ROOT, path=0)
FOREIGN_ROOT = authority("Fremde Wurzel")
FOREIGN_MIDDLE = authority("Fremde Mitte", FOREIGN_ROOT)
UPPER = authority("Obere Mitte", ROOT)
LOWER = authority("Untere Mitte", UPPER)
RSA_MIDDLE = authority("RSA-Mitte", ROOT, key_label="rsa 2048 middle")
GOOD = site(HOST, by=MIDDLE)
