"""Fetching a release: the script really run against a store that answers badly."""

from __future__ import annotations

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from hosting.commands.application import ensure_release
from hosting.commands.command import TRY_LATER
from hosting.policy.values import ReleaseFacts, ReleaseId

if TYPE_CHECKING:
    from pathlib import Path

RELEASE = ReleaseFacts(ReleaseId("ab" * 32), 40470, "4.04.70", "free", 1)
NOT_GIVEN_OUT = 6


class Store(BaseHTTPRequestHandler):
    """Answers with the status that the path names."""

    def do_GET(self) -> None:
        """One answer."""
        self.send_response(int(self.path.strip("/")))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_said: object) -> None:
        """Nothing is told."""


def fetch(folder: Path, link: str) -> int:
    command = ensure_release(RELEASE, link)
    argv = [word.replace("/srv/", f"{folder}/").replace("/run/phm/", f"{folder}/") for word in command.argv]
    return subprocess.run(argv, input=command.stdin, capture_output=True, timeout=30, check=False).returncode


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, NOT_GIVEN_OUT), (404, NOT_GIVEN_OUT), (500, TRY_LATER), (503, TRY_LATER)],
)
def test_only_what_the_store_refuses_is_no_matter_of_time(tmp_path: Path, status: int, code: int) -> None:
    with HTTPServer(("127.0.0.1", 0), Store) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert fetch(tmp_path, f"http://127.0.0.1:{server.server_port}/{status}") == code


def test_a_store_that_does_not_answer_is_asked_again_later(tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), Store) as server:
        port = server.server_port
    assert fetch(tmp_path, f"http://127.0.0.1:{port}/") == TRY_LATER
