"""What the fleet's own services have in common: started with a log, waited for, stopped by their recorded process."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet import processes, state
from fleet.errors import FleetError
from fleet.shell import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fleet.places import Places
    from fleet.plan import Plan

CONNECT_SECONDS = 1


@dataclass(frozen=True)
class Service(ABC):
    """One service of the fleet in the machine's own network.

    Args:
        plan: the fleet's.
        places: where its files lie.
    """

    plan: Plan
    places: Places

    name = ""
    port = 0
    ready_seconds = 20.0
    stop_seconds = 3.0

    @abstractmethod
    def prepare(self) -> None:
        """Write what the service needs to start; keeps what it has stored."""

    @abstractmethod
    def argv(self) -> Sequence[str | Path]:
        """The command that runs it in the foreground."""

    @abstractmethod
    def forget(self) -> None:
        """Throw away what it has stored; it must be down."""

    def answers(self) -> bool:
        """Whether it serves; by default, whether it takes connections."""
        return connects(str(self.plan.gateway), self.port)

    def outdated(self) -> bool:
        """Whether it was started with something else than it would be now; it is started anew then."""
        return False

    def running(self) -> bool:
        """Whether its recorded process runs."""
        return self.name in state.read(self.places.home).alive()

    def start(self) -> None:
        """Start it, unless it runs."""
        with state.locked(self.places.home, f"{self.name}.lock"):
            if self.running():
                return
            self.prepare()
            with state.changing(self.places.home) as now:
                now.processes[self.name] = processes.start(self.argv(), log=self.log)

    def wait_ready(self) -> None:
        """Wait until it serves.

        Raises:
            FleetError: it ended, or does not serve in time.
        """
        wait_until(lambda: not self.running() or self.answers(), seconds=self.ready_seconds)
        if not self.running() or not self.answers():
            raise FleetError(f"The fleet's service {self.name} does not start.", f"See {self.log}.")

    def stop(self, *, at_once: bool = False) -> None:
        """End it: asked first, or at once as if it had crashed."""
        process = state.read(self.places.home).alive().get(self.name)
        if process and at_once:
            processes.kill(process)
        elif process:
            processes.stop(process, seconds=self.stop_seconds)

    @property
    def log(self) -> Path:
        """What it says."""
        return self.places.logs / f"{self.name}.log"


def connects(address: str, port: int) -> bool:
    """Whether something takes TCP connections there."""
    try:
        socket.create_connection((address, port), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
