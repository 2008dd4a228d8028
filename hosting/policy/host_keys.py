"""SSH host keys as people compare them: the key line, its fingerprint, and what an operator states of it."""

from __future__ import annotations

import base64
import hashlib

from hosting.errors import Refused

FINGERPRINT = "SHA256:"
DIGEST_BYTES = 32


class NoHostKey(Refused):
    """Neither a public host key nor a fingerprint."""

    def __init__(self, stated: str) -> None:
        shown = " ".join(stated.split())[:60]
        super().__init__(
            f"{shown!r} is neither a public host key nor its fingerprint.",
            "Give the server's /etc/ssh/ssh_host_ed25519_key.pub, or SHA256:… as ssh-keygen -l shows it.",
        )


def fingerprint(key: str) -> str:
    """The SHA-256 fingerprint of a key line ("ssh-ed25519 AAAA…"), as `ssh-keygen -l` shows it.

    Raises:
        NoHostKey: no such line.
    """
    parts = key.split()
    try:
        digest = hashlib.sha256(base64.b64decode(parts[1], validate=True)).digest()
    except (IndexError, ValueError) as error:
        raise NoHostKey(key) from error
    return FINGERPRINT + base64.b64encode(digest).decode().rstrip("=")


def stated_fingerprint(stated: str) -> str:
    """The fingerprint that an operator states: it itself, a key line, or a line of a known_hosts file.

    Raises:
        NoHostKey: none of them.
    """
    words = stated.split()
    if len(words) == 1 and words[0].startswith(FINGERPRINT):
        try:
            digest = base64.b64decode(words[0].removeprefix(FINGERPRINT) + "=", validate=True)
        except ValueError as error:
            raise NoHostKey(stated) from error
        if len(digest) != DIGEST_BYTES:
            raise NoHostKey(stated)
        return words[0]
    kind = next((at for at, word in enumerate(words) if word.startswith(("ssh-", "ecdsa-"))), len(words))
    return fingerprint(" ".join(words[kind : kind + 2]) or stated)
