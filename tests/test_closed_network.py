"""The suite reaches this machine and the fleet, and nothing beyond."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys

import pytest
from pytest_socket import SocketConnectBlockedError

from deployments.runtime.environment import ROOT

OUTSIDE = "192.0.2.1"
"""An address that nobody has (RFC 5737)."""


@pytest.mark.filterwarnings("ignore:A test tried to use socket")
def test_a_connection_to_the_outside_fails_at_once() -> None:
    with pytest.raises(SocketConnectBlockedError, match=OUTSIDE):
        socket.create_connection((OUTSIDE, 443), timeout=5)


def test_this_machine_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        socket.create_connection(listening.getsockname(), timeout=5).close()
    here, there = socket.socketpair(socket.AF_UNIX)
    with contextlib.closing(here), contextlib.closing(there):
        here.sendall(b"x")
        assert there.recv(1) == b"x"


def test_prefect_tells_its_makers_nothing_where_the_console_imports_it() -> None:
    code = (
        "import sys; sys.argv = ['phm', 'server', 'add', '--help']\n"
        "from deployments.console.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "from prefect._internal.analytics.enabled import is_telemetry_enabled\n"
        "print(is_telemetry_enabled())"
    )
    kept = {name: value for name, value in os.environ.items() if name not in {"DO_NOT_TRACK", "CI"}}
    said = subprocess.run(
        [sys.executable, "-c", code], env={**kept, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert said.stdout.splitlines()[-1] == "False"
