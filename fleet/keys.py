"""SSH keys: the operator's, and each host's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

if TYPE_CHECKING:
    from pathlib import Path


def ensure_operator_key(file: Path) -> str:
    """The key that opens every host as root; made once. Returns its public line."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_pair(file, Ed25519PrivateKey.generate(), "phm-fleet operator")
    return public_line(file)


def make_host_keys(folder: Path, name: str) -> None:
    """New host keys in a host's `/etc/ssh`; two hosts never share one."""
    folder.mkdir(parents=True, exist_ok=True)
    write_pair(folder / "ssh_host_ed25519_key", Ed25519PrivateKey.generate(), name)
    write_pair(folder / "ssh_host_ecdsa_key", generate_private_key(SECP256R1()), name)


def host_key(folder: Path) -> str:
    """Type and key of a host, as a known_hosts line has them."""
    return " ".join(public_line(folder / "ssh_host_ed25519_key").split()[:2])


def write_pair(file: Path, key: Ed25519PrivateKey | EllipticCurvePrivateKey, comment: str) -> None:
    """Write a private key (mode 600) and its public half beside it."""
    file.touch(mode=0o600)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    file.with_suffix(".pub").write_text(f"{public} {comment}\n")


def public_line(file: Path) -> str:
    """The public half of a key."""
    return file.with_suffix(".pub").read_text().strip()
