"""One step of fetching, by the real curl: gone on with where it stopped, bounded, without rights, to one address (P37)."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployments.runtime.processes import began_at
from tasks.on_server.fetching import command, fetch, settings
from tasks.on_server.job import Complaint, Progress
from tests.service.archive_source import plain_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service.archive_source import Source

CONTENT = random.Random(7).randbytes(300_000)
SUM = {"sha256": hashlib.sha256(CONTENT).hexdigest(), "size": len(CONTENT)}


class Step:
    """A folder on a server, and a source that is asked for it."""

    def __init__(self, folder: Path, source: Source) -> None:
        self.folder, self.source = folder, source
        self.progress = Progress(folder)

    def __call__(self, path: str = "/old.zip", **other: Any) -> dict[str, Any]:
        port = self.source.plain_port
        request = {
            "url": f"http://files.kunde.example:{port}{path}", "scheme": "http", "host": "files.kunde.example",
            "port": port, "address": "127.0.0.1", "user": "", "login": "", "host_key": "", "most_bytes": 10**6,
            "seconds": 30, "silence_seconds": 5, "authorities": "", "folder": str(self.folder), **other,
        }  # fmt: skip
        return fetch(request, self.progress)

    @property
    def left(self) -> int:
        """Bytes of an archive that isn't whole."""
        return sum(file.stat().st_size for file in self.folder.glob("*.part"))


@pytest.fixture
def step() -> Iterator[Step]:
    with tempfile.TemporaryDirectory(dir="/tmp") as name, plain_source() as source:
        folder = Path(name)
        folder.chmod(0o711)  # who has no rights passes through it, as on a server
        source.files["/old.zip"] = CONTENT
        yield Step(folder, source)


def test_an_archive_comes_whole_from_the_one_address_that_was_decided_on(step: Step) -> None:
    """The name leads nowhere: whoever asked a resolver again would not get there."""
    assert step() == SUM
    assert (step.folder / "archive").read_bytes() == CONTENT
    assert step.left == 0


def test_what_broke_off_is_gone_on_with(step: Step) -> None:
    step.source.breaks["/old.zip"] = [100_000]
    with pytest.raises(Complaint) as broken:
        step()
    assert broken.value.kind == "busy"
    assert step.left == 100_000
    assert step() == SUM
    assert [range_ for _, range_ in step.source.asked] == ["", "bytes=100000-"]


def test_another_archive_at_the_same_place_is_begun_anew(step: Step) -> None:
    step.source.breaks["/old.zip"] = [100_000]
    with pytest.raises(Complaint):
        step()
    step.source.files["/old.zip"] = CONTENT[::-1]
    assert step()["sha256"] == hashlib.sha256(CONTENT[::-1]).hexdigest()


def test_what_nobody_can_tell_apart_is_begun_anew(step: Step) -> None:
    step.source.unmarked.add("/old.zip")
    step.source.breaks["/old.zip"] = [100_000]
    with pytest.raises(Complaint):
        step()
    assert step() == SUM
    assert [range_ for _, range_ in step.source.asked] == ["", ""]


def test_a_redirect_is_told_and_not_followed(step: Step) -> None:
    step.source.redirects["/here"] = "http://127.0.0.1:1/inner"
    assert step("/here") == {"location": "http://127.0.0.1:1/inner"}
    assert step.left == 0


@pytest.mark.parametrize("silent", [False, True])
def test_no_more_comes_than_is_allowed(step: Step, silent: bool) -> None:
    if silent:
        step.source.silent.add("/old.zip")
    told = step(most_bytes=50_000)
    assert told["refused"] == "too_large"
    assert step.left <= 50_001


def test_what_is_not_there_is_no_fault_of_the_way(step: Step) -> None:
    assert step("/nothing.zip") == {"refused": "not_there", "status": 404}
    step.source.failing.add("/old.zip")
    with pytest.raises(Complaint, match="500"):
        step()
    assert step.left == 0


def test_another_scheme_than_was_decided_on_is_not_spoken(step: Step) -> None:
    (step.folder / "secret").write_text("inner")
    with pytest.raises(Complaint):
        step(url=f"file://{step.folder}/secret", address="")
    assert not (step.folder / "archive").exists()


def test_no_secret_stands_in_the_call_and_none_brings_settings_of_its_own(step: Step) -> None:
    request = {
        "url": "https://a.example/old.zip?token=s3cret", "scheme": "https", "host": "a.example", "port": 443,
        "address": "198.51.101.7", "user": "max", "login": 'pass"word\\', "host_key": "", "most_bytes": 1,
        "seconds": 1, "silence_seconds": 1, "authorities": "",
    }  # fmt: skip
    words = " ".join(command(request, step.folder / "heads", 0))
    assert "s3cret" not in words
    assert "pass" not in words
    assert settings(request, step.folder / "mark", 0).splitlines()[1] == 'user = "max:pass\\"word\\\\"'
    with pytest.raises(Complaint):
        settings({**request, "login": 'x"\nurl = "file:///etc/passwd'}, step.folder / "mark", 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give rights up")
def test_curl_has_no_rights(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of that name tells who it is; the file it writes stays root's."""
    monkeypatch.setattr("tasks.on_server.fetching.command", lambda *_: ["/usr/bin/id", "-u"])
    with pytest.raises(Complaint):
        step()
    (part,) = step.folder.glob("*.part")
    assert (part.read_text(), part.stat().st_uid) == ("65534\n", 0)


def test_a_job_that_is_killed_is_gone_on_with(step: Step) -> None:
    """What the source told of its file is kept while it comes."""
    step.source.slow["/old.zip"] = 0.3
    killed = multiprocessing.get_context("fork").Process(target=step)
    killed.start()
    deadline = time.monotonic() + 60
    while not (list(step.folder.glob("*.mark")) and step.left):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (curl,) = map(int, Path(f"/proc/{killed.pid}/task/{killed.pid}/children").read_text().split())
    killed.kill()
    killed.join()
    del step.source.slow["/old.zip"]
    while began_at(curl) is not None:  # it ends by itself
        assert time.monotonic() < deadline
        time.sleep(0.02)
    came = step.left
    assert came
    assert step() == SUM
    assert step.source.asked[-1] == ("/old.zip", f"bytes={came}-")
