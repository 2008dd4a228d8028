"""Starting processes that outlive the command which started them, and ending them by their recorded ids."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

from fleet.plan import CHECKOUT
from fleet.shell import wait_until
from fleet.state import Process, identify

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KILL_SECONDS = 5

_children: dict[int, subprocess.Popen[bytes]] = {}
"""What this very process has started: only a parent can clear away a child that ended."""


def start(argv: Sequence[str | Path], *, log: Path, folder: Path = CHECKOUT) -> Process:
    """Start a process in a session of its own; what it says goes to a log file.

    Args:
        argv: the program and its arguments.
        log: its output, appended.
        folder: where it works.

    Raises:
        FleetError: it ended at once.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        child = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=folder,
            start_new_session=True,
        )
    _children[child.pid] = child
    return identify(child.pid)


def ended(process: Process) -> bool:
    """Whether a process is gone; reaps it where it is a child of ours."""
    if child := _children.get(process.pid):
        child.poll()
    return not process.alive()


def stop(process: Process, *, seconds: float) -> None:
    """Ask a process to end, wait for it, then end it; nothing happens to another one with the same id.

    Args:
        process: which.
        seconds: how long it may take to end by itself.
    """
    if ended(process):
        return
    send(process, signal.SIGTERM)
    if not wait_until(lambda: ended(process), seconds=seconds):
        kill(process)


def kill(process: Process) -> None:
    """End a process at once and wait until it is gone."""
    send(process, signal.SIGKILL)
    wait_until(lambda: ended(process), seconds=KILL_SECONDS)


def send(process: Process, number: int) -> None:
    """Send a signal to this very process, if it still runs."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if process.alive():  # looked at after the handle was taken: the signal cannot reach another process
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return
    finally:
        os.close(handle)
