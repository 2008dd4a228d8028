"""In how many forms customers hand the same certificate over: one certificate, its intermediate and its key, as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from tests.policy.certificates import key, key_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.policy.certificates import Signer

PASSPHRASE = "Füße & Schuhe"
AS_OF_OLD = PrivateFormat.TraditionalOpenSSL
"""A key as its own kind has it: PKCS#1 for RSA, SEC1 for elliptic curves."""


def in_one_text(signed: Signer, *others: Signer) -> bytes:
    """Certificate, key and intermediates as PEM in one file."""
    return b"".join((signed.pem, signed.key_pem(), *(other.pem for other in others)))


def as_pkcs7(*certificates: Signer, encoding: Encoding = Encoding.DER) -> bytes:
    return serialize_certificates([held.certificate for held in certificates], encoding)


def as_pkcs12(signed: Signer, *others: Signer, passphrase: str = "") -> bytes:
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    chain = [other.certificate for other in others]
    return serialize_key_and_certificates("Käufer".encode(), signed.key, signed.certificate, chain, encryption)


def endless(sequence: bytes) -> bytes:
    """The same sequence with an indefinite length, as Windows writes it."""
    head = 2 + (sequence[1] & 0x7F if sequence[1] & 0x80 else 0)
    return b"\x30\x80" + sequence[head:] + b"\0\0"


def for_windows(signed: Signer, *others: Signer) -> str:
    return in_one_text(signed, *others).decode().replace("\n", "\r\n")


def latin_key(signed: Signer) -> bytes:
    """Its key under the passphrase as an old Windows has written it."""
    encryption = BestAvailableEncryption(PASSPHRASE.encode("latin-1"))
    held: bytes = signed.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    return held


def in_der(signed: Signer, passphrase: str = "", form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return key_bytes(signed.key, passphrase, Encoding.DER, form)


FORMS: dict[str, Callable[[Signer, Signer], tuple[list[bytes], str]]] = {
    "one text": lambda own, by: ([in_one_text(own, by)], ""),
    "three files": lambda own, by: ([own.key_pem(), by.pem, own.pem], ""),
    "text around it": lambda own, by: (
        [b"Bag Attributes\n  x: y\n" + by.pem + b"subject=/CN=x\n" + own.pem, own.key_pem()],
        "",
    ),
    "Windows' line ends": lambda own, by: ([for_windows(own, by).encode()], ""),
    "Windows' wide letters": lambda own, by: ([for_windows(own, by).encode("utf-16")], ""),
    "indented": lambda own, by: ([b"\n".join(b"    " + line for line in in_one_text(own, by).splitlines())], ""),
    "everything twice": lambda own, by: ([in_one_text(own, by), in_one_text(own, by)], ""),
    "DER": lambda own, by: ([own.der, by.der, in_der(own)], ""),
    "key as of old": lambda own, by: ([own.pem, by.pem, own.key_pem(form=AS_OF_OLD)], ""),
    "old key in DER": lambda own, by: ([own.pem, by.pem, in_der(own, form=AS_OF_OLD)], ""),
    "PKCS#7": lambda own, by: ([as_pkcs7(by, own), own.key_pem()], ""),
    "PKCS#7 as text": lambda own, by: ([as_pkcs7(by, own, encoding=Encoding.PEM), own.key_pem()], ""),
    "PKCS#12": lambda own, by: ([as_pkcs12(own, by)], ""),
    "PKCS#12 with passphrase": lambda own, by: ([as_pkcs12(own, by, passphrase=PASSPHRASE)], PASSPHRASE),
    "PKCS#12 of Windows": lambda own, by: ([endless(as_pkcs12(own, by, passphrase=PASSPHRASE))], PASSPHRASE),
    "PKCS#12, the rest beside it": lambda own, by: ([as_pkcs12(own), by.der], ""),
    "key with passphrase": lambda own, by: ([own.pem, by.pem, own.key_pem(PASSPHRASE)], PASSPHRASE),
    "key with passphrase in DER": lambda own, by: ([own.pem, by.pem, in_der(own, PASSPHRASE)], PASSPHRASE),
    "old key with passphrase": lambda own, by: ([own.pem + own.key_pem(PASSPHRASE, AS_OF_OLD) + by.pem], PASSPHRASE),
    "key with an old passphrase": lambda own, by: ([own.pem, by.pem, latin_key(own)], PASSPHRASE),
    "passphrase not needed": lambda own, by: ([in_one_text(own, by)], PASSPHRASE),
    "several keys": lambda own, by: ([key_bytes(key("other")) + in_one_text(own, by)], ""),
}
"""Files and passphrase, of a customer's certificate and who signed it."""
