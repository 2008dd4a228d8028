"""An archive fetched by SFTP with the real curl: the host key that was told is the only one that counts (P37)."""

from __future__ import annotations

import hashlib
import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tasks.on_server.fetching import fetch
from tasks.on_server.job import Progress
from tests.service.sftp_source import PASSWORD, USER, sftp_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service.sftp_source import Source

CONTENT = random.Random(9).randbytes(400_000)
SUM = {"sha256": hashlib.sha256(CONTENT).hexdigest(), "size": len(CONTENT)}


class Step:
    """A folder on a server, and a customer's server that is asked."""

    def __init__(self, folder: Path, source: Source) -> None:
        self.folder, self.source = folder, source

    def __call__(self, path: str = "/home/old.zip", **other: Any) -> dict[str, Any]:
        request = {
            "url": f"sftp://files.kunde.example:{self.source.port}{path}", "scheme": "sftp", "port": self.source.port,
            "host": "files.kunde.example", "address": "127.0.0.1", "user": USER, "login": PASSWORD,
            "host_key": self.source.fingerprint, "most_bytes": 10**6, "seconds": 30, "silence_seconds": 10,
            "authorities": "", "folder": str(self.folder), **other,
        }  # fmt: skip
        return fetch(request, Progress(self.folder))


@pytest.fixture
def step(tmp_path: Path) -> Iterator[Step]:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/old.zip").write_bytes(CONTENT)
    with tempfile.TemporaryDirectory(dir="/tmp") as name, sftp_source(tmp_path) as source:
        Path(name).chmod(0o711)
        yield Step(Path(name), source)


def test_an_archive_comes_whole(step: Step) -> None:
    assert step() == SUM
    assert (step.folder / "archive").read_bytes() == CONTENT


def test_what_was_there_already_is_gone_on_with(step: Step) -> None:
    url = f"sftp://files.kunde.example:{step.source.port}/home/old.zip"
    part = step.folder / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.part"
    part.write_bytes(CONTENT[:150_000])
    assert step() == SUM


def test_another_host_key_is_refused_before_the_password_is_told(step: Step) -> None:
    assert step(host_key="SHA256:" + "A" * 43) == {"refused": "host_key"}
    assert step.source.asked == []


def test_a_wrong_password_and_a_missing_file_are_told(step: Step) -> None:
    assert step(login="falsch") == {"refused": "login"}
    assert step("/home/nothing.zip")["refused"] == "not_there"


def test_no_more_comes_than_is_allowed(step: Step) -> None:
    assert step(most_bytes=1000)["refused"] == "too_large"
