"""Flows for the tests of warm starts: they do nothing but show where and how they run."""

import logging
import os
import signal
import sys
import time
from pathlib import Path

from prefect import flow, task
from prefect.settings import get_current_settings


@task
def step(name: str) -> str:
    logging.getLogger(__name__).info(name)
    return name


@flow
def tell_where(note: str = "", file: str = "") -> None:
    """Write down what this process is."""
    step("looked")
    if file:
        told = {
            "pid": os.getpid(),
            "parent": os.getppid(),
            "folder": str(Path.cwd()),
            "warm": "deployments.runtime.warm_parent" in sys.orig_argv,
            "modules": sorted(sys.modules),
            "mark": os.environ.get("SAMPLE_MARK", ""),
            "level": get_current_settings().logging.level,
            "note": note,
        }
        Path(file).write_text(repr(told))


@flow
def sleep_long(file: str, seconds: float = 60.0) -> None:
    """Show that it is at work, then wait."""
    Path(file).write_text(str(os.getpid()))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.1)


@flow
def kill_itself() -> None:
    """Die without a word."""
    os.kill(os.getpid(), signal.SIGKILL)
