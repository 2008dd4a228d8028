"""What a job on a server has in common with others: its request, its progress, its word at the end.

Runs on servers: standard library only. The folder of the job holds `progress` (the newest state), `result` (JSON, once
it succeeded) or `complaint` (one JSON object with the reason), each written whole or not at all.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRESS_SECONDS = 0.5
NO_SPACE = "No space left on device"
NO_MEMORY = "it would need more memory than it gets"


class Complaint(Exception):
    """Why a job can't be done: a kind that the caller knows, and one sentence."""

    def __init__(self, kind: str, what: str) -> None:
        """Keep both apart."""
        super().__init__(what)
        self.kind = kind
        self.what = what


class Budget:
    """The seconds that a job has for its own work: over, the job ends (by SIGALRM), and its unit ends all it began.

    Waiting for others is not counted; whoever waits bounds that himself.
    """

    def __init__(self, seconds: float) -> None:
        """The time begins."""
        self.waited = 0.0
        self._began = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, seconds)

    @property
    def spent(self) -> float:
        """The seconds of its own work so far."""
        return time.monotonic() - self._began - self.waited

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """While it waits for others."""
        began = time.monotonic()
        left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, left)
            self.waited += time.monotonic() - began

    def end(self) -> None:
        """The work is done."""
        signal.setitimer(signal.ITIMER_REAL, 0)


class Progress:
    """Tells how far a job is, twice a second at most, and keeps what each phase took."""

    def __init__(self, folder: Path) -> None:
        """Nothing is told yet."""
        self.folder = folder
        self._told_at = 0.0
        self._phase, self._since = "", time.monotonic()
        self._seconds: dict[str, float] = {}

    def phases(self) -> dict[str, float]:
        """The seconds of each phase so far, in the order in which they began."""
        self._enter(self._phase)
        return {phase: round(seconds, 2) for phase, seconds in self._seconds.items() if phase}

    def _enter(self, phase: str) -> None:
        """From now on it is this phase."""
        moment = time.monotonic()
        self._seconds[self._phase] = self._seconds.get(self._phase, 0.0) + moment - self._since
        self._phase, self._since = phase, moment

    def tell(self, phase: str, done: int = 0, whole: int = 0, *, now: bool = False) -> None:
        """A phase with its bytes done and in all (0: not known)."""
        moment = time.monotonic()
        if phase != self._phase:
            self._enter(phase)
        if now or moment - self._told_at >= PROGRESS_SECONDS:
            self._told_at = moment
            write_whole(self.folder / "progress", {"phase": phase, "done": done, "whole": whole})


def write_whole(file: Path, content: Any) -> None:
    """A JSON file that is there whole or not at all, readable by root only."""
    part = file.with_name(f"{file.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump(content, out)
    part.rename(file)


def main(work: Callable[[dict[str, Any], Progress], dict[str, Any]], folder: str) -> int:
    """Do the work of the request that stands on the standard input; the exit code.

    Raises nothing: what went wrong becomes the job's complaint.
    """
    request = json.load(sys.stdin)
    place = Path(folder)
    os.truncate(place / "request", 0)  # it held secrets
    try:
        write_whole(place / "result", work(request, Progress(place)))
    except Complaint as error:
        write_whole(place / "complaint", {"kind": error.kind, "what": error.what})
        return 1
    except MemoryError:
        write_whole(place / "complaint", {"kind": "memory", "what": NO_MEMORY})
        return 1
    except OSError as error:
        kind = "disk full" if error.errno in {28, 122} else "failed"
        write_whole(place / "complaint", {"kind": kind, "what": reason(error)})
        return 1
    return 0


def reason(error: OSError | subprocess.SubprocessError) -> str:
    """Why something could not be done, in few words."""
    if isinstance(error, OSError):
        return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
    if isinstance(error, subprocess.CalledProcessError) and error.stderr:
        return str(error.stderr.decode(errors="replace").strip().splitlines()[-1])
    return str(error)
