"""The chain from a customer's certificate to an authority that browsers trust (P31; RFC 5280, section 6).

The library judges; where it refuses, its reason is looked for and told in words that a customer can do something with.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from hosting.errors import ServiceError
from hosting.policy import certificate_rules as rules
from hosting.policy.certificate_facts import ISSUER_KINDS, CertificateFacts, Failed, facts_of, tried
from hosting.policy.certificate_files import CERTIFICATES, decoded, pem_parts
from hosting.policy.findings import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from cryptography.x509.verification import Policy

    from hosting.policy.findings import Finding

MOST_AUTHORITIES = 6
"""Between the certificate and the trusted root; chains of public authorities have one to three."""


class TrustStoreEmpty(ServiceError):
    """There is no authority to judge by: a fault of the service's settings, not of the customer's certificate."""


@dataclass(frozen=True)
class Chain:
    """What is sent to browsers: the certificate and its issuers in order, without the root; empty if refused."""

    served: tuple[CertificateFacts, ...]
    findings: tuple[Finding, ...]


def trusted_roots(pem: bytes) -> tuple[CertificateFacts, ...]:
    """The authorities of a trust store, such as the system's; single ones that can't be read are passed over.

    Raises:
        TrustStoreEmpty: none is left.
    """
    loaded = [
        tried(partial(_root, body)) for label, body in pem_parts(pem) if body is not None and label in CERTIFICATES
    ]
    roots = tuple(root for root in loaded if not isinstance(root, Failed))
    if not roots:
        raise TrustStoreEmpty("The trust store holds no certificate.", "Name one with the authorities of browsers.")
    return roots


def _root(body: bytes) -> CertificateFacts:
    """A root from a PEM section."""
    return facts_of(x509.load_der_x509_certificate(decoded(body)))


def chain_of(
    leaf: CertificateFacts, others: Sequence[CertificateFacts], roots: Sequence[CertificateFacts], now: datetime
) -> Chain:
    """The way from a certificate to a trusted root.

    A certificate that isn't valid now is judged at the end of its time nearest to now, so that its issuers are judged
    all the same.

    Args:
        leaf: the certificate itself; its names and dates are not judged here.
        others: what was handed over beside it, in any order.
        roots: what is trusted.
        now: the moment.
    """
    moment = min(max(now, leaf.begins), leaf.ends)
    issuers = [other for other in others if not other.self_issued]
    try:
        judged = _policy(roots, moment, ANY_SITE).build_client_verifier()
        found = judged.verify(leaf.certificate, [issuer.certificate for issuer in issuers]).chain
    except (VerificationError, ValueError) as error:  # ValueError: a name or a moment that the library can't judge by
        return Chain((), tuple(_diagnosis(leaf, others, roots, now)) or (_refusal(error),))
    served = (leaf, *(issuer for member in found[1:] for issuer in issuers if issuer.certificate == member))
    return Chain(served, tuple(finding for issuer in served[1:] for finding in _issuer_dates(issuer, now)))


def judge(
    served: Sequence[CertificateFacts], roots: Sequence[CertificateFacts], host: str, now: datetime
) -> tuple[Finding, ...]:
    """What a client would say to exactly this chain for a host's name (A-labels); empty if it is content."""
    try:
        verifier = _policy(roots, now, NAMED_SITE).build_server_verifier(x509.DNSName(host))
        verifier.verify(served[0].certificate, [issuer.certificate for issuer in served[1:]])
    except (VerificationError, ValueError) as error:  # ValueError: a name or a moment that the library can't judge by
        return (_refusal(error),)
    return ()


def _may_issue(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    """An authority whose key is for other things may not issue certificates."""
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("keyUsage.keyCertSign must be asserted in a CA certificate")


def _for_servers(_policy: Policy, _certificate: x509.Certificate, purposes: x509.ExtendedKeyUsage | None) -> None:
    """An authority for other purposes, such as mail, may not issue certificates for servers."""
    allowed = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if purposes is not None and allowed.isdisjoint(purposes):
        raise ValueError("the CA certificate is not for servers")


# What browsers and OpenSSL ask of authorities. The library's own default asks for more (key identifiers), which
# certificates of a company's own authority often lack.
AUTHORITY = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_issue)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _for_servers)
)
ANY_SITE = ExtensionPolicy.permit_all()
NAMED_SITE = ExtensionPolicy.permit_all().require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)


