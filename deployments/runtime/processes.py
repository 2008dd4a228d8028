"""Processes of our own: started in a session of their own, known by id and start time, ended by that alone."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LOG_MOST_BYTES = 20 << 20
"""A log that has grown past that is put aside at the next start, over the one before it."""

TERM_SECONDS = 15.0
KILL_SECONDS = 5.0


@dataclass(frozen=True)
class Record:
    """A process that was started.

    Args:
        name: what it is.
        pid: its id.
        began: the ticks from boot to its beginning, which no other process of that id shares.
        edition: what it was started from.
    """

    name: str
    pid: int
    began: int
    edition: str = ""

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return began_at(self.pid) == self.began


@dataclass(frozen=True)
class Processes:
    """The processes whose records lie in one folder.

    Args:
        run: the folder of records.
        log: the folder of what they say, a file each.
    """

    run: Path
    log: Path

    def log_of(self, name: str) -> Path:
        """What a process says."""
        return self.log / f"{name}.log"

    def find(self, name: str) -> Record | None:
        """The process of this name, if it runs."""
        try:
            record = Record(**json.loads(self._record(name).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return record if record.alive else None

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        folder: Path,
        edition: str = "",
    ) -> Record:
        """Start a process that outlives this one, and record it; one that runs already is left as it is.

        Raises:
            OSError: the program can't be started.
        """
        if known := self.find(name):
            return known
        log = self.log_of(name)
        if log.exists() and log.stat().st_size > LOG_MOST_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as out, _interruptible():
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        record = Record(name, process.pid, began_at(process.pid) or 0, edition)
        self._record(name).write_text(json.dumps(asdict(record)) + "\n", encoding="utf-8")
        return record

    def end(self, name: str, seconds: float = TERM_SECONDS) -> bool:
        """End a process: told to, and killed if it doesn't in time; whether there was one."""
        record = self.find(name)
        if record is not None:
            end(record, seconds)
        self._record(name).unlink(missing_ok=True)
        return record is not None

    def last_words(self, name: str, lines: int = 5) -> str:
        """The end of what a process said."""
        try:
            said = self.log_of(name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(said[-4000:].strip().splitlines()[-lines:])

    def _record(self, name: str) -> Path:
        """Where a process is recorded."""
        return self.run / f"{name}.json"


def began_at(pid: int) -> int | None:
    """When a process began, in ticks since boot; None if it has ended, also if nobody has taken note of its end yet."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def end(record: Record, seconds: float) -> None:
    """Tell a process to end, wait, and kill it if need be; held by its descriptor, so that it is never a stranger."""
    try:
        descriptor = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return
    try:
        for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, KILL_SECONDS)):
            if not record.alive:
                return
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, number)
            if select.select([descriptor], [], [], patience)[0]:
                return
    finally:
        os.close(descriptor)
        with contextlib.suppress(ChildProcessError):  # it is ours only if this very program started it
            os.waitpid(record.pid, os.WNOHANG)


def children_of(pid: int) -> int:
    """How many processes a process has started that still run."""
    children = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = file.read_text(encoding="utf-8").rpartition(")")[2].split()
            children += int(fields[1]) == pid and fields[0] not in {"Z", "X"}
    return children


def wait_until(deadline: float, pause: float = 0.1) -> bool:
    """Pause before another look; False once the deadline of the monotonic clock has passed."""
    if time.monotonic() >= deadline:
        return False
    time.sleep(pause)
    return True


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Start processes with the default SIGINT: one started by a shell's `&` would ignore it for ever."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
