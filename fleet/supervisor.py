"""Runs one host until it is powered off: starts its container, again after each reboot, and records its first process.

Started as `python -m fleet.supervisor HOME NAME` in a session of its own; outlives the command that started it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fleet import container, state
from fleet.places import Places
from fleet.plan import Plan
from fleet.processes import send

if TYPE_CHECKING:
    from types import FrameType

    from fleet.state import Process

POWEROFF = signal.SIGRTMIN + 4
"""systemd's signal for `poweroff`."""
REBOOTS = 100
LEADER_SECONDS = 20
POWEROFF_SECONDS = 20
POLL_SECONDS = 0.1


@dataclass
class Supervisor:
    """One host's life.

    Args:
        home: the fleet's.
        name: the host's.
    """

    home: Path
    name: str
    stopping: bool = False

    def live(self) -> int:
        """Run the host, through its reboots, to its end; returns the container's last exit code."""
        code = container.REBOOT_CODE
        for _ in range(REBOOTS):
            if code != container.REBOOT_CODE or self.stopping:
                break
            code = self.turn()
            print(f"{self.name}: the container ended with code {code}", flush=True)
        return code

    def turn(self) -> int:
        """From one start to the next stop."""
        base = state.read(self.home).bases[self.name]
        argv = container.argv(Plan().host(self.name), Places(self.home).disks(self.name, base))
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            preexec_fn=lambda: container.enter_groups(self.name),  # noqa: PLW1509 - one thread only: nothing is locked
        )
        leader = self.find_leader(child)
        try:
            return self.wait(child, leader)
        finally:
            self.record(None)

    def find_leader(self, child: subprocess.Popen[bytes]) -> Process | None:
        """Wait for the host's first process and record it; None where the container ended before."""
        deadline = time.monotonic() + LEADER_SECONDS
        while child.poll() is None and time.monotonic() < deadline:
            if pid := container.leader(child.pid):
                leader = state.identify(pid)
                self.record(leader)
                return leader
            time.sleep(POLL_SECONDS / 10)
        return None

    def wait(self, child: subprocess.Popen[bytes], leader: Process | None) -> int:
        """Wait for the end; asked to stop, power the host off and pull the plug if that takes too long."""
        asked: float | None = None
        while child.poll() is None:
            if self.stopping and leader is None:
                child.kill()
            elif self.stopping and leader and asked is None:
                asked = time.monotonic()
                send(leader, POWEROFF)
            elif leader and asked and time.monotonic() > asked + POWEROFF_SECONDS:
                send(leader, signal.SIGKILL)
            time.sleep(POLL_SECONDS)
        return child.returncode

    def record(self, leader: Process | None) -> None:
        """Write down the host's first process, or that there is none."""
        with state.changing(self.home) as now:
            now.leaders.pop(self.name, None)
            if leader:
                now.leaders[self.name] = leader

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        """Answer to SIGTERM: remember it; the waiting loop does the rest."""
        self.stopping = True


def main(home: str, name: str) -> int:
    """Run one host."""
    supervisor = Supervisor(Path(home), name)
    signal.signal(signal.SIGTERM, supervisor.stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    supervisor.live()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