def _policy(roots: Iterable[CertificateFacts], moment: datetime, site: ExtensionPolicy) -> PolicyBuilder:
    """What the library judges by; it bounds the signatures it checks by itself."""
    return (
        PolicyBuilder()
        .store(Store([root.certificate for root in roots]))
        .time(moment)
        .max_chain_depth(MOST_AUTHORITIES)
        .extension_policies(ca_policy=AUTHORITY, ee_policy=site)
    )


def _refusal(error: Exception) -> Finding:
    """The library's own words, where there are no better ones; they tell of certificates only."""
    return rules.CHAIN_REFUSED.found(detail=shown(str(error).removeprefix("validation failed: ")))


def _diagnosis(
    leaf: CertificateFacts, others: Sequence[CertificateFacts], roots: Sequence[CertificateFacts], now: datetime
) -> list[Finding]:
    """Why there is no chain: walk from issuer to issuer as far as it goes, and tell all that is wrong on the way."""
    findings: list[Finding] = []
    path = [leaf]
    while path[-1] not in roots:
        current = path[-1]
        findings += _signature_faults(current)
        issuer = _issuer_of(current, [other for other in (*roots, *others) if other not in path], roots)
        if not isinstance(issuer, CertificateFacts):
            findings.append(issuer if len(path) == 1 or not current.self_issued else _unknown(current))
            break
        findings += _issuer_faults(issuer, current, authorities_below=len(path) - 1, now=now)
        path.append(issuer)
    limited = [issuer for issuer in path[1:] if issuer.limits]
    if not findings and limited:
        findings.append(rules.NAMES_NOT_PERMITTED.found(issuer=limited[0].title, limits=limited[0].limits))
    return findings


def _issuer_of(
    current: CertificateFacts, others: Sequence[CertificateFacts], roots: Sequence[CertificateFacts]
) -> CertificateFacts | Finding:
    """Who signed a certificate, the best first; or why nobody is found."""
    if current.self_issued:
        return rules.SELF_SIGNED.found(certificate=current.title)
    named = [other for other in others if other.certificate.subject == current.certificate.issuer]
    # The library doesn't check signatures with unsafe hashes; there the name has to do.
    signers = [other for other in named if current.weak_hash or other.signed(current)]
    if signers:
        return max(signers, key=lambda signer: (signer in roots, signer.may_issue, signer.ends))
    if named:
        return rules.ISSUER_OF_ANOTHER.found(certificate=current.title, issuer=current.issuer)
    if current.link:
        at = {"issuer": current.issuer, "certificate": current.title, "link": current.link}
        return rules.INTERMEDIATE_MISSING_AT.found(**at)
    return rules.INTERMEDIATE_MISSING.found(certificate=current.title, issuer=current.issuer)


def _unknown(root: CertificateFacts) -> Finding:
    """The chain ends at a root that isn't trusted."""
    return rules.ROOT_UNKNOWN.found(issuer=root.title)


def _signature_faults(current: CertificateFacts) -> list[Finding]:
    """What is wrong with how a certificate is signed."""
    if not current.weak_hash:
        return []
    return [rules.WEAK_SIGNATURE.found(certificate=current.title, algorithm=current.weak_hash)]


def _issuer_faults(
    issuer: CertificateFacts, signed: CertificateFacts, *, authorities_below: int, now: datetime
) -> list[Finding]:
    """What keeps an issuer from having signed a certificate."""
    findings = _issuer_dates(issuer, now)
    if not (issuer.may_issue and issuer.purpose_fits):
        findings.append(rules.ISSUER_NO_AUTHORITY.found(certificate=signed.title, issuer=issuer.title))
    if issuer.key.kind not in ISSUER_KINDS or issuer.key.too_short:
        findings.append(rules.ISSUER_WEAK_KEY.found(certificate=issuer.title, key=str(issuer.key)))
    if issuer.path_length is not None and authorities_below > issuer.path_length:
        findings.append(rules.PATH_TOO_LONG.found(issuer=issuer.title))
    return findings


def _issuer_dates(issuer: CertificateFacts, now: datetime) -> list[Finding]:
    """Whether an issuer's certificate is valid now."""
    if now > issuer.ends:
        return [rules.ISSUER_EXPIRED.found(certificate=issuer.title, on=issuer.ends)]
    if now < issuer.begins:
        return [rules.ISSUER_NOT_YET_VALID.found(certificate=issuer.title, on=issuer.begins)]
    return []
