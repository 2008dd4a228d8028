"""What runs: the owner of the machine's fleet and its processes, so that nobody ends a stranger's."""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fleet.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK_SECONDS = 120
POLL_SECONDS = 0.02
FIELD_STATE = 0
FIELD_START = 19


@dataclass(frozen=True)
class Process:
    """A process beyond doubt: its id, and when it started (clock ticks since boot, from /proc).

    An id alone is used again by the system; id and start time together are not.
    """

    pid: int
    started: int

    def alive(self) -> bool:
        """Whether this very process still runs; a zombie and another one of the same id do not count."""
        return start_time(self.pid) == self.started


@dataclass
class State:
    """The content of `state.json`.

    Args:
        owner: path of the checkout that started the fleet.
        boot: the machine's boot; processes of an earlier one are dead whatever their ids.
        processes: what was started, by name (`app1`, `dns`, …): a host's is its supervisor.
        leaders: the first process of each running host, by the host's name.
        bases: the image that each host's disk lies on.
    """

    owner: str = ""
    boot: str = ""
    processes: dict[str, Process] = field(default_factory=dict)
    leaders: dict[str, Process] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)

    def alive(self) -> dict[str, Process]:
        """Those of the recorded processes and leaders that still run; leaders as `NAME:leader`."""
        if self.boot != boot_id():
            return {}
        recorded = {**self.processes, **{f"{name}:leader": leader for name, leader in self.leaders.items()}}
        return {name: process for name, process in recorded.items() if process.alive()}

    def forget_dead(self) -> None:
        """Drop the records of processes that no longer run."""
        alive = self.alive()
        self.processes = {name: value for name, value in self.processes.items() if name in alive}
        self.leaders = {name: value for name, value in self.leaders.items() if f"{name}:leader" in alive}


def boot_id() -> str:
    """The identity of the machine's present boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None where it is gone or only a zombie."""
    try:
        return parse_start_time(Path(f"/proc/{pid}/stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None


def parse_start_time(stat: str) -> int | None:
    """The start time in a line of /proc/PID/stat; the program's name in it may hold blanks and brackets."""
    words = stat[stat.rindex(")") + 1 :].split()
    return None if words[FIELD_STATE] in "ZX" else int(words[FIELD_START])


def identify(pid: int) -> Process:
    """The record of a process that runs now.

    Raises:
        FleetError: it is gone.
    """
    started = start_time(pid)
    if started is None:
        raise FleetError(f"Process {pid} ended at once.", "See the logs of the fleet.")
    return Process(pid, started)


def read(home: Path) -> State:
    """The recorded state; an empty one where nothing was recorded.

    Raises:
        FleetError: the file cannot be understood.
    """
    file = home / "state.json"
    try:
        return from_json(file.read_text())
    except FileNotFoundError:
        return State()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FleetError(
            f"The fleet's state file {file} is damaged ({error}).", "Remove it and look for leftovers."
        ) from error


def from_json(text: str) -> State:
    """The state in a file's text."""
    raw = json.loads(text)
    return State(
        owner=str(raw["owner"]),
        boot=str(raw["boot"]),
        processes={name: Process(**value) for name, value in raw["processes"].items()},
        leaders={name: Process(**value) for name, value in raw["leaders"].items()},
        bases=dict(raw["bases"]),
    )


def write(home: Path, state: State) -> None:
    """Record the state; a reader sees the old file or the new one."""
    home.mkdir(parents=True, exist_ok=True)
    partial = home / f".state.{os.getpid()}"
    partial.write_text(json.dumps(asdict(state), indent=2) + "\n")
    partial.rename(home / "state.json")


@contextmanager
def changing(home: Path) -> Iterator[State]:
    """Read, change and write the state while nobody else does."""
    with locked(home, "state.lock"):
        state = read(home)
        yield state
        write(home, state)


@contextmanager
def locked(home: Path, name: str) -> Iterator[None]:
    """Hold one of the fleet's locks; the system lets go of it when the process ends.

    Raises:
        FleetError: somebody else held it all the time.
    """
    home.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + LOCK_SECONDS
    with (home / name).open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise FleetError("Another command is at work on the fleet.", "Wait for its end.") from None
                time.sleep(POLL_SECONDS)
        yield
