"""What a prober is told, by real TLS servers: an answer, none, or one that can't be trusted (P11)."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from fleet import certificates
from tasks.on_server import probing
from tests.service.answering import HOST, SILENT, answering

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.service.answering import Answering

TOLD_TO = 0.001
"""The seconds are told rounded to this: a question at 0.6004 s is told as one at 0.6."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Answering]:
    with answering(tmp_path) as said:
        yield said


def target(port: int, path: str = "/i1/api.php", host: str = HOST) -> dict[str, Any]:
    return {"instance": path.split("/")[1], "host": host, "address": "127.0.0.1", "port": port, "path": path}


def told(folder: Path, *targets: dict[str, Any], seconds: float = 30.0, within: float = 0.0) -> list[tuple[Any, ...]]:
    """What is told of each; asked again where this machine was itself too late to tell."""
    trust = probing.trust_of((folder / "ca.pem").read_text())
    while True:
        said = asyncio.run(probing.ask_all(list(targets), trust, within=within, seconds=seconds, at_once=50))
        if len(said) == len(targets):
            return said


@pytest.mark.parametrize("status", [401, 503, 500, 200])
def test_the_status_of_the_answer_is_told(server: Answering, tmp_path: Path, status: int) -> None:
    server.statuses["/i1/api.php"] = status
    assert told(tmp_path, target(server.port))[0][:2] == ("i1", status)
    assert server.asked == [(HOST, "/i1/api.php")]


def test_a_certificate_for_another_name_is_not_trusted(server: Answering, tmp_path: Path) -> None:
    assert told(tmp_path, target(server.port, host="app2.phlymail.test"))[0][1] == probing.UNTRUSTED


def test_a_certificate_of_an_unknown_authority_is_not_trusted(server: Answering, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    certificates.ensure_authority(tmp_path / "other")
    assert told(tmp_path / "other", target(server.port))[0][1] == probing.UNTRUSTED


def test_who_does_not_answer_in_time_is_not_reached(server: Answering, tmp_path: Path) -> None:
    server.statuses["/i1/api.php"] = SILENT
    assert told(tmp_path, target(server.port), seconds=1.0)[0][1] == probing.UNREACHABLE


def test_who_is_not_reached_while_the_prober_itself_was_late_is_not_told(server: Answering, tmp_path: Path) -> None:
    server.statuses["/i1/api.php"] = SILENT

    async def busy() -> list[probing.Answered]:
        trust = probing.trust_of((tmp_path / "ca.pem").read_text())
        asking = asyncio.create_task(
            probing.ask_all([target(server.port)], trust, within=0.0, seconds=0.8, at_once=1)
        )  # fmt: skip
        await asyncio.sleep(0.2)
        time.sleep(0.7)  # noqa: ASYNC251  # nothing else can be done meanwhile
        return await asking

    assert asyncio.run(busy()) == []


def test_who_refuses_or_hangs_up_is_not_reached(server: Answering, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert told(tmp_path, target(port), seconds=1.0)[0][1] == probing.UNREACHABLE
    assert told(tmp_path, target(port))[0][1] == probing.UNREACHABLE


@pytest.mark.parametrize(
    ("line", "answer"),
    [(b"HTTP/1.1 401 No\r\n", 401), (b"HTTP/1.1\r\n", "broken"), (b"SSH-2.0-x\r\n", "broken"), (b"", "unreachable")],
)
def test_a_line_that_is_no_answer_is_told_as_such(line: bytes, answer: object) -> None:
    assert probing._status(line) == answer


def test_questions_are_spread_over_the_time_that_is_given(server: Answering, tmp_path: Path) -> None:
    targets = [target(server.port, f"/i{n}/api.php") for n in range(5)]
    for _ in range(60):  # the best counts: the machine may be busy with other tests
        asked = [one[2] for one in told(tmp_path, *targets, within=1.0)]
        assert all(place * 0.2 - TOLD_TO <= at for place, at in enumerate(asked)), asked
        if all(at < place * 0.2 + 0.2 for place, at in enumerate(asked)):
            break
    else:
        pytest.fail(f"always late: {asked}")


def test_the_program_runs_alone_and_answers_in_json(server: Answering, tmp_path: Path) -> None:
    server.statuses["/i2/api.php"] = 503
    request = {
        "within": 0.0, "seconds": 30.0, "at_once": 10, "authorities": (tmp_path / "ca.pem").read_text(),
        "targets": [target(server.port), target(server.port, "/i2/api.php")],
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-I", probing.__file__], input=json.dumps(request), text=True, capture_output=True, check=True
    )
    assert [one[:2] for one in json.loads(done.stdout)["answers"]] == [["i1", 401], ["i2", 503]]
