"""The encryption of ZIP archives with AES, as WinZip, 7-Zip and macOS' tools write it (WinZip's AE-1 and AE-2).

The cipher is OpenSSL's, which every server has for SSH and HTTPS: the standard library has none, and one of our own
would be slow and nobody's to check. Keys and sums are the standard library's (docs/decisions/0025).
"""

from __future__ import annotations

import ctypes
import hashlib
import hmac
import struct
import sys
from array import array
from dataclasses import dataclass
from functools import cache
from typing import Any

from tasks.on_server.old_installation.refusal import Refusal

FIELD = 0x9901
VENDOR = b"AE"
AE_1 = 1
"""Its entries have their checksum beside the sum by the key; those of AE-2 have none."""

SALTS = {1: 8, 2: 12, 3: 16}
"""Bytes of salt by strength; the key has twice as many."""

VERIFIER, CODE = 2, 10
ROUNDS = 1000
BLOCK = 16
LIBRARY = "libcrypto.so.3"


@dataclass(frozen=True)
class Aes:
    """How an entry is encrypted, and what it is packed by in truth."""

    version: int
    strength: int
    method: int

    @property
    def head(self) -> int:
        """Bytes before the content."""
        return SALTS[self.strength] + VERIFIER


def read_field(extra: bytes) -> Aes | None:
    """What an entry's extra field says of it; None if it says nothing that is known."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == FIELD and length >= 7 and at + 4 + length <= len(extra):  # noqa: PLR2004  # the field's own length
            version, vendor, strength, method = struct.unpack_from("<H2sBH", extra, at + 4)
            known = version in {1, 2} and vendor == VENDOR and strength in SALTS
            return Aes(version, strength, method) if known else None
        at += 4 + length
    return None


class AesEntry:
    """Decrypts one entry, piece by piece, and sums it up."""

    def __init__(self, password: bytes, aes: Aes, head: bytes, name: str) -> None:
        """Derive the keys.

        Raises:
            Refusal: the password is not the one.
        """
        salt, verifier = head[: SALTS[aes.strength]], head[SALTS[aes.strength] :]
        size = 2 * SALTS[aes.strength]
        keys = hashlib.pbkdf2_hmac("sha1", password, salt, ROUNDS, 2 * size + VERIFIER)
        if len(head) < aes.head or not hmac.compare_digest(keys[2 * size :], verifier):
            raise Refusal("wrong_password", name=name)
        self._cipher = Cipher(keys[:size])
        self._sum = hmac.new(keys[size : 2 * size], digestmod="sha1")
        self._at = 0

    def decrypt(self, data: bytes) -> bytes:
        """The next bytes."""
        self._sum.update(data)
        first, skip = divmod(self._at, BLOCK)
        self._at += len(data)
        blocks = -(-(skip + len(data)) // BLOCK)
        stream = self._cipher.blocks(first + 1, blocks)[skip : skip + len(data)]
        return (int.from_bytes(data, "little") ^ int.from_bytes(stream, "little")).to_bytes(len(data), "little")

    def is_whole(self, code: bytes) -> bool:
        """Whether all that came is what was encrypted."""
        return hmac.compare_digest(self._sum.digest()[:CODE], code)


class Cipher:
    """AES with a key, block by block (OpenSSL's EVP_EncryptUpdate(3), without chaining)."""

    def __init__(self, key: bytes) -> None:
        """Set the key."""
        library = _library()
        kind = getattr(library, f"EVP_aes_{len(key) * 8}_ecb")()
        self._context = ctypes.c_void_p(library.EVP_CIPHER_CTX_new())
        done = library.EVP_EncryptInit_ex(self._context, ctypes.c_void_p(kind), None, key, None)
        if done != 1:
            raise OSError("OpenSSL does not take the key")
        library.EVP_CIPHER_CTX_set_padding(self._context, 0)

    def __del__(self) -> None:
        """The key is gone."""
        _library().EVP_CIPHER_CTX_free(self._context)

    def blocks(self, first: int, count: int) -> bytes:
        """The encrypted numbers from one on: what WinZip lays over the content, numbers with their low byte first."""
        numbers = array("Q", bytes(BLOCK * count))
        numbers[::2] = array("Q", range(first, first + count))
        if sys.byteorder == "big":
            numbers.byteswap()
        out, length = ctypes.create_string_buffer(BLOCK * count), ctypes.c_int(0)
        plain = numbers.tobytes()
        if _library().EVP_EncryptUpdate(self._context, out, ctypes.byref(length), plain, len(plain)) != 1:
            raise OSError("OpenSSL does not encrypt")
        return out.raw


@cache
def _library() -> Any:
    """OpenSSL's library.

    Raises:
        OSError: it isn't there.
    """
    library = ctypes.CDLL(LIBRARY)
    for name in ("EVP_CIPHER_CTX_new", "EVP_aes_128_ecb", "EVP_aes_192_ecb", "EVP_aes_256_ecb"):
        getattr(library, name).restype = ctypes.c_void_p
    return library
