"""An archive fetched by FTP with the real curl from a real server: to the one address, and gone on with (P37)."""

from __future__ import annotations

import contextlib
import hashlib
import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tasks.on_server.fetching import fetch
from tasks.on_server.job import Progress
from tests.service.ftp_source import PASSWORD, USER, ftp_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service.ftp_source import Source

CONTENT = random.Random(5).randbytes(400_000)
SUM = {"sha256": hashlib.sha256(CONTENT).hexdigest(), "size": len(CONTENT)}


class Step:
    """A folder on a server, and a customer's server that is asked."""

    def __init__(self, folder: Path, source: Source) -> None:
        self.folder, self.source = folder, source

    def url(self, path: str) -> str:
        return f"ftp://files.kunde.example:{self.source.port}{path}"

    def __call__(self, path: str = "/old.zip", **other: Any) -> dict[str, Any]:
        request = {
            "url": self.url(path), "scheme": "ftp", "port": self.source.port, "host": "files.kunde.example",
            "address": "127.0.0.1", "user": USER, "login": PASSWORD, "host_key": "", "most_bytes": 10**6, "seconds": 30,
            "silence_seconds": 10, "authorities": "", "folder": str(self.folder), **other,
        }  # fmt: skip
        return fetch(request, Progress(self.folder))


@contextlib.contextmanager
def asking(root: Path, data_address: str = "") -> Iterator[Step]:
    (root / "old.zip").write_bytes(CONTENT)
    with tempfile.TemporaryDirectory(dir="/tmp") as name, ftp_source(root, data_address=data_address) as source:
        Path(name).chmod(0o711)
        yield Step(Path(name), source)


@pytest.fixture
def step(tmp_path: Path) -> Iterator[Step]:
    with asking(tmp_path) as made:
        yield made


def test_an_archive_comes_whole_and_nothing_is_left_beside_it(step: Step) -> None:
    assert step() == SUM
    assert (step.folder / "archive").read_bytes() == CONTENT
    assert not list(step.folder.glob("*.part"))


def test_what_was_there_already_is_gone_on_with(step: Step) -> None:
    part = step.folder / f"{hashlib.sha256(step.url('/old.zip').encode()).hexdigest()[:16]}.part"
    part.write_bytes(CONTENT[:150_000])
    assert step() == SUM
    assert "REST" in step.source.heard


def test_an_address_that_the_server_names_for_its_files_is_not_gone_to(tmp_path: Path) -> None:
    """The old way to ask (`PASV`) is answered by an address, which may be one of ours, or the cloud's own."""
    with asking(tmp_path, "169.254.169.254") as step:
        assert step() == SUM
        assert "PASV" in step.source.heard


def test_the_servers_folder_is_all_that_is_shown(step: Step) -> None:
    assert step("/../../../../etc/passwd")["refused"] in {"not_there", "login"}


def test_a_wrong_password_and_a_missing_file_are_told(step: Step) -> None:
    assert step(login="falsch") == {"refused": "login"}
    assert step("/nothing.zip")["refused"] == "not_there"


def test_no_more_comes_than_is_allowed(step: Step) -> None:
    assert step(most_bytes=1000)["refused"] == "too_large"
