"""Operators' passwords: kept as scrypt hashes (RFC 7914), so that who reads the inventory can't log in by it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import unicodedata

COST, BLOCKS, LANES = 2**15, 8, 1
"""32 MiB and about a tenth of a second for each trial, as RFC 7914 and OWASP's cheat sheet ask for at least."""

MEMORY_MOST = 64 * 2**20
KEY_BYTES = 32
SALT_BYTES = 16


def hash_password(password: str, salt: bytes) -> str:
    """What is kept of a password: the way, its cost, the salt and the key that comes out.

    Args:
        password: as typed.
        salt: random, `SALT_BYTES` long, never used before.
    """
    return _kept(salt, _key(password, salt, COST, BLOCKS, LANES))


def nobodys(salt: bytes, key: bytes) -> str:
    """What would be kept of a password that nobody knows: to try others against takes as long as against any.

    Args:
        salt: random, `SALT_BYTES` long.
        key: random, `KEY_BYTES` long.
    """
    return _kept(salt, key)


def is_password(password: str, kept: str) -> bool:
    """Whether a password is the one that was kept; takes as long as hashing, whatever the answer."""
    _, cost, blocks, lanes, salt, key = kept.split("$")
    found = _key(password, base64.b64decode(salt), int(cost), int(blocks), int(lanes))
    return hmac.compare_digest(found, base64.b64decode(key))


def _key(password: str, salt: bytes, cost: int, blocks: int, lanes: int) -> bytes:
    """The key of a password; letters with accents count the same, in whichever form a keyboard sends them."""
    typed = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(typed, salt=salt, n=cost, r=blocks, p=lanes, maxmem=MEMORY_MOST, dklen=KEY_BYTES)


def _kept(salt: bytes, key: bytes) -> str:
    """The way, its cost, the salt and the key as text."""
    return f"scrypt${COST}${BLOCKS}${LANES}${_coded(salt)}${_coded(key)}"


def _coded(raw: bytes) -> str:
    """Bytes as text."""
    return base64.b64encode(raw).decode()
