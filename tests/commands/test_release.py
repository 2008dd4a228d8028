"""Fetching a release: the script really run against a store that answers badly."""

from __future__ import annotations

import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from hosting.commands.application import ensure_release
from hosting.commands.command import TRY_LATER
from hosting.policy.values import ReleaseFacts, ReleaseId

RELEASE = ReleaseFacts(ReleaseId("ab" * 32), 40470, "4.04.70", "free", 1)
NOT_GIVEN_OUT = 6


class Store(BaseHTTPRequestHandler):
    """Answers with the status that the path names."""

    def do_GET(self) -> None:
        """One answer; who looks for another server at its old port gets one too."""
        word = self.path.strip("/")
        self.send_response(int(word) if word.isdigit() else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_said: object) -> None:
        """Nothing is told."""


def fetch(folder: Path, link: str) -> int:
    command = ensure_release(RELEASE, link)
    argv = list(command.argv)
    for place in ("/srv", "/run/phm", "/etc/phm", "/etc/ssl"):
        argv = [word.replace(f"{place}/", f"{folder}/") for word in argv]
    return subprocess.run(argv, input=command.stdin, capture_output=True, timeout=30, check=False).returncode


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, NOT_GIVEN_OUT), (404, NOT_GIVEN_OUT), (500, TRY_LATER), (503, TRY_LATER)],
)
def test_only_what_the_store_refuses_is_no_matter_of_time(tmp_path: Path, status: int, code: int) -> None:
    with HTTPServer(("127.0.0.1", 0), Store) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            assert fetch(tmp_path, f"http://127.0.0.1:{server.server_port}/{status}") == code
        finally:
            server.shutdown()


def certificate(folder: Path, name: str) -> Path:
    """A certificate for loopback, with its key in the same file."""
    file = folder / f"{name}.pem"
    argv = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*argv.split(), "-keyout", file, "-out", f"{file}.crt"], check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


@pytest.mark.parametrize(
    ("extra", "own", "trusted"),
    [("", True, True), ("other", True, True), ("store", False, True), ("", False, False), ("other", False, False)],
)
def test_the_server_s_own_authorities_count_beside_the_extra_ones(
    tmp_path: Path, extra: str, own: bool, trusted: bool
) -> None:
    files = {name: certificate(tmp_path, name) for name in ("store", "other")}
    (tmp_path / "authorities.pem").write_text(files[extra].read_text() if extra else "")
    (tmp_path / "certs").mkdir()
    if own:
        (tmp_path / "certs/store.pem").write_text(Path(f"{files['store']}.crt").read_text())
        subprocess.run(["openssl", "rehash", tmp_path / "certs"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["store"])
    with HTTPServer(("127.0.0.1", 0), Store) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.handle_request, daemon=True).start()
        code = fetch(tmp_path, f"https://127.0.0.1:{server.server_port}/403")
    assert code == (NOT_GIVEN_OUT if trusted else TRY_LATER)


def test_a_store_that_does_not_answer_is_asked_again_later(tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), Store) as server:
        port = server.server_port
    assert fetch(tmp_path, f"http://127.0.0.1:{port}/") == TRY_LATER
