"""A customer's certificate: inspected as a whole before anything changes, and watched for its end (P31).

What doesn't fit is refused, and everything that is found is told at once. What fits comes out in one form, ready for
Apache: the certificate, its intermediates in order, the key. Whoever inspects files of strangers does it in a process
whose time is bounded: what an encrypted container holds inside another can't be foreseen (`certificate_files`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import SecretStr

from hosting.policy import certificate_rules as rules
from hosting.policy.certificate_chain import chain_of, judge
from hosting.policy.certificate_facts import CUSTOMER_KINDS, LEAST_RSA_BITS, CertificateFacts
from hosting.policy.certificate_files import key_bytes, read_files
from hosting.policy.findings import shown
from hosting.policy.own_domain import in_unicode, is_public_suffix

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from hosting.policy.findings import Finding
    from hosting.policy.own_domain import OwnDomain

LEAST_DAYS = 7
"""So long a certificate must be valid still, to be taken (settled reading of P31)."""

WARNED_DAYS = 30
"""Under so many days left it is taken with a warning (settled reading of P31)."""

NOTICE_DAYS = (30, 14, 7, 1)
"""So many days before its end the customer is told by letter."""


@dataclass(frozen=True)
class Bundle:
    """What Apache is given.

    Args:
        leaf_pem: the certificate.
        chain_pem: its intermediates, each signed by the next; without the root, which browsers have.
        key_pem: its key in PKCS#8, not encrypted; hidden where the bundle is shown.
        fingerprint: SHA-256 of the certificate, 64 hexadecimal digits.
        not_after: when the first of the certificates ends.
        names: the DNS names it covers (SAN), as they stand there in lower case.
        issuer: who issued it, as people call it.
    """

    leaf_pem: str
    chain_pem: tuple[str, ...]
    key_pem: SecretStr
    fingerprint: str
    not_after: datetime
    names: tuple[str, ...]
    issuer: str

    @property
    def certificate_pem(self) -> str:
        """The certificate and its intermediates in the order of TLS (RFC 8446, 4.4.2), for SSLCertificateFile."""
        return "".join((self.leaf_pem, *self.chain_pem))


@dataclass(frozen=True)
class Inspection:
    """What was found in the files; the bundle only if nothing refuses it."""

    findings: tuple[Finding, ...]
    bundle: Bundle | None


def inspect(
    files: Sequence[bytes],
    passphrase: SecretStr | None,
    domain: OwnDomain,
    roots: Sequence[CertificateFacts],
    now: datetime,
) -> Inspection:
    """Look at everything that a customer handed over for a domain; whatever the files hold, the answer is findings.

    Args:
        files: in any order and form (PEM, DER, PKCS#7, PKCS#12), in one or several.
        passphrase: of the key, if it has one.
        domain: that the certificate is to cover.
        roots: the authorities that browsers trust (`trusted_roots`).
        now: the moment, aware.
    """
    contents = read_files(files, passphrase)
    findings = list(contents.findings)
    unread = any(finding.refuses for finding in findings)
    leaf, key = _pair(contents.certificates, contents.keys, domain, now)
    if leaf is None:
        findings += [] if unread else [rules.CERTIFICATE_MISSING.found()]
    if key is None and not unread and not contents.keys:
        findings.append(rules.KEY_MISSING.found())
    if leaf is None:
        return Inspection(tuple(findings), None)
    if key is None and contents.keys:
        findings.append(rules.KEY_OF_ANOTHER.found(certificate=leaf.title))
    unfit = [*_key_faults(leaf), *_use_faults(leaf)]
    findings += [*unfit, *_name_faults(leaf, domain), *_date_faults(leaf, now)]
    others = [other for other in contents.certificates if other is not leaf]
    chain = chain_of(leaf, others, roots, now)
    findings += [finding for finding in chain.findings if not (unfit and finding.rule is rules.CHAIN_REFUSED)]
    findings += [finding for issuer in chain.served[1:] for finding in _end_faults(issuer, now)]
    if chain.served:
        findings += [rules.CERTIFICATE_UNUSED.found(certificate=x.title) for x in others if x not in chain.served]
    if key is None or any(finding.refuses for finding in findings):
        return Inspection(tuple(findings), None)
    findings += judge(chain.served, roots, domain.ascii, now)
    refused = any(finding.refuses for finding in findings)
    return Inspection(tuple(findings), None if refused else _bundle(chain.served, key))


def covers(name: str, host: str) -> bool:
    """Whether a name in a certificate covers a host: the same, or an asterisk for its first part (RFC 6125, 6.4.3).

    An asterisk below a public suffix covers nobody. Both in lower case, as A-labels.
    """
    if not name.startswith("*."):
        return name == host
    zone = name.removeprefix("*.")
    return host.partition(".")[2] == zone and not is_public_suffix(zone)


def expiry_notice(not_after: datetime, now: datetime, already_told: Collection[int]) -> int | None:
    """The letter that is due before a certificate ends: 30, 14, 7 or 1 days ahead; None if there is none.

    Where several were missed, only the most urgent is sent; once the certificate has ended, none is.

    Args:
        not_after: when it ends.
        now: the moment.
        already_told: days ahead of the letters sent about this certificate.
    """
    left = not_after - now
    due = [days for days in NOTICE_DAYS if timedelta(0) < left <= timedelta(days=days)]
    return min(due) if due and min(due) not in already_told else None


def _pair(
    certificates: Sequence[CertificateFacts], keys: Sequence[PrivateKeyTypes], domain: OwnDomain, now: datetime
) -> tuple[CertificateFacts | None, PrivateKeyTypes | None]:
    """The certificate that is meant, and its key if it is there: of several, what fits best now, and longest."""
    matching = {facts.certificate: key for facts in certificates for key in keys if key.public_key() == facts.key.key}
    issuers = {facts.certificate.issuer for facts in certificates if not facts.self_issued}

    def fitness(facts: CertificateFacts) -> tuple[bool, bool, bool, bool, bool, datetime]:
        return (
            facts.certificate in matching,
            any(covers(name, domain.ascii) for name in facts.names),
            not facts.is_authority,
            facts.certificate.subject not in issuers,
            facts.begins <= now <= facts.ends,
            facts.ends,
        )

    # An authority's certificate beside another's key is an intermediate whose website's certificate is not there.
    candidates = [facts for facts in certificates if not facts.is_authority or any(fitness(facts)[:2])]
    leaf = max(candidates, key=fitness, default=None)
    return leaf, matching.get(leaf.certificate) if leaf is not None else None


def _key_faults(leaf: CertificateFacts) -> list[Finding]:
    """What is wrong with the certificate's key."""
    if leaf.key.kind not in CUSTOMER_KINDS:
        return [rules.KEY_KIND.found(certificate=leaf.title, key=str(leaf.key))]
    if leaf.key.too_short:
        return [rules.KEY_TOO_SHORT.found(certificate=leaf.title, bits=leaf.key.bits, least=LEAST_RSA_BITS)]
    return []


def _name_faults(leaf: CertificateFacts, domain: OwnDomain) -> list[Finding]:
    """Why it doesn't cover the domain, if it doesn't."""
    host = domain.ascii
    if any(covers(name, host) for name in leaf.names):
        return []
    if not leaf.names and covers(leaf.common_name, host):
        return [rules.NAME_NOT_LISTED.found(host=domain.unicode)]
    for name in leaf.names:
        zone = name.removeprefix("*.")
        if zone != name and (host == zone or host.endswith(f".{zone}")) and not is_public_suffix(zone):
            return [rules.NAME_BEYOND_WILDCARD.found(host=domain.unicode, wildcard=shown(in_unicode(name)))]
    names = shown(", ".join(map(in_unicode, leaf.names))) or "-"
    return [rules.NAME_NOT_COVERED.found(host=domain.unicode, names=names)]


def _use_faults(leaf: CertificateFacts) -> list[Finding]:
    """Why it may not serve a website, if it may not; who signed itself is told that by the chain."""
    faults = (
        (rules.IS_AUTHORITY, leaf.is_authority and not leaf.self_issued),
        (rules.NOT_FOR_SERVERS, not (leaf.purpose_fits and leaf.may_serve) and not leaf.is_authority),
        (rules.MUST_STAPLE, leaf.must_staple),
    )
    return [rule.found(certificate=leaf.title) for rule, applies in faults if applies]


def _date_faults(leaf: CertificateFacts, now: datetime) -> list[Finding]:
    """Whether it is valid now, and long enough."""
    if now > leaf.ends:
        return [rules.EXPIRED.found(certificate=leaf.title, on=leaf.ends)]
    if now < leaf.begins:
        return [rules.NOT_YET_VALID.found(certificate=leaf.title, on=leaf.begins)]
    return _end_faults(leaf, now)


def _end_faults(facts: CertificateFacts, now: datetime) -> list[Finding]:
    """Whether a certificate that is valid stays so long enough."""
    left = facts.ends - now
    if timedelta(0) <= left < timedelta(days=LEAST_DAYS):
        return [rules.ENDS_TOO_SOON.found(certificate=facts.title, on=facts.ends, least=LEAST_DAYS)]
    if timedelta(0) <= left < timedelta(days=WARNED_DAYS):
        return [rules.ENDS_SOON.found(certificate=facts.title, on=facts.ends)]
    return []


def _bundle(served: Sequence[CertificateFacts], key: PrivateKeyTypes) -> Bundle:
    """The one form in which certificate and key are kept."""
    leaf, *chain = (facts.certificate.public_bytes(Encoding.PEM).decode() for facts in served)
    return Bundle(
        leaf_pem=leaf,
        chain_pem=tuple(chain),
        key_pem=SecretStr(key_bytes(key, Encoding.PEM).decode()),
        fingerprint=served[0].certificate.fingerprint(SHA256()).hex(),
        not_after=min(facts.ends for facts in served),
        names=served[0].names,
        issuer=served[0].issuer,
    )
