"""What a certificate says, read once and as far as it can be read (P31; RFC 5280)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID, PublicKeyAlgorithmOID

from hosting.policy.findings import shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

LEAST_RSA_BITS = 2048
CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
CUSTOMER_KINDS = {"RSA", "ECDSA P-256", "ECDSA P-384"}
"""What all browsers take (settled reading of P31): not P-521, not Ed25519."""

ISSUER_KINDS = CUSTOMER_KINDS | {"ECDSA P-521"}
WEAK_HASHES = {"md5": "MD5", "sha1": "SHA-1"}

# The library says at each old root and at each file of Windows that it may refuse such ones in future; nobody who looks
# at a certificate can do anything about it.
warnings.filterwarnings("ignore", category=UserWarning, module=r"hosting\.policy\.certificate_")

T = TypeVar("T")
Extension = TypeVar("Extension", bound=x509.ExtensionType)


class Failed:
    """A library did not read something: it is damaged, or of a kind that is not known."""


def tried(load: Callable[[], T]) -> T | Failed:
    """What a library reads, or that it doesn't. The error itself goes no further: it may hold what was read."""
    try:
        return load()
    except Exception:  # noqa: BLE001  # on hostile bytes the library raises more kinds than it documents
        return Failed()


@dataclass(frozen=True)
class KeyFacts:
    """A public key.

    Args:
        key: as the library holds it; None where it knows no such key.
        kind: "RSA", "ECDSA P-256", "Ed25519" …
        bits: of an RSA key, else 0.
    """

    key: CertificatePublicKeyTypes | None = field(repr=False)
    kind: str
    bits: int = 0

    @property
    def too_short(self) -> bool:
        """Whether it is an RSA key that is no longer safe."""
        return self.kind == "RSA" and self.bits < LEAST_RSA_BITS

    def __str__(self) -> str:
        """Kind and length, as people call it."""
        return f"{self.kind} {self.bits}" if self.bits else self.kind


@dataclass(frozen=True)
class CertificateFacts:
    """What a certificate says; texts in it are ready to be shown.

    Args:
        certificate: as the library holds it.
        title: how people call it: its common name, or its organisation.
        issuer: the same of who signed it.
        common_name: as it stands there, lower case.
        names: the DNS names it covers (SAN), lower case, as they stand there; wildcards with their asterisk.
        begins: from when it is valid.
        ends: until when it is valid.
        key: its public key.
        weak_hash: the unsafe hash that it is signed with, or nothing.
        is_authority: it says that it is one (CA:TRUE).
        may_issue: it is an authority, and its key may sign certificates.
        purpose_fits: it is not for other purposes only, such as mail.
        may_serve: its key may sign handshakes.
        must_staple: browsers are to refuse it without an OCSP answer of the server (RFC 7633).
        path_length: how many authorities may stand below it, None without limit.
        limits: the names that it may issue certificates for, in words; empty without limits.
        link: where its issuer's certificate can be had.
    """

    certificate: x509.Certificate = field(repr=False)
    title: str
    issuer: str
    common_name: str
    names: tuple[str, ...]
    begins: datetime
    ends: datetime
    key: KeyFacts
    weak_hash: str
    is_authority: bool
    may_issue: bool
    purpose_fits: bool
    may_serve: bool
    must_staple: bool
    path_length: int | None
    limits: str
    link: str

    @property
    def self_issued(self) -> bool:
        """Whether it names itself as its issuer."""
        return self.certificate.subject == self.certificate.issuer

    def signed(self, other: CertificateFacts) -> bool:
        """Whether the other is named and signed by this one."""
        return tried(lambda: other.certificate.verify_directly_issued_by(self.certificate)) is None


def facts_of(certificate: x509.Certificate) -> CertificateFacts:
    """Read a certificate; raises whatever the library raises on one that is damaged inside."""
    basic = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.KeyUsage)
    purposes = _extension(certificate, x509.ExtendedKeyUsage)
    features = _extension(certificate, x509.TLSFeature)
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    is_authority = basic is not None and basic.ca
    fitting = {ExtendedKeyUsageOID.SERVER_AUTH, *([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE] if is_authority else [])}
    return CertificateFacts(
        certificate=certificate,
        title=_title(certificate.subject, certificate),
        issuer=_title(certificate.issuer, certificate),
        common_name=str(common[0].value).lower() if common else "",
        names=_names(certificate),
        begins=certificate.not_valid_before_utc,
        ends=certificate.not_valid_after_utc,
        key=_key(certificate),
        weak_hash=_weak_hash(certificate),
        is_authority=is_authority,
        may_issue=is_authority and (usage is None or usage.key_cert_sign),
        purpose_fits=purposes is None or not fitting.isdisjoint(purposes),
        may_serve=usage is None or usage.digital_signature,
        must_staple=features is not None and x509.TLSFeatureType.status_request in features,
        path_length=basic.path_length if basic is not None else None,
        limits=_limits(certificate),
        link=_link(certificate),
    )


def _extension(certificate: x509.Certificate, kind: type[Extension]) -> Extension | None:
    """One of its extensions."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _title(name: x509.Name, certificate: x509.Certificate) -> str:
    """How people call who is named: the common name, else the most precise of the rest, else the serial number."""
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.ORGANIZATION_NAME):
        for attribute in name.get_attributes_for_oid(kind):
            if text := shown(str(attribute.value)):
                return text
    names = _names(certificate) if name == certificate.subject else ()
    return shown(names[0]) if names else f"{certificate.serial_number:x}"[:32]


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names it covers."""
    covered = _extension(certificate, x509.SubjectAlternativeName)
    return tuple(name.lower() for name in covered.get_values_for_type(x509.DNSName)) if covered is not None else ()


def _key(certificate: x509.Certificate) -> KeyFacts:
    """Its public key; one that only signs in the way of PSS is a kind of its own, which browsers don't take."""
    key = tried(certificate.public_key)
    match key:
        case RSAPublicKey():
            plain = certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5
            return KeyFacts(key, "RSA" if plain else "RSASSA-PSS", key.key_size)
        case EllipticCurvePublicKey():
            return KeyFacts(key, f"ECDSA {CURVES.get(key.curve.name, key.curve.name)}")
        case Failed():
            return KeyFacts(None, certificate.public_key_algorithm_oid.dotted_string)
        case _:
            return KeyFacts(key, type(key).__name__.removesuffix("PublicKey"))


def _weak_hash(certificate: x509.Certificate) -> str:
    """The unsafe hash it is signed with; what the library doesn't know is left to the judgement of the chain."""
    algorithm = tried(lambda: certificate.signature_hash_algorithm)
    return "" if algorithm is None or isinstance(algorithm, Failed) else WEAK_HASHES.get(algorithm.name, "")


def _limits(certificate: x509.Certificate) -> str:
    """The names that it may issue certificates for (RFC 5280, 4.2.1.10), in few words."""
    constraints = _extension(certificate, x509.NameConstraints)
    if constraints is None:
        return ""
    permitted = [str(name.value) for name in constraints.permitted_subtrees or ()]
    excluded = [f"≠ {name.value}" for name in constraints.excluded_subtrees or ()]
    return shown(", ".join((*permitted, *excluded)))


def _link(certificate: x509.Certificate) -> str:
    """Where its issuer's certificate can be had, if it tells an address that can be shown whole."""
    access = _extension(certificate, x509.AuthorityInformationAccess)
    for description in access or ():
        address = str(description.access_location.value)
        if description.access_method == AuthorityInformationAccessOID.CA_ISSUERS and shown(address) == address:
            return address if address.startswith(("http://", "https://")) else ""
    return ""
