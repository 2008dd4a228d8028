"""The old encryption of ZIP archives (APPNOTE.TXT 6.1): weak, but what Windows packs with a password."""

from __future__ import annotations

HEADER = 12
"""Bytes before the content; the last one tells whether the password is right, once in 256 times by chance."""

_MASK = 0xFFFFFFFF


def _table() -> list[int]:
    """The CRC of each byte."""
    table = []
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = (crc >> 1) ^ 0xEDB88320 if crc & 1 else crc >> 1
        table.append(crc)
    return table


CRC = _table()


class ZipCrypto:
    """Decrypts one entry, piece by piece."""

    def __init__(self, password: bytes) -> None:
        """Set the keys."""
        self._keys = (0x12345678, 0x23456789, 0x34567890)
        for byte in password:
            self._keys = _next(*self._keys, byte)

    def decrypt(self, data: bytes) -> bytes:
        """The next bytes."""
        key0, key1, key2 = self._keys
        plain = bytearray(len(data))
        for at, byte in enumerate(data):
            mask = key2 | 2
            byte ^= ((mask * (mask ^ 1)) >> 8) & 0xFF  # noqa: PLW2901  # what follows needs it decrypted
            plain[at] = byte
            key0 = (key0 >> 8) ^ CRC[(key0 ^ byte) & 0xFF]
            key1 = ((key1 + (key0 & 0xFF)) * 134775813 + 1) & _MASK
            key2 = (key2 >> 8) ^ CRC[(key2 ^ (key1 >> 24)) & 0xFF]
        self._keys = key0, key1, key2
        return bytes(plain)


def _next(key0: int, key1: int, key2: int, byte: int) -> tuple[int, int, int]:
    """The keys after one byte more."""
    key0 = (key0 >> 8) ^ CRC[(key0 ^ byte) & 0xFF]
    key1 = ((key1 + (key0 & 0xFF)) * 134775813 + 1) & _MASK
    return key0, key1, (key2 >> 8) ^ CRC[(key2 ^ (key1 >> 24)) & 0xFF]
