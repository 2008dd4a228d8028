"""Running programs: argv in, text out, always with a deadline."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from fleet.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

LINES_SHOWN = 3
POLL_SECONDS = 0.05


def run(
    argv: Sequence[str | Path],
    *,
    seconds: float = 30,
    check: bool = True,
    text_in: str | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end.

    Args:
        argv: the program and its arguments; no shell reads them.
        seconds: the deadline.
        check: whether another exit code than 0 is an error.
        text_in: what it reads from standard input; nothing by default.
        env: its whole environment; the caller's own by default.

    Raises:
        FleetError: it is missing, failed or took too long; with its last lines.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words, input=text_in or "", capture_output=True, text=True, timeout=seconds, check=False, env=env
        )
    except FileNotFoundError:
        raise FleetError(f"The program {words[0]} is missing.", "Run `phm fleet up`, which installs it.") from None
    except subprocess.TimeoutExpired:
        raise FleetError(f"`{' '.join(words)}` took more than {seconds:g} s.", "See the logs of the fleet.") from None
    if check and done.returncode:
        tail = " / ".join((done.stderr or done.stdout).strip().splitlines()[-LINES_SHOWN:])
        raise FleetError(f"`{' '.join(words)}` ended with code {done.returncode}: {tail}")
    return done


def succeeds(argv: Sequence[str | Path], *, seconds: float = 30) -> bool:
    """Whether a program ends with code 0."""
    return run(argv, seconds=seconds, check=False).returncode == 0


def wait_until(true: Callable[[], bool], *, seconds: float, every: float = POLL_SECONDS) -> bool:
    """Ask again and again until the answer is yes or the time is over; returns the last answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(every)
    return true()
