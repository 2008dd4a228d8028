"""A certificate and its key on a server: only as a pair, the key for root alone; each command really run."""

from __future__ import annotations

import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hosting.commands.certificates import ensure_no_others, ensure_pair
from hosting.commands.command import TRY_LATER

if TYPE_CHECKING:
    from hosting.commands.command import Command

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the key is root's")


@cache
def pair(number: int) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"post{number}.example")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(number).not_valid_before(begin).not_valid_after(begin + timedelta(days=900)).sign(key, SHA256())
    )  # fmt: skip
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM).decode(), private.decode()


def run(command: Command) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command.argv, input=command.stdin, capture_output=True, timeout=20, check=False)


def names_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def files(folder: Path, stem: str = "7.ab") -> tuple[PurePosixPath, PurePosixPath]:
    return PurePosixPath(folder / f"{stem}.pem"), PurePosixPath(folder / f"{stem}.key")


def test_a_pair_is_written_once_and_the_key_is_root_s_alone(tmp_path: Path) -> None:
    command = ensure_pair(*files(tmp_path), *pair(1))
    assert [run(command).stdout for _ in range(2)] == [b"changed\n", b"unchanged\n"]
    certificate, key = (tmp_path / "7.ab.pem").read_text(), (tmp_path / "7.ab.key").read_text()
    assert (certificate, key) == pair(1)
    assert [f"{(tmp_path / name).stat().st_mode & 0o777:o}" for name in ("7.ab.pem", "7.ab.key")] == ["644", "600"]
    (tmp_path / "7.ab.key").chmod(0o644)
    assert run(command).stdout == b"changed\n"
    assert names_in(tmp_path) == ["7.ab.key", "7.ab.pem"]


def test_the_key_goes_by_stdin_and_is_masked(tmp_path: Path) -> None:
    command = ensure_pair(*files(tmp_path), *pair(1))
    assert pair(1)[1] in command.secrets
    assert "PRIVATE" not in " ".join(command.argv)


@pytest.mark.parametrize("what", ["another's", "none", "text"])
def test_what_is_no_pair_is_not_written_and_what_is_there_stays(tmp_path: Path, what: str) -> None:
    key = {"another's": pair(2)[1], "none": "", "text": "no key\n"}[what]
    run(ensure_pair(*files(tmp_path), *pair(1)))
    refused = run(ensure_pair(*files(tmp_path), pair(1)[0], key))
    assert (refused.returncode, refused.stderr.strip()) == (3, b"the key is not the certificate's")
    assert (tmp_path / "7.ab.key").read_text() == pair(1)[1]
    assert names_in(tmp_path) == ["7.ab.key", "7.ab.pem"]


def test_a_pair_that_came_in_part_is_not_written(tmp_path: Path) -> None:
    command = ensure_pair(*files(tmp_path), *pair(1))
    cut = subprocess.run(command.argv, input=command.stdin[:-9], capture_output=True, timeout=20, check=False)
    assert cut.returncode == TRY_LATER
    assert names_in(tmp_path) == []


def left_by_a_hard_stop(folder: Path, name_id: int) -> Path:
    left = folder / f".phm-new.{name_id}"
    left.mkdir(mode=0o700)
    (left / "key").write_text(pair(1)[1])
    return left


def test_a_key_that_a_hard_stop_left_goes_with_the_next_attempt(tmp_path: Path) -> None:
    left, others = left_by_a_hard_stop(tmp_path, 7), left_by_a_hard_stop(tmp_path, 17)
    assert run(ensure_pair(*files(tmp_path), *pair(1))).stdout == b"changed\n"
    assert (left.exists(), others.exists()) == (False, True)


def test_a_key_that_a_hard_stop_left_goes_with_the_name(tmp_path: Path) -> None:
    left, others = left_by_a_hard_stop(tmp_path, 7), left_by_a_hard_stop(tmp_path, 17)
    gone = ensure_no_others(PurePosixPath(tmp_path), 7)
    assert [run(gone).stdout for _ in range(2)] == [b"changed\n", b"unchanged\n"]
    assert (left.exists(), others.exists()) == (False, True)


def test_a_pair_is_made_in_one_folder_a_name_whatever_ends_it(tmp_path: Path) -> None:
    command = ensure_pair(*files(tmp_path), *pair(1))
    with subprocess.Popen(command.argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        process.stdin.write(command.stdin[:-9])
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while not (tmp_path / ".phm-new.7" / "both").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
    assert names_in(tmp_path) == [".phm-new.7"]
    assert run(command).stdout == b"changed\n"
    assert names_in(tmp_path) == ["7.ab.key", "7.ab.pem"]


def test_other_pairs_of_the_same_name_go_and_those_of_others_stay(tmp_path: Path) -> None:
    for stem in ("7.ab", "7.cd", "17.ab", "8.ab"):
        run(ensure_pair(*files(tmp_path, stem), *pair(1)))
    folder = PurePosixPath(tmp_path)
    keep = ensure_no_others(folder, 7, *files(tmp_path, "7.cd"))
    assert [run(keep).stdout for _ in range(2)] == [b"changed\n", b"unchanged\n"]
    assert {one.rpartition(".")[0] for one in names_in(tmp_path)} == {"7.cd", "17.ab", "8.ab"}
    gone = ensure_no_others(folder, 7)
    assert [run(gone).stdout for _ in range(2)] == [b"changed\n", b"unchanged\n"]
    assert {one.rpartition(".")[0] for one in names_in(tmp_path)} == {"17.ab", "8.ab"}
