"""The warm parent takes requests of its own user alone, bounded, and starts no run that started elsewhere."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.runtime import warm_run
from deployments.runtime.environment import ROOT
from deployments.runtime.processes import Processes
from deployments.runtime.warm_requests import REQUEST_MOST_BYTES, CannotServe, listen

SHIM = [sys.executable, "-IS", warm_run.__file__]


@pytest.fixture(scope="module")
def parent() -> Iterator[Path]:
    """The socket of a warm parent."""
    folder = Path(tempfile.mkdtemp(prefix="phm-", dir="/tmp"))  # mode 700; short, since a socket's address has a length
    processes = Processes(folder, folder)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment = {**kept, "PYTHONPATH": str(ROOT), "PREFECT_HOME": str(folder)}
    address = folder / "warm.sock"
    command = [sys.executable, "-P", "-m", "deployments.runtime.warm_parent", str(address)]
    processes.start("warm", command, environment, folder=folder)
    deadline = time.monotonic() + 120
    while not address.exists():
        assert processes.find("warm"), processes.last_words("warm", 20)
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield address
    processes.end("warm")
    assert not address.exists()
    shutil.rmtree(folder)


def ask(parent: Path, head: bytes, body: bytes) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
    connection.connect(str(parent))
    connection.sendall(head + body)
    return connection


def run(address: Path | str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SHIM, str(address)], env=environment, capture_output=True, text=True, timeout=60, check=False, cwd="/"
    )


def test_a_run_speaks_and_ends_through_its_stand_in(parent: Path) -> None:
    ended = run(parent, {"PREFECT__FLOW_RUN_ID": "none", "PREFECT_HOME": str(parent.parent)})
    assert ended.returncode == 1
    assert "Invalid flow run id" in ended.stderr
    assert "RuntimeWarning" not in ended.stderr
    assert "Flow run none is process" in (parent.parent / "warm.log").read_text()


@pytest.mark.parametrize("address", ["/nonexistent/warm.sock", "x" * 200], ids=["not there", "too long"])
def test_without_a_parent_the_stock_engine_starts(address: str, tmp_path: Path) -> None:
    ended = run(address, {"PREFECT__FLOW_RUN_ID": "none", "PREFECT_HOME": str(tmp_path)})
    assert ended.returncode == 1
    assert "Invalid flow run id" in ended.stderr


def test_with_a_parent_that_does_not_answer_the_stock_engine_starts(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        ended = run(tmp_path / "s", {"PREFECT__FLOW_RUN_ID": "none", "PREFECT_HOME": str(tmp_path)})
    assert "Invalid flow run id" in ended.stderr


BODY = json.dumps([{}, "/"]).encode()


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"%08x" % (REQUEST_MOST_BYTES + 1), b""),
        (b"00000000", b""),
        (b"nonsense", b""),
        (b"%08x" % 4, b"nope"),
        (b"%08x" % 2, b"{}"),
    ],
    ids=["too large", "empty", "no length", "no JSON", "other JSON"],
)
def test_what_is_no_request_is_turned_away_and_the_next_one_served(parent: Path, head: bytes, body: bytes) -> None:
    with ask(parent, head, body) as connection:
        assert connection.recv(100) == b""
    with ask(parent, b"%08x" % len(BODY), BODY) as connection:
        assert connection.recv(100) == b"ready\n"


@pytest.mark.parametrize("said", [b"", b"no\n", b"go\n"], ids=["gone", "something else", "no streams"])
def test_a_client_that_went_its_own_way_gets_no_run(parent: Path, said: bytes) -> None:
    before = (parent.parent / "warm.log").read_text().count("did not wait")
    with ask(parent, b"%08x" % len(BODY), BODY) as connection:
        assert connection.recv(100) == b"ready\n"
        connection.sendall(said)
    deadline = time.monotonic() + 120
    while (parent.parent / "warm.log").read_text().count("did not wait") == before:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(CannotServe, match="open to other users"):
        listen(tmp_path / "warm.sock")


def test_the_stand_in_ends_by_the_signal_that_ended_the_run() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from deployments.runtime.warm_run import end_as; end_as(%d)"
    for number in (signal.SIGKILL, signal.SIGTERM):
        ended = subprocess.run([sys.executable, "-IS", "-c", code % -number], timeout=20, check=False)
        assert ended.returncode == -number
