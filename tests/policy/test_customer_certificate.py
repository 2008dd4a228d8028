"""A customer's certificate is refused with a reason for everything that is wrong, or comes out ready for Apache (P31)."""

from __future__ import annotations

import datetime as dt
import subprocess
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Store
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from hosting.policy import certificate_rules as rules
from hosting.policy.certificate_chain import TrustStoreEmpty, trusted_roots
from hosting.policy.customer_certificate import Bundle, Inspection, covers, expiry_notice, inspect
from hosting.policy.findings import Rule
from hosting.policy.own_domain import OwnDomain
from tests.policy import certificates as made
from tests.policy.certificate_forms import FORMS, PASSPHRASE, as_pkcs7, as_pkcs12, endless, in_one_text
from tests.policy.certificates import HOST, LINK, MIDDLE, NOW, ROOT, Signer, authority, key, key_bytes, site

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings(
    "ignore:PKCS#12 bundle could not be parsed as DER", "ignore:Parsed a serial number which wasn't positive"
)  # Windows writes BER, and some public roots are older than the rule

ROOTS = trusted_roots(ROOT.pem)
DOMAIN = OwnDomain(HOST, HOST, HOST)


def look(*files: bytes, passphrase: str = "", domain: OwnDomain = DOMAIN, now: dt.datetime = NOW) -> Inspection:
    """Inspect, and hold in every test: a refusal has no bundle, and no sentence shows a secret."""
    secret = SecretStr(passphrase) if passphrase else None
    inspection = inspect(files, secret, domain, ROOTS, now)
    assert (inspection.bundle is None) == any(finding.refuses for finding in inspection.findings)
    for language in ("de", "en"):
        for finding in inspection.findings:
            sentence = finding.told(language)
            assert sentence.endswith((".", LINK))
            assert "PRIVATE" not in sentence
            assert not passphrase or passphrase not in sentence
    return inspection


def codes(inspection: Inspection) -> list[str]:
    return [finding.code for finding in inspection.findings]


def sentences(inspection: Inspection) -> list[str]:
    return [str(finding) for finding in inspection.findings]


def with_middle(signed: Signer, *others: Signer) -> bytes:
    return in_one_text(signed, *(others or (MIDDLE,)))


def by_rsa(hash_: hashes.SHA1 | hashes.MD5) -> Signer:
    return made.weakly_signed(site(HOST, by=made.RSA_MIDDLE), made.RSA_MIDDLE, hash_)


def limited(*, permitted: list[str] | None = None, excluded: list[str] | None = None) -> Signer:
    trees = [None if names is None else [x509.DNSName(name) for name in names] for names in (permitted, excluded)]
    return authority("Begrenzte Mitte", ROOT, extensions=[(x509.NameConstraints(*trees), True)])


def own_authority() -> Signer:
    return authority("Kundenstelle", ROOT, extensions=[(x509.SubjectAlternativeName([x509.DNSName(HOST)]), False)])


def sealed_only() -> Signer:
    names = x509.SubjectAlternativeName([x509.DNSName(HOST)])
    extensions = [(names, False), (made.usage(key_encipherment=True), True)]
    return made.issue(HOST, MIDDLE, "rsa 2048 x", extensions=extensions)


SHORT_PATH = authority("Zu tief", MIDDLE)
OLD_MIDDLE = authority("Alte Mitte", ROOT, starts=-800, days=795)
COMING_MIDDLE = authority("Neue Mitte", ROOT, starts=5)
ENDING_MIDDLE = authority("Endende Mitte", ROOT, starts=-800, days=803)
NO_AUTHORITY = authority("Keine Stelle", ROOT, ca=False)
WEAK_MIDDLE = authority("Kurze Mitte", ROOT, key_label="rsa 1024 middle")
SHA1_MIDDLE = made.weakly_signed(
    authority("SHA1-Mitte", authority("RSA-Wurzel", key_label="rsa 2048 root")),
    authority("RSA-Wurzel", key_label="rsa 2048 root"),
    hashes.SHA1(),  # noqa: S303  # it is to be refused
)
MAIL_MIDDLE = authority(
    "Mail-Mitte", ROOT, extensions=[(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)]
)
SIGNS_NOTHING = made.issue(
    "Unterschreibt nicht",
    ROOT,
    "signs nothing",
    days=900,
    extensions=[
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (made.usage(digital_signature=True), True),
    ],
)
GOOD = made.GOOD

