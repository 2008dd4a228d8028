"""ZIP archives encrypted with AES, as other programs write them (P36)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import random
import struct
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tasks.on_server.old_installation.bounds import Bounds
from tasks.on_server.old_installation.opening import open_archive
from tasks.on_server.old_installation.refusal import Refusal
from tasks.on_server.old_installation.scratch import Scratch
from tasks.on_server.old_installation.zip_aes import Aes, read_field
from tests.on_server.archives import Z, packed_as, zipped

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.on_server.old_installation.opening import Opened

MIB = 2**20
BY_PYZIPPER = {
    128: "UEsDBBQAAQhjABMGe10AAAAAJAAAADcAAAALAAsAR3LDvMOfZS50eHQBmQcAAgBBRQEIALixtftcZgR3xAb9aixrT06UxCK43SgXoGYnufamBqW56eoR"
    "pFBLAwQUAAEAYwATBntdAAAAABYAAAAAAAAABAALAGxlZXIBmQcAAgBBRQEIAMNdBMTdgsjaTs3eO5RcSz6MydZ7//JQSwECFAMUAAEIYwATBntdAAAA"
    "ACQAAAA3AAAACwALAAAAAAAAAAAAgAEAAAAAR3LDvMOfZS50eHQBmQcAAgBBRQEIAFBLAQIUAxQAAQBjABMGe10AAAAAFgAAAAAAAAAEAAsAAAAAAAAA"
    "AACAAVgAAABsZWVyAZkHAAIAQUUBCABQSwUGAAAAAAIAAgCBAAAAmwAAAAAA",
    256: "UEsDBBQAAQhjABMGe10AAAAALAAAADcAAAALAAsAR3LDvMOfZS50eHQBmQcAAgBBRQMIAD/dRUKumcFDp0Rn+PpmiKRYZwqqf/wxl3DZIeMDAvlBeL5g"
    "5VOJMkoSPefdUEsDBBQAAQBjABMGe10AAAAAHgAAAAAAAAAEAAsAbGVlcgGZBwACAEFFAwgAQ74QFb+y2uPhLlOkfCtCy0Z+qHSWhOHQmAI5+pSaUEsB"
    "AhQDFAABCGMAEwZ7XQAAAAAsAAAANwAAAAsACwAAAAAAAAAAAIABAAAAAEdyw7zDn2UudHh0AZkHAAIAQUUDCABQSwECFAMUAAEAYwATBntdAAAAAB4A"
    "AAAAAAAABAALAAAAAAAAAAAAgAFgAAAAbGVlcgGZBwACAEFFAwgAUEsFBgAAAAACAAIAgQAAAKsAAAAAAA==",
}  # fmt: skip
"""Two archives that pyzipper 0.4.0 wrote, with the password `geheim`, by bits."""

HELD = {"Grüße.txt": b"Hallo Welt " * 5, "leer": b""}


def opened(folder: Path, data: bytes, password: bytes | None = b"geheim") -> tuple[Opened, dict[str, bytes]]:
    place = folder / "scratch"
    place.mkdir(exist_ok=True)
    with Scratch(str(place)) as scratch:
        told = open_archive(io.BytesIO(data), "old.zip", scratch, Bounds(entries=100, bytes=64 * MIB), password)
    found = {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}
    return told, found


def code_of(folder: Path, data: bytes, password: bytes | None = b"geheim") -> str:
    with pytest.raises(Refusal) as refusal:
        opened(folder, data, password)
    assert list((folder / "scratch").iterdir()) == []
    return refusal.value.code


def by_aes(name: bytes, content: bytes, strength: int, *, version: int = 2, password: bytes = b"geheim") -> Z:
    """An entry encrypted by another library, number by number as WinZip's description says."""
    size = {1: 16, 2: 24, 3: 32}[strength]
    salt, plain = random.Random(strength).randbytes(size // 2), packed_as(8, content)
    keys = hashlib.pbkdf2_hmac("sha1", password, salt, 1000, 2 * size + 2)
    cipher = Cipher(algorithms.AES(keys[:size]), modes.ECB()).encryptor()  # noqa: S305  # the numbers differ
    numbers = b"".join(struct.pack("<QQ", number, 0) for number in range(1, len(plain) // 16 + 2))
    stream = cipher.update(numbers)[: len(plain)]
    hidden = bytes(a ^ b for a, b in zip(plain, stream, strict=True))
    code = hmac.new(keys[size : 2 * size], hidden, "sha1").digest()[:10]
    extra = struct.pack("<2HH2sBH", 0x9901, 7, version, b"AE", strength, 8)
    packed = salt + keys[2 * size :] + hidden + code
    return Z(name, content, method=99, flags=1, packed=packed, extra=extra, crc=0 if version == 2 else None)


@pytest.mark.parametrize("bits", BY_PYZIPPER)
def test_what_another_program_encrypted_arrives(tmp_path: Path, bits: int) -> None:
    told, found = opened(tmp_path, base64.b64decode(BY_PYZIPPER[bits]))
    assert found == HELD
    assert (told.encrypted, told.old_encryption) == ("all", False)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("strength", [1, 2, 3])
def test_every_strength_and_any_length_arrives_to_the_byte(tmp_path: Path, strength: int, version: int) -> None:
    files = {f"{size}": random.Random(size).randbytes(size) for size in (0, 1, 15, 16, 17, 4097, 1_200_000)}
    entries = [by_aes(name.encode(), content, strength, version=version) for name, content in files.items()]
    assert opened(tmp_path, zipped(*entries))[1] == files


@pytest.mark.parametrize("bits", BY_PYZIPPER)
def test_a_wrong_or_no_password_is_told(tmp_path: Path, bits: int) -> None:
    data = base64.b64decode(BY_PYZIPPER[bits])
    codes = {code_of(tmp_path, data, f"falsch{n}".encode()) for n in range(20)}
    assert codes == {"wrong_password"}
    assert code_of(tmp_path, data, None) == "password_missing"


@pytest.mark.parametrize("version", [1, 2])
def test_what_was_changed_on_the_way_is_noticed(tmp_path: Path, version: int) -> None:
    entry = by_aes(b"a", b"content " * 500, 3, version=version)
    assert entry.packed
    for at in (18, len(entry.packed) // 2, len(entry.packed) - 11, len(entry.packed) - 1):
        spoilt = bytearray(entry.packed)
        spoilt[at] ^= 1
        data = zipped(Z(b"a", entry.content, 99, 1, packed=bytes(spoilt), extra=entry.extra, crc=entry.crc))
        assert code_of(tmp_path, data) == "password_or_damage"


def test_an_entry_that_is_shorter_than_its_head_is_refused(tmp_path: Path) -> None:
    entry = by_aes(b"a", b"x", 3)
    for size in (0, 5, 17):
        short = Z(b"a", b"x", 99, 1, packed=(entry.packed or b"")[:size], extra=entry.extra, crc=0)
        assert code_of(tmp_path, zipped(short)) in {"wrong_password", "password_or_damage", "cut_off"}


def test_both_ways_in_one_archive_count_as_the_weaker_one(tmp_path: Path) -> None:
    told, _ = opened(tmp_path, zipped(by_aes(b"a", b"x", 3), Z(b"b", b"y", password=b"geheim")))
    assert (told.encrypted, told.old_encryption) == ("all", True)


@pytest.mark.parametrize(
    ("field", "known"),
    [
        (b"\x01\x99\x07\0\2\0AE\3\x08\0", Aes(2, 3, 8)), (b"\x55\x55\2\0xx\x01\x99\x07\0\1\0AE\1\0\0", Aes(1, 1, 0)),
        (b"\x01\x99\x07\0\3\0AE\3\x08\0", None), (b"\x01\x99\x07\0\2\0XX\3\x08\0", None), (b"\x01\x99\x07\0\2\0AE\0\x08\0", None),
        (b"\x01\x99\xff\xff\2\0AE\3\x08\0", None), (b"\x01\x99", None), (b"", None),
    ],
)  # fmt: skip
def test_only_what_is_known_is_believed_of_the_field(field: bytes, known: Aes | None) -> None:
    assert read_field(field) == known
