"""The command of the work pool: has a run forked from the warm parent, and stands in for it towards the worker.

Started as `python -IS warm_run.py SOCKET` (no site packages: it has to be there in milliseconds), so it imports the
standard library only. If the parent can't be reached, or doesn't say in time that it is ready, it becomes the stock
`python -m prefect.engine`: slower by three seconds, and the same otherwise. Once it has said "go" there is no way back
to that, so that a run is never started twice. Its end is the run's end: same exit code, same signal.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

READY_SECONDS = 10.0
"""How long the parent may take to say that it is ready; then the run starts cold."""

FORK_SECONDS = 15.0
"""How long it may take from "go" to the run's process id; then the run counts as crashed."""

PARENT_LOST = 1
"""The exit code when the parent ended before the run did: the run's own is known to nobody any more."""


def main() -> None:
    """Have the run started, warm or cold, and end as it ends."""
    connection = ask_parent(sys.argv[1] if len(sys.argv) > 1 else "")
    if connection is None:
        os.execv(sys.executable, [sys.executable, "-P", "-m", "prefect.engine"])  # noqa: S606  # the same interpreter, no shell
    end_as(follow(connection))


def ask_parent(address: str) -> socket.socket | None:
    """Hand environment, folder and, once it is ready, the standard streams to the parent; None if it isn't."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(READY_SECONDS)
    try:
        connection.connect(address)
        body = json.dumps([dict(os.environ), str(Path.cwd())]).encode()
        connection.sendall(b"%08x" % len(body) + body)
        if read_line(connection) == "ready":
            socket.send_fds(connection, [b"go\n"], [0, 1, 2])
            return connection
    except OSError:
        pass
    connection.close()
    return None


def follow(connection: socket.socket) -> int:
    """Pass signals on to the run until it has ended; its exit code, or the number below zero of its signal."""
    connection.settimeout(FORK_SECONDS)
    with contextlib.suppress(OSError, ValueError):
        pid = int(read_line(connection))
        run = os.pidfd_open(pid)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _passed_on_to(run))
        connection.settimeout(None)
        said = read_line(connection)
        if said:
            return int(said)
        select.select([run], [], [])  # the parent is gone, the run is not: it lasts as long as it lasts
        return PARENT_LOST
    return PARENT_LOST


def read_line(connection: socket.socket) -> str:
    """The next line without its end; empty when the other side is gone."""
    line = bytearray()
    while not line.endswith(b"\n"):
        part = connection.recv(1)
        if not part:
            return ""
        line += part
    return line.decode().strip()


def end_as(code: int) -> NoReturn:
    """End with an exit code, or by the signal of a negative one."""
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


class _passed_on_to:  # noqa: N801  # read in place like a function
    """A signal handler that sends what arrives to another process, held by its descriptor: never to a stranger."""

    def __init__(self, run: int) -> None:
        self.run = run

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Send it on."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.run, number)


if __name__ == "__main__":
    main()