BAD: dict[str, tuple[Callable[[], bytes], list[str]]] = {
    "wrong key": (lambda: GOOD.pem + key_bytes(key("other")) + MIDDLE.pem, ["key_of_another"]),
    "no key": (lambda: GOOD.pem + MIDDLE.pem, ["key_missing"]),
    "no certificate": (GOOD.key_pem, ["certificate_missing"]),
    "missing intermediate": (lambda: GOOD.pem + GOOD.key_pem(), ["intermediate_missing"]),
    "missing intermediate with a link": (
        lambda: with_middle(site(HOST, by=MIDDLE, extensions=[made.offered_at(LINK)]), made.UPPER),
        ["intermediate_missing_at"],
    ),
    "upper intermediate missing": (
        lambda: with_middle(site(HOST, by=made.LOWER), made.LOWER),
        ["intermediate_missing"],
    ),
    "another's intermediate": (
        lambda: with_middle(site(HOST, by=MIDDLE), made.FOREIGN_MIDDLE),
        ["intermediate_missing"],
    ),
    "forged under the intermediate's name": (
        lambda: with_middle(site(HOST, by=Signer(MIDDLE.certificate, key("mallory")))),
        ["issuer_of_another"],
    ),
    "expired": (lambda: with_middle(site(HOST, by=MIDDLE, starts=-90, days=80)), ["expired"]),
    "not yet valid": (lambda: with_middle(site(HOST, by=MIDDLE, starts=3)), ["not_yet_valid"]),
    "six days left": (lambda: with_middle(site(HOST, by=MIDDLE, starts=-84, days=90)), ["ends_too_soon"]),
    "another name": (lambda: with_middle(site("www.kunde.example", by=MIDDLE)), ["name_not_covered"]),
    "wildcard above": (lambda: with_middle(site("*.example", by=MIDDLE)), ["name_not_covered"]),
    "wildcard beside": (lambda: with_middle(site("*.mail.kunde.example", by=MIDDLE)), ["name_beyond_wildcard"]),
    "wildcard of half a part": (lambda: with_middle(site("m*.kunde.example", by=MIDDLE)), ["name_not_covered"]),
    "wildcard below the domain itself": (
        lambda: with_middle(site("*.mail.kunde.example", "*.example", by=MIDDLE)),
        ["name_beyond_wildcard"],
    ),
    "two asterisks": (lambda: with_middle(site("*.*.example", by=MIDDLE)), ["name_not_covered"]),
    "an IP address": (
        lambda: with_middle(
            site(
                by=MIDDLE,
                common="x",
                extensions=[(x509.SubjectAlternativeName([x509.IPAddress(ip_address("192.0.2.7"))]), False)],
            )
        ),
        ["name_not_covered"],
    ),
    "no names": (lambda: with_middle(site(by=MIDDLE, common="Kunde")), ["name_not_covered"]),
    "name only as common name": (lambda: with_middle(site(by=MIDDLE)), ["name_not_listed"]),
    "address instead of a name": (
        lambda: with_middle(
            site(
                by=MIDDLE,
                common="x",
                extensions=[(x509.SubjectAlternativeName([x509.RFC822Name("a@b.example")]), False)],
            )
        ),
        ["name_not_covered"],
    ),
    "SHA-1": (lambda: with_middle(by_rsa(hashes.SHA1()), made.RSA_MIDDLE), ["weak_signature"]),  # noqa: S303
    "MD5": (lambda: with_middle(by_rsa(hashes.MD5()), made.RSA_MIDDLE), ["weak_signature"]),  # noqa: S303
    "1024 bits": (lambda: with_middle(site(HOST, by=MIDDLE, key_label="rsa 1024 x")), ["key_too_short"]),
    "Ed25519": (lambda: with_middle(site(HOST, by=MIDDLE, key_label="ed25519")), ["key_kind"]),
    "DSA": (lambda: with_middle(site(HOST, by=MIDDLE, key_label="dsa")), ["key_kind"]),
    "P-521": (lambda: with_middle(site(HOST, by=MIDDLE, key_label="p521")), ["key_kind"]),
    "secp256k1": (lambda: with_middle(site(HOST, by=MIDDLE, key_label="k256")), ["key_kind"]),
    "self-signed": (lambda: with_middle(site(HOST, by=None)), ["self_signed"]),
    "self-signed as OpenSSL makes it": (
        lambda: with_middle(
            authority(HOST, days=1900, extensions=[(x509.SubjectAlternativeName([x509.DNSName(HOST)]), False)])
        ),
        ["self_signed"],
    ),
    "unknown root, handed over": (
        lambda: with_middle(site(HOST, by=made.FOREIGN_MIDDLE), made.FOREIGN_MIDDLE, made.FOREIGN_ROOT),
        ["root_unknown"],
    ),
    "an authority's certificate": (
        lambda: own_authority().pem + own_authority().key_pem(),
        ["is_authority"],
    ),
    "only the authority's certificate": (lambda: MIDDLE.pem + GOOD.key_pem(), ["certificate_missing"]),
    "only a damaged one": (
        lambda: GOOD.pem.replace(b"\nMII", b"\nNII") + MIDDLE.pem + GOOD.key_pem(),
        ["certificate_damaged"],
    ),
    "CA:FALSE intermediate": (lambda: with_middle(site(HOST, by=NO_AUTHORITY), NO_AUTHORITY), ["issuer_no_authority"]),
    "intermediate that may not sign": (
        lambda: with_middle(site(HOST, by=SIGNS_NOTHING), SIGNS_NOTHING),
        ["issuer_no_authority"],
    ),
    "intermediate for mail": (lambda: with_middle(site(HOST, by=MAIL_MIDDLE), MAIL_MIDDLE), ["issuer_no_authority"]),
    "key that may not sign handshakes": (lambda: with_middle(sealed_only()), ["not_for_servers"]),
    "something critical that nobody knows": (
        lambda: with_middle(site(HOST, by=MIDDLE, extensions=[(x509.PrecertPoison(), True)])),
        ["chain_refused"],
    ),
    "expired intermediate": (lambda: with_middle(site(HOST, by=OLD_MIDDLE), OLD_MIDDLE), ["issuer_expired"]),
    "intermediate of tomorrow": (
        lambda: with_middle(site(HOST, by=COMING_MIDDLE), COMING_MIDDLE),
        ["issuer_not_yet_valid"],
    ),
    "intermediate about to end": (lambda: with_middle(site(HOST, by=ENDING_MIDDLE), ENDING_MIDDLE), ["ends_too_soon"]),
    "short intermediate": (lambda: with_middle(site(HOST, by=WEAK_MIDDLE), WEAK_MIDDLE), ["issuer_weak_key"]),
    "intermediate signed with SHA-1": (
        lambda: with_middle(site(HOST, by=SHA1_MIDDLE), SHA1_MIDDLE),
        ["weak_signature", "intermediate_missing"],
    ),
    "other names permitted": (
        lambda: with_middle(site(HOST, by=(by := limited(permitted=["andere.example"]))), by),
        ["names_not_permitted"],
    ),
    "this name excluded": (
        lambda: with_middle(site(HOST, by=(by := limited(excluded=["kunde.example"]))), by),
        ["names_not_permitted"],
    ),
    "path too long": (lambda: with_middle(site(HOST, by=SHORT_PATH), SHORT_PATH, MIDDLE), ["path_too_long"]),
    "for clients": (
        lambda: with_middle(site(HOST, by=MIDDLE, purpose=ExtendedKeyUsageOID.CLIENT_AUTH)),
        ["not_for_servers"],
    ),
    "must-staple": (
        lambda: with_middle(
            site(HOST, by=MIDDLE, extensions=[(x509.TLSFeature([x509.TLSFeatureType.status_request]), False)])
        ),
        ["must_staple"],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_one_is_refused_with_its_reason_and_no_other(case: str) -> None:
    files, expected = BAD[case]
    inspection = look(files())
    assert codes(inspection) == expected, sentences(inspection)
    assert inspection.bundle is None


OF_FILES = {
    "nothing_given", "file_empty", "file_unknown", "file_too_large", "too_many_files", "too_many_certificates",
    "part_cut_off", "container_damaged", "key_damaged", "key_too_long", "passphrase_missing", "passphrase_wrong",
    "encryption_costly", "inspection_costly",
}  # fmt: skip
"""What is wrong with files, whatever certificate they hold: tests of their own, below and of `deployments.inspecting`."""


def test_each_sentence_that_refuses_a_certificate_has_a_case() -> None:
    refusing = {one.code for one in vars(rules).values() if isinstance(one, Rule) and one.refuses}
    assert refusing - OF_FILES == {code for _, expected in BAD.values() for code in expected}


ALL_AT_ONCE = """\
File 3 holds neither a certificate nor a key in a form that we read. PEM, DER, PKCS#7 (.p7b) and PKCS#12 (.pfx, .p12) are possible.
The private key does not belong to the certificate “Andere”. Please hand over the key with which it was requested.
With 1024 bits the key of the certificate “Andere” is too short to be safe; 2048 bits are needed. Please have the certificate issued with a new key.
The certificate is not valid for mail.kunde.example but for: andere.example. Please have one issued for mail.kunde.example.
The certificate “Andere” expired on 2026-02-19. Please have it renewed.
The intermediate certificate “Gute Mitte”, with which “Andere” is signed, is missing. The issuer offers it for download.
"""


NO_CASE_FOR_OPENSSL = {
    "no certificate",
    "wrong key",
    "no key",
    "only the authority's certificate",
    "only a damaged one",
}
OURS_ALONE = {
    "Ed25519", "P-521", "secp256k1", "DSA", "key that may not sign handshakes", "six days left", "intermediate about to end",
    "must-staple", "name only as common name", "wildcard of half a part",
}  # fmt: skip
"""What OpenSSL would take: not all browsers do, or the customer would be without a certificate in days."""


@pytest.mark.parametrize("case", sorted(BAD.keys() - NO_CASE_FOR_OPENSSL))
def test_openssl_refuses_what_is_refused_but_for_what_is_ours_to_ask(case: str, tmp_path: Path) -> None:
    leaf, *others = x509.load_pem_x509_certificates(BAD[case][0]())
    (tmp_path / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    (tmp_path / "others.pem").write_bytes(b"".join(other.public_bytes(Encoding.PEM) for other in others))
    (tmp_path / "root.pem").write_bytes(ROOT.pem)
    judged_at = ("-attime", str(int(NOW.timestamp())), "-auth_level", "2", "-purpose", "sslserver")
    files = ("-CAfile", "root.pem", "-no-CApath", "-no-CAstore", *(("-untrusted", "others.pem") if others else ()))
    command = ("openssl", "verify", *judged_at, "-verify_hostname", HOST, *files, "leaf.pem")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode == 0) == (case in OURS_ALONE), done.stdout + done.stderr


def test_everything_that_is_wrong_is_told_at_once() -> None:
    bad = site("andere.example", by=MIDDLE, starts=-90, days=80, key_label="rsa 1024 x", common="Andere")
    assert sentences(look(bad.pem, key_bytes(key("other")), b"rubbish")) == ALL_AT_ONCE.splitlines()


def test_the_customer_reads_his_own_language() -> None:
    inspection = look(with_middle(site(HOST, by=MIDDLE, starts=-90, days=80)))
    assert inspection.findings[0].told("de") == (
        "Das Zertifikat „mail.kunde.example“ ist am 19.02.2026 abgelaufen. Bitte lassen Sie es erneuern."
    )
    with pytest.raises(ValueError, match="fr"):
        inspection.findings[0].told("fr")


def test_a_missing_intermediate_is_named_with_where_it_is() -> None:
    signed = site(HOST, by=MIDDLE, extensions=[made.offered_at(LINK)])
    (told,) = sentences(look(signed.pem, signed.key_pem()))
    assert told.startswith(f"The intermediate certificate “Gute Mitte”, with which “{HOST}” is signed, is missing.")
    assert told.endswith(f"The issuer offers it here: {LINK}")


def test_an_address_that_can_t_be_shown_is_left_out() -> None:
    signed = site(HOST, by=MIDDLE, extensions=[made.offered_at("javascript:alert(1)")])
    assert codes(look(signed.pem, signed.key_pem())) == ["intermediate_missing"]


# What is good


@pytest.mark.parametrize("form", FORMS)
def test_every_form_comes_out_the_same(form: str) -> None:
    files, passphrase = FORMS[form](GOOD, MIDDLE)
    inspection = look(*files, passphrase=passphrase)
    assert sentences(inspection) == []
    bundle = inspection.bundle
    assert bundle is not None
    assert bundle.certificate_pem == (GOOD.pem + MIDDLE.pem).decode()
    assert bundle.key_pem.get_secret_value() == GOOD.key_pem().decode()
    assert bundle.fingerprint == GOOD.certificate.fingerprint(hashes.SHA256()).hex()
    assert (bundle.names, bundle.issuer) == ((HOST,), "Gute Mitte")
    assert bundle.not_after == NOW + dt.timedelta(days=80)


@pytest.mark.parametrize("label", ["rsa 2048 x", "rsa 3072 x", "p384 x"])
def test_other_keys_that_browsers_take_are_taken(label: str) -> None:
    inspection = look(with_middle(site(HOST, by=MIDDLE, key_label=label)))
    assert codes(inspection) == []


def test_intermediates_in_any_order_are_sorted() -> None:
    signed = site(HOST, by=made.LOWER)
    inspection = look(made.UPPER.pem + signed.key_pem() + made.LOWER.pem + signed.pem)
    assert inspection.bundle is not None
    assert inspection.bundle.chain_pem == (made.LOWER.pem.decode(), made.UPPER.pem.decode())


def test_the_root_and_what_belongs_to_others_is_not_sent_and_told() -> None:
    inspection = look(with_middle(GOOD, ROOT, made.FOREIGN_MIDDLE, MIDDLE))
    assert sentences(inspection) == [
        "The certificate “Gute Wurzel” is not needed and not sent along.",
        "The certificate “Fremde Mitte” is not needed and not sent along.",
    ]
    assert inspection.bundle is not None
    assert inspection.bundle.certificate_pem == (GOOD.pem + MIDDLE.pem).decode()


def test_of_a_renewed_certificate_with_the_same_key_the_newer_is_taken() -> None:
    old = site(HOST, by=MIDDLE, starts=-60)
    inspection = look(with_middle(old, MIDDLE, GOOD))
    assert codes(inspection) == ["certificate_unused"]
    assert inspection.bundle is not None
    assert inspection.bundle.leaf_pem == GOOD.pem.decode()


def test_of_two_with_the_same_key_the_one_that_is_valid_now_is_taken_before_one_that_ends_later() -> None:
    next_year = site(HOST, by=MIDDLE, starts=5, days=365)
    inspection = look(with_middle(next_year, MIDDLE, GOOD))
    assert codes(inspection) == ["certificate_unused"]
    assert inspection.bundle is not None
    assert inspection.bundle.leaf_pem == GOOD.pem.decode()
    assert codes(look(with_middle(next_year))) == ["not_yet_valid"]


def test_a_certificate_signed_by_the_root_itself_needs_no_intermediate() -> None:
    inspection = look(with_middle(site(HOST, by=ROOT), ROOT))
    assert inspection.bundle is not None
    assert inspection.bundle.chain_pem == ()


def test_with_a_cross_signed_way_that_has_ended_the_other_is_gone() -> None:
    crossed = authority("Obere Mitte", made.FOREIGN_ROOT, starts=-900, days=800)
    signed = site(HOST, by=made.LOWER)
    inspection = look(with_middle(signed, crossed, made.LOWER, made.UPPER))
    assert inspection.bundle is not None
    assert inspection.bundle.chain_pem == (made.LOWER.pem.decode(), made.UPPER.pem.decode())


@pytest.mark.parametrize("names", [("*.kunde.example",), ("a.example", "MAIL.Kunde.example"), ("kunde.example", HOST)])
def test_names_are_covered_by_the_rules(names: tuple[str, ...]) -> None:
    assert codes(look(with_middle(site(*names, by=MIDDLE)))) == []


def test_a_domain_with_umlauts_is_covered_as_it_is_coded_and_told_as_it_is_read() -> None:
    domain = OwnDomain("Müller.Example", "müller.example", "xn--mller-kva.example")
    assert codes(look(with_middle(site("xn--mller-kva.example", by=MIDDLE)), domain=domain)) == []
    other = look(with_middle(site("xn--mller-kva.example", by=MIDDLE)))
    assert "not valid for mail.kunde.example but for: müller.example" in sentences(other)[0]


def test_limits_that_permit_the_name_are_no_fault() -> None:
    by = limited(permitted=["kunde.example"])
    assert codes(look(with_middle(site(HOST, by=by), by))) == []


@pytest.mark.parametrize(
    ("days_left", "expected"),
    [(6.99, ["ends_too_soon"]), (7, ["ends_soon"]), (29.99, ["ends_soon"]), (30, []), (-0.01, ["expired"])],
)
def test_dates_are_kept_to_the_moment(days_left: float, expected: list[str]) -> None:
    now = GOOD.certificate.not_valid_after_utc - dt.timedelta(days=days_left)
    assert codes(look(with_middle(GOOD), now=now)) == expected


def test_an_end_that_never_comes_is_told_without_stumbling() -> None:
    forever = rules.EXPIRED.found(certificate="x", on=dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC))
    assert "31.12.9999" in forever.told("de")


def asked_by_openssl(bundle: Bundle, folder: Path) -> subprocess.CompletedProcess[str]:
    """Serve a bundle by OpenSSL, as Apache would, and let OpenSSL's client judge it."""
    (folder / "site.pem").write_text(bundle.certificate_pem)
    (folder / "site.key").touch(0o600)
    (folder / "site.key").write_text(bundle.key_pem.get_secret_value())
    (folder / "root.pem").write_bytes(ROOT.pem)
    files = ("-cert", "site.pem", "-cert_chain", "site.pem", "-key", "site.key")
    command = ("openssl", "s_server", "-accept", "127.0.0.1:0", *files, "-www", "-naccept", "1")
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            assert server.stdout is not None
            accepts = next(line for line in server.stdout if line.startswith("ACCEPT "))
            asked = ("-connect", accepts.split()[1], "-servername", HOST, "-verify_hostname", HOST)
            trust = ("-CAfile", "root.pem", "-no-CApath", "-no-CAstore", "-attime", str(int(NOW.timestamp())))
            client = ("openssl", "s_client", *asked, *trust, "-verify_return_error")
            request = "GET / HTTP/1.0\n\n"
            return subprocess.run(
                client, cwd=folder, input=request, capture_output=True, text=True, timeout=20, check=False
            )
        finally:
            server.kill()


@pytest.mark.parametrize("case", ["sorted chain", "RSA from PKCS#12"])
def test_what_is_taken_is_verified_by_a_client_of_openssl(case: str, tmp_path: Path) -> None:
    if case == "sorted chain":
        signed = site(HOST, by=made.LOWER)
        bundle = look(made.UPPER.pem + signed.key_pem() + made.LOWER.pem + ROOT.pem + signed.pem).bundle
    else:
        signed = site("*.kunde.example", by=made.RSA_MIDDLE, key_label="rsa 2048 x")
        bundle = look(as_pkcs12(signed, made.RSA_MIDDLE, passphrase=PASSPHRASE), passphrase=PASSPHRASE).bundle
    assert bundle is not None
    done = asked_by_openssl(bundle, tmp_path)
    assert (done.returncode, "Verification: OK" in done.stdout) == (0, True), done.stderr
    without_chain = asked_by_openssl(replace(bundle, chain_pem=()), tmp_path)
    assert without_chain.returncode != 0
    assert "unable to get local issuer certificate" in without_chain.stderr


# What is no certificate, and what is hostile


def test_files_that_hold_nothing_are_told() -> None:
    assert codes(look()) == ["nothing_given"]
    assert codes(look(b"", b" \n")) == ["file_empty", "file_empty"]
    assert codes(look(b"PK\x03\x04 a zip")) == ["file_unknown"]
    assert codes(look(b"x" * (256 * 1024 + 1))) == ["file_too_large"]
    assert codes(look(*[b"x"] * 11)) == ["too_many_files"]


def test_what_was_damaged_on_the_way_is_told_with_its_file() -> None:
    cut = GOOD.pem[:200]
    (told,) = sentences(look(GOOD.key_pem(), cut))
    assert told.startswith("In file 2 the end of a section “CERTIFICATE” is missing.")
    swapped = GOOD.pem.replace(b"\nMII", b"\nNII")
    assert codes(look(swapped + GOOD.key_pem())) == ["certificate_damaged"]
    broken = GOOD.key_pem().replace(b"\nMIG", b"\nMIH")
    assert codes(look(GOOD.pem, MIDDLE.pem, broken)) == ["key_damaged"]
    assert codes(look(as_pkcs7(GOOD, MIDDLE)[:-40] + bytes(40), GOOD.key_pem())) == ["container_damaged"]
    assert codes(look(GOOD.der[:-1] + b"", MIDDLE.pem, GOOD.key_pem())) == ["file_unknown"]


def test_what_is_no_certificate_is_named() -> None:
    request = x509.CertificateSigningRequestBuilder().subject_name(made.name(HOST)).sign(GOOD.key, hashes.SHA256())
    parts = b"-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n"
    ssh = b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"
    inspection = look(
        with_middle(GOOD) + parts, request.public_bytes(Encoding.PEM), request.public_bytes(Encoding.DER), ssh
    )
    assert codes(inspection) == ["part_ignored", "request_ignored", "request_ignored", "ssh_key_ignored"]
    assert inspection.bundle is not None


def test_openssl_s_trusted_form_is_read_without_what_it_appends() -> None:
    import base64

    trusted = base64.encodebytes(GOOD.der + b"\x30\x00")
    text = b"-----BEGIN TRUSTED CERTIFICATE-----\n" + trusted + b"-----END TRUSTED CERTIFICATE-----\n"
    assert codes(look(text, MIDDLE.pem, GOOD.key_pem())) == []


@pytest.mark.parametrize("form", ["key with passphrase", "old key with passphrase", "PKCS#12 with passphrase"])
def test_a_passphrase_that_is_missing_or_wrong_is_told_without_showing_it(form: str) -> None:
    files, _ = FORMS[form](GOOD, MIDDLE)
    assert codes(look(*files)) == ["passphrase_missing"]
    assert codes(look(*files, passphrase="geheim")) == ["passphrase_wrong"]


def test_a_way_of_encryption_that_is_unknown_is_told_with_the_way_out() -> None:
    old = GOOD.key_pem(PASSPHRASE, PrivateFormat.TraditionalOpenSSL).replace(b"AES-256-CBC", b"IDEA-CBC")
    told = sentences(look(GOOD.pem, MIDDLE.pem, old, passphrase=PASSPHRASE))
    assert len(told) == 1
    assert "export the key again, encrypted with AES-256" in told[0]


def test_a_file_that_would_keep_the_service_busy_is_not_opened() -> None:
    from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

    usual = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(70_000).build(b"x")
    container = serialize_key_and_certificates(b"x", GOOD.key, GOOD.certificate, [], usual)
    container = container.replace(b"\x02\x03\x01\x11\x70", b"\x02\x03\x7f\xff\xff")  # 70,000 become 8,388,607
    assert codes(look(container, passphrase="geheim")) == ["encryption_costly"]
    assert codes(look(container + b"rest", passphrase="geheim")) == ["encryption_costly"]
    assert codes(look(endless(container), passphrase="geheim")) == ["encryption_costly"]


def test_a_key_too_long_to_be_checked_is_not_checked() -> None:
    p, q = 2**9689 - 1, 2**4423 - 1  # primes of Mersenne: a key of 14,112 bits in no time
    d = pow(65537, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(65537, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    long = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    assert codes(look(GOOD.pem, MIDDLE.pem, key_bytes(long))) == ["key_too_long"]


def test_a_key_that_contradicts_itself_is_damaged() -> None:
    from cryptography.hazmat.primitives.serialization import PublicFormat

    points = [
        key(label).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        for label in ("customer", "other")
    ]
    mixed = key_bytes(key("other"), encoding=Encoding.DER).replace(points[1], points[0])
    assert codes(look(GOOD.pem, MIDDLE.pem, mixed)) == ["key_damaged"]


def test_all_the_world_s_authorities_are_too_many() -> None:
    crowd = b"".join(authority(f"Stelle {number}", ROOT, key_label="crowd").pem for number in range(20))
    assert codes(look(with_middle(GOOD) + crowd)) == ["too_many_certificates"]


def test_authorities_that_sign_each_other_in_circles_end() -> None:
    circle = [
        made.issue(f"Kreis {one}", Signer(authority(f"Kreis {1 - one}", key_label="circle").certificate, key("circle")),
                   "circle", extensions=[(x509.BasicConstraints(ca=True, path_length=None), True)])
        for one in (0, 1) for _ in range(8)
    ]  # fmt: skip
    signed = site(HOST, by=circle[0])
    assert codes(look(with_middle(signed, *circle))) == ["intermediate_missing"]


def test_texts_in_certificates_are_shown_in_one_short_line() -> None:
    wild = site("andere.example", by=MIDDLE, common="a\n\x1b[31m\u202e<b>" + "x" * 50)
    told = sentences(look(wild.pem, key_bytes(key("other")), MIDDLE.pem))[0]
    assert told.isprintable()
    assert len(told) < 300


def test_the_bundle_hides_its_key() -> None:
    bundle = look(with_middle(GOOD)).bundle
    assert bundle is not None
    assert "PRIVATE" not in repr(bundle) + str(bundle)


@given(st.lists(st.binary(max_size=300), max_size=4), st.text(max_size=20))
@settings(max_examples=200, deadline=None)
def test_whatever_the_bytes_the_answer_is_findings(files: list[bytes], passphrase: str) -> None:
    assert inspect(files, SecretStr(passphrase), DOMAIN, ROOTS, NOW).bundle is None


SAMPLES = [
    GOOD.der,
    with_middle(GOOD),
    key_bytes(GOOD.key, encoding=Encoding.DER),
    key_bytes(GOOD.key, "x", encoding=Encoding.DER),
    as_pkcs7(GOOD, MIDDLE),
    as_pkcs12(GOOD, MIDDLE),
    with_middle(limited(permitted=["a.example"])),
]


@given(st.sampled_from(SAMPLES), st.integers(0), st.binary(min_size=1, max_size=6), st.booleans())
@settings(max_examples=400, deadline=None)
def test_whatever_is_damaged_the_answer_is_findings(sample: bytes, at: int, by: bytes, insert: bool) -> None:
    at %= len(sample)
    damaged = sample[:at] + by + sample[at if insert else at + len(by) :]
    for finding in inspect([damaged, MIDDLE.pem], SecretStr("x"), DOMAIN, ROOTS, NOW).findings:
        assert finding.told("de") != finding.told("en")


# The trust store, names, letters


def test_the_trust_store_is_read_as_far_as_it_goes() -> None:
    import certifi

    roots = trusted_roots(
        certifi.contents().encode() + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    )
    assert len(roots) > 1
    Store([root.certificate for root in roots])
    with pytest.raises(TrustStoreEmpty, match="holds no certificate"):
        trusted_roots(b"nothing")


@pytest.mark.parametrize(
    ("name", "host", "does"),
    [
        ("a.example", "a.example", True),
        ("*.a.example", "b.a.example", True),
        ("*.a.example", "c.b.a.example", False),
        ("*.a.example", "a.example", False),
        ("*.de", "a.de", False),
        ("*.co.uk", "a.co.uk", False),
        ("*", "de", False),
        ("*.*.example", "a.b.example", False),
        ("b*.a.example", "bc.a.example", False),
    ],
)
def test_an_asterisk_stands_for_exactly_one_part(name: str, host: str, does: bool) -> None:
    assert covers(name, host) is does


@pytest.mark.parametrize(
    ("left", "told", "due"),
    [
        ("30 days 1 second", (), None),
        ("30 days", (), 30),
        ("20 days", (30,), None),
        ("14 days", (30,), 14),
        ("10 days", (), 14),
        ("7 days", (30, 14), 7),
        ("1 days", (30, 14, 7), 1),
        ("0 days 1 second", (30, 14, 7, 1), None),
        ("0 days", (), None),
        ("-3 days", (), None),
    ],
)
def test_letters_go_30_14_7_and_1_days_ahead(left: str, told: tuple[int, ...], due: int | None) -> None:
    days, _, seconds = left.partition(" days")
    ends = NOW + dt.timedelta(int(days), int(seconds.removesuffix(" second") or 0))
    assert expiry_notice(ends, NOW, told) == due


@given(st.lists(st.floats(0.01, 40), min_size=1, max_size=40))
def test_no_letter_comes_twice_and_none_after_a_more_urgent_one(days_left: list[float]) -> None:
    sent: list[int] = []
    for left in sorted(days_left, reverse=True):
        if (due := expiry_notice(NOW + dt.timedelta(days=left), NOW, sent)) is not None:
            sent.append(due)
    assert sent == sorted(set(sent), reverse=True)
