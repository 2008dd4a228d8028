"""Certificates and keys, read from whatever form a customer has them in: PEM, DER, PKCS#7, PKCS#12 (P31).

Whatever the files hold, what comes out is values and findings. No finding shows anything of a key or a passphrase.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from hosting.policy import certificate_rules as rules
from hosting.policy import der
from hosting.policy.certificate_facts import CertificateFacts, Failed, facts_of, tried
from hosting.policy.findings import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from pydantic import SecretStr

    from hosting.policy.findings import Finding

MOST_FILES = 10
MOST_BYTES = 256 * 1024
"""Of one file. The largest chain with its key has some 20 KiB; a file with all the world's authorities has 220."""

MOST_CERTIFICATES = 20
MOST_ITERATIONS = 5_000_000
"""Of deriving keys from the passphrase, seconds of work; what browsers and Windows export has up to a million."""

MOST_RSA_BITS = 8192
"""Checking a key of this length takes about ten seconds, a longer one minutes; OpenSSL does so before it is asked."""

SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
"""PKCS#7 signedData, 1.2.840.113549.1.7.2 (RFC 5652, section 5.1)."""

KEY_SHAPES = (
    (der.INTEGER, der.SEQUENCE, der.OCTET_STRING),  # PKCS#8 (RFC 5208, section 5)
    (der.INTEGER, der.INTEGER, der.INTEGER),  # RSA (RFC 8017, A.1.2), DSA
    (der.INTEGER, der.OCTET_STRING),  # EC (RFC 5915, section 3)
)
ENCRYPTED_SHAPE = (der.SEQUENCE, der.OCTET_STRING)  # PKCS#8 (RFC 5208, section 6)
PKCS12_SHAPE = (der.INTEGER, der.SEQUENCE)  # RFC 7292, section 4; the MAC may follow
BIT_STRING = 0x03
CERTIFICATE_SHAPE = (der.SEQUENCE, der.SEQUENCE, BIT_STRING)  # RFC 5280, 4.1; requests look alike

BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 #]{1,40})-----")
CERTIFICATES = {"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"}
KEYS = {"PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY"}
PKCS7 = {"PKCS7", "PKCS #7 SIGNED DATA", "CMS"}
REQUESTS = {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"}
SSH_KEYS = {"OPENSSH PRIVATE KEY", "SSH2 ENCRYPTED PRIVATE KEY"}
SILENT = {"EC PARAMETERS"}
"""OpenSSL writes them before its EC keys; the key says the same again."""


@dataclass
class Contents:
    """What the files hold, each thing once, and what was found wrong with them."""

    certificates: list[CertificateFacts] = field(default_factory=list)
    keys: list[PrivateKeyTypes] = field(default_factory=list, repr=False)
    findings: list[Finding] = field(default_factory=list)


def read_files(files: Sequence[bytes], passphrase: SecretStr | None) -> Contents:
    """Read all files; they are called by their number, from 1.

    Args:
        files: their bytes.
        passphrase: of the key or of the PKCS#12 file, if there is one.
    """
    contents = Contents()
    if not files:
        contents.findings.append(rules.NOTHING_GIVEN.found())
    if len(files) > MOST_FILES:
        contents.findings.append(rules.TOO_MANY_FILES.found(files=len(files), most=MOST_FILES))
        return contents
    for number, data in enumerate(files, 1):
        _FileReader(number, contents, _spellings(passphrase)).read(data)
    contents.certificates = list({facts.certificate: facts for facts in contents.certificates}.values())
    if len(contents.certificates) > MOST_CERTIFICATES:
        found, contents.certificates = len(contents.certificates), []
        contents.findings.append(rules.TOO_MANY_CERTIFICATES.found(certificates=found, most=MOST_CERTIFICATES))
    return contents


def pem_parts(data: bytes) -> Iterator[tuple[str, bytes | None]]:
    """The sections of a PEM text with their labels (RFC 7468): lines without outer blanks; None if cut off."""
    begins = [*BEGIN.finditer(data)]
    for begin, until in zip(begins, [*(begin.start() for begin in begins), len(data)][1:], strict=True):
        body, end, _ = data[begin.end() : until].partition(b"-----END " + begin[1] + b"-----")
        yield begin[1].decode(), b"\n".join(line.strip() for line in body.splitlines() if line.strip()) if end else None


@dataclass(frozen=True)
class _FileReader:
    """Reads one file into the contents."""

    number: int
    contents: Contents
    passphrases: tuple[bytes, ...] = field(repr=False)

    def read(self, data: bytes) -> None:
        """Read the file, whatever it is."""
        if len(data) > MOST_BYTES:
            self._tell(rules.FILE_TOO_LARGE.found(file=self.number, most_kib=MOST_BYTES // 1024))
            return
        data = _narrow(data)
        if not data.strip():
            self._tell(rules.FILE_EMPTY.found(file=self.number))
        elif BEGIN.search(data):
            for label, body in pem_parts(data):
                self._read_part(label, body)
        else:
            self._read_der(data)

    def _read_part(self, label: str, body: bytes | None) -> None:
        """Read a section of a PEM text."""
        if body is None:
            self._tell(rules.PART_CUT_OFF.found(file=self.number, part=label))
        elif label in KEYS and b"DEK-Info:" in body:
            self._read_old_key(label, body)
        elif label in CERTIFICATES | KEYS | PKCS7:
            data = decoded(body)
            if label in CERTIFICATES:
                self._read_certificate(data)
            elif label in PKCS7:
                self._read_pkcs7(data)
            else:
                self._read_key(data)
        elif label in REQUESTS:
            self._tell(rules.REQUEST_IGNORED.found(file=self.number))
        elif label in SSH_KEYS:
            self._tell(rules.SSH_KEY_IGNORED.found(file=self.number))
        elif label not in SILENT:
            self._tell(rules.PART_IGNORED.found(file=self.number, part=shown(label)))

    def _read_der(self, data: bytes) -> None:
        """Read a binary file by what its shape says it is."""
        tags = der.shape(data)
        if der.kind_stated(data) == SIGNED_DATA:
            self._read_pkcs7(data)
        elif tags == ENCRYPTED_SHAPE or any(tags[: len(shape)] == shape for shape in KEY_SHAPES):
            self._read_key(data)
        elif tags[:2] == PKCS12_SHAPE:
            self._read_pkcs12(data)
        elif tags == CERTIFICATE_SHAPE and isinstance(tried(lambda: x509.load_der_x509_csr(data)), Failed):
            self._read_certificate(data)
        elif tags == CERTIFICATE_SHAPE:
            self._tell(rules.REQUEST_IGNORED.found(file=self.number))
        else:
            self._tell(rules.FILE_UNKNOWN.found(file=self.number))

    def _read_certificate(self, data: bytes) -> None:
        """Keep a certificate; what OpenSSL's TRUSTED CERTIFICATE appends to it is cut off."""
        outermost = next(der.elements(data), None)
        self._keep_certificate(
            tried(lambda: x509.load_der_x509_certificate(data[: outermost.ends if outermost else 0]))
        )

    def _keep_certificate(self, certificate: x509.Certificate | Failed) -> None:
        """Keep a certificate if all of it can be read."""
        facts = certificate if isinstance(certificate, Failed) else tried(lambda: facts_of(certificate))
        if isinstance(facts, Failed):
            self._tell(rules.CERTIFICATE_DAMAGED.found(file=self.number))
        else:
            self.contents.certificates.append(facts)

    def _read_pkcs7(self, data: bytes) -> None:
        """Keep the certificates of a PKCS#7 container."""
        certificates = tried(lambda: load_der_pkcs7_certificates(data))
        if isinstance(certificates, Failed):
            self._tell(rules.CONTAINER_DAMAGED.found(file=self.number))
        else:
            for certificate in certificates:
                self._keep_certificate(certificate)

    def _read_pkcs12(self, data: bytes) -> None:
        """Keep key and certificates of a PKCS#12 container."""
        if self._too_costly(data):
            return
        results = [tried(partial(load_pkcs12, data, word)) for word in (None, b"", *self.passphrases)]
        opened = [result for result in results if not isinstance(result, Failed)]
        if not opened:
            self._tell_closed()
            return
        key, first, others = opened[0].key, opened[0].cert, opened[0].additional_certs
        for held in (first, *others):
            if held is not None:
                self._keep_certificate(held.certificate)
        if key is not None:
            self._keep_key(key, sound=True)

    def _read_key(self, data: bytes) -> None:
        """Keep a private key."""
        encrypted = der.shape(data) == ENCRYPTED_SHAPE
        if encrypted and self._too_costly(data):
            return
        self._open_key(
            lambda word: load_der_private_key(data, word, unsafe_skip_rsa_key_validation=True), encrypted=encrypted
        )

    def _read_old_key(self, label: str, body: bytes) -> None:
        """Keep a private key that is encrypted in the way of RFC 1421, with its headers before it."""
        headers, _, rest = body.rpartition(b"DEK-Info:")
        info, _, encoded = rest.partition(b"\n")
        pem = b"-----BEGIN %b-----\n%bDEK-Info:%b\n\n%b\n-----END %b-----\n" % (
            label.encode(), headers, info, encoded, label.encode(),
        )  # fmt: skip
        self._open_key(
            lambda word: load_pem_private_key(pem, word, unsafe_skip_rsa_key_validation=True), encrypted=True
        )

    def _open_key(self, load: Callable[[bytes | None], PrivateKeyTypes], *, encrypted: bool) -> None:
        """Keep the key that one of the passphrases opens, or tell why none does."""
        results = [tried(partial(load, word)) for word in (self.passphrases if encrypted else (None,))]
        key = next((result for result in results if not isinstance(result, Failed)), None)
        if key is not None:
            self._keep_key(key)
        elif encrypted:
            self._tell_closed()
        else:
            self._tell(rules.KEY_DAMAGED.found(file=self.number))

    def _keep_key(self, key: PrivateKeyTypes, *, sound: bool = False) -> None:
        """Keep a key once it is known to be sound; a key of RSA is only looked at if that doesn't take too long."""
        if isinstance(key, RSAPrivateKey) and key.key_size > MOST_RSA_BITS:
            self._tell(rules.KEY_TOO_LONG.found(file=self.number, bits=key.key_size, most=MOST_RSA_BITS))
            return
        looked_at = key if sound else tried(lambda: load_der_private_key(key_bytes(key, Encoding.DER), None))
        if isinstance(looked_at, Failed):
            self._tell(rules.KEY_DAMAGED.found(file=self.number))
        else:
            self.contents.keys.append(looked_at)

    def _too_costly(self, data: bytes) -> bool:
        """Whether opening it would keep the service busy; that is told."""
        costly = der.opening_cost(data) > MOST_ITERATIONS
        if costly:
            self._tell(rules.ENCRYPTION_COSTLY.found(file=self.number, most=MOST_ITERATIONS))
        return costly

    def _tell_closed(self) -> None:
        """No passphrase opened something that is encrypted."""
        rule = rules.PASSPHRASE_WRONG if self.passphrases else rules.PASSPHRASE_MISSING
        self._tell(rule.found(file=self.number))

    def _tell(self, finding: Finding) -> None:
        """Keep a finding, each once."""
        if finding not in self.contents.findings:
            self.contents.findings.append(finding)


def key_bytes(key: PrivateKeyTypes, encoding: Encoding) -> bytes:
    """A private key in the usual form: PKCS#8, not encrypted."""
    return key.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption())


def _spellings(passphrase: SecretStr | None) -> tuple[bytes, ...]:
    """The bytes that a passphrase may have been when the key was encrypted: in UTF-8, or in the old Western set."""
    text = passphrase.get_secret_value() if passphrase is not None else ""
    if not text:
        return ()
    return tuple(dict.fromkeys(text.encode(charset, "replace") for charset in ("utf-8", "latin-1")))


def _narrow(data: bytes) -> bytes:
    """The text in single bytes where Windows wrote it in two for each letter; anything else as it is."""
    if not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data
    return data.decode("utf-16", "replace").encode("utf-8", "replace")


def decoded(body: bytes) -> bytes:
    """The bytes of a PEM section; empty if they are damaged."""
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error:
        return b""
