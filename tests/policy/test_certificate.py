"""Certificate, key and name: told apart before a server gets them (P03, P31)."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hosting.policy.certificate import CertificateDoesNotFit, check_pair, ends_at

HOST = "app1.phlymail.test"
MOMENT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def pair(*names: str, passphrase: bytes = b"") -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1, MOMENT, MOMENT + dt.timedelta(days=9))
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    written = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode(), written


@pytest.mark.parametrize("names", [("*.phlymail.test",), (HOST,), ("phlymail.test", "*.phlymail.test")])
def test_a_pair_that_covers_the_host_is_taken(names: tuple[str, ...]) -> None:
    check_pair(*pair(*names), HOST)


@pytest.mark.parametrize("name", ["*.other.test", "phlymail.test", "*.app1.phlymail.test", "*"])
def test_another_name_is_refused_with_the_names_it_covers(name: str) -> None:
    with pytest.raises(CertificateDoesNotFit) as caught:
        check_pair(*pair(name), HOST)
    assert str(caught.value) == f"The certificate covers {name}, not {HOST}. Enter the zone's wildcard certificate."


def test_a_foreign_key_is_refused() -> None:
    with pytest.raises(CertificateDoesNotFit, match=f"The key does not belong to the certificate for {HOST}"):
        check_pair(pair(HOST)[0], pair(HOST)[1], HOST)


@pytest.mark.parametrize("case", ["no certificate", "no key", "swapped", "no names", "passphrase"])
def test_what_can_t_be_read_is_refused_without_showing_it(case: str) -> None:
    certificate, key = pair(HOST)
    match case:
        case "no certificate":
            certificate = ""
        case "no key":
            key = "rubbish"
        case "swapped":
            certificate, key = key, certificate
        case "no names":
            certificate, key = pair()
        case _:
            certificate, key = pair(HOST, passphrase=b"geheim")
    with pytest.raises(CertificateDoesNotFit, match="can't be read") as caught:
        check_pair(certificate, key, HOST)
    assert "BEGIN" not in str(caught.value)


def test_a_certificate_ends_with_the_first_of_its_chain() -> None:
    certificate, _ = pair(HOST)
    assert ends_at(certificate) == MOMENT + dt.timedelta(days=9)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "above")])
    sooner = MOMENT + dt.timedelta(days=8)
    above = x509.CertificateBuilder(subject, subject, key.public_key(), 2, MOMENT, sooner).sign(key, hashes.SHA256())
    assert ends_at(certificate + above.public_bytes(Encoding.PEM).decode()) == sooner
    assert ends_at(" ") is None
    with pytest.raises(CertificateDoesNotFit, match="can't be read"):
        ends_at("nonsense")
