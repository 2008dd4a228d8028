"""The service's own SSH key, of whichever kind it is."""

from __future__ import annotations

import io

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from hosting.errors import ServiceError

KINDS = (
    (Ed25519PrivateKey, paramiko.Ed25519Key),
    (RSAPrivateKey, paramiko.RSAKey),
    (EllipticCurvePrivateKey, paramiko.ECDSAKey),
)


class KeyNotUsable(ServiceError):
    """What the settings have as SSH key is none, or none that the service can use."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The service's SSH key (ssh.private_key in settings.toml) can't be used: {why}.",
            "Put an Ed25519, RSA or ECDSA key without passphrase there, then run phm up.",
        )


def private_key(text: str) -> paramiko.PKey:
    """The key in a text, in OpenSSH form or PEM.

    Raises:
        KeyNotUsable: no key, one with a passphrase, or one of another kind.
    """
    load = load_ssh_private_key if "BEGIN OPENSSH" in text else load_pem_private_key
    try:
        loaded = load(text.encode(), None)
        for kind, known_as in KINDS:
            if isinstance(loaded, kind):
                plain = loaded.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
                return known_as.from_private_key(io.StringIO(plain.decode()))
    except TypeError:  # so both loaders say that a passphrase is missing
        raise KeyNotUsable("it has a passphrase") from None
    except (ValueError, UnsupportedAlgorithm, paramiko.SSHException):
        why = "it has a passphrase" if "ENCRYPTED" in text else "it is not a private key that SSH knows"
        raise KeyNotUsable(why) from None
    raise KeyNotUsable("it is of another kind")
