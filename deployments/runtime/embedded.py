"""The embedded default as a whole: brought up, looked at, drained and ended; each as often as one likes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from deployments.runtime import services as known
from deployments.runtime.environment import for_processes
from deployments.runtime.processes import Processes, children_of, wait_until
from hosting.errors import ServiceError
from hosting.inventory.session import Inventory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deployments.runtime.environment import Places
    from hosting.settings import Settings

    Report = Callable[[str], None]

ENDING = (known.RECEIVER, known.PROBER, known.WORKER, known.WARM_PARENT, known.PREFECT)
"""First who makes work, last who keeps it."""

SETTLE_SECONDS = 2.0
"""What a worker has asked for when its pool is paused, it starts within that."""

DRAIN_SECONDS = 120.0


class Busy(ServiceError):
    """Something is at work that this would disturb."""


@dataclass(frozen=True)
class State:
    """How one of the processes is."""

    name: str
    title: str
    state: str  # ready | not answering | old | stopped
    pid: int | None
    page: str
    log: str


class Embedded:
    """Prefect server, worker, warm parent, receiver and prober of one service.

    Args:
        settings: of the service.
        at: its places.
        report: is told what happens, a line each.
    """

    def __init__(self, settings: Settings, at: Places, report: Report) -> None:
        self.settings, self.at, self.report = settings, at, report
        at.ensure()
        self.processes = Processes(at.run, at.log)
        self.services = known.services(settings, at)
        self.editions = {name: known.edition_of(service, at) for name, service in self.services.items()}
        self.applied = at.run / "applied"

    def up(self) -> None:
        """Bring all up that isn't, or is older than settings and programs.

        Raises:
            PortTaken: another program listens where one of ours should.
            NotReady: one did not start.
            Busy: runs are at work that a renewal would kill, or another `phm` is at it.
            Unreachable: the inventory's database does not answer.
        """
        with self._alone():
            self._end_old()
            if self._all_are_there():
                return
            self.applied.unlink(missing_ok=True)
            began = datetime.now(UTC)
            left = not any(self.processes.find(name) for name in (known.WORKER, known.WARM_PARENT))
            self._start(known.PREFECT)
            Inventory(self.settings.inventory_url.get_secret_value()).upgrade()
            self.report("inventory up to date")
            self._set_environment()
            from deployments.apply import apply  # noqa: PLC0415  # imports while the server starts, under its settings

            for name in (known.WORKER, known.WARM_PARENT, known.RECEIVER, known.PROBER):
                self._start(name)
            self._wait(known.PREFECT)
            if left:  # after a power cut, say: what was at work would keep its place until it is missed
                self._tell_crashed(began)
            apply(self.settings, self.at)
            self.report("deployments applied")
            for name in (known.WARM_PARENT, known.RECEIVER, known.PROBER):
                self._wait(name)
            self._wait_for_worker()
            self.applied.write_text(self._whole_edition(), encoding="ascii")

    def down(self, *, now: bool, seconds: float = DRAIN_SECONDS) -> None:
        """End all, once the runs under way are through; `now` doesn't wait for them, they are tried again later.

        Raises:
            Busy: runs are still at work when the time is up; nothing new starts, only the receiver was ended.
            NotLetIn: the server asks for another password than the one that is kept; not with `now`.
        """
        with self._alone():
            self._end(known.RECEIVER)
            if not now:
                self.drain(seconds)
            self._end(known.WORKER)
            self._end(known.WARM_PARENT)
            self._end(known.PROBER)
            self._tell_crashed(datetime.now(UTC))
            self._end(known.PREFECT)

    def states(self) -> list[State]:
        """How each of the processes is."""
        return [self._state(name) for name in self.services]

    def drain(self, seconds: float) -> None:
        """Let nothing new start, and wait until the worker's runs have ended.

        Raises:
            Busy: they have not in time.
        """
        worker = self.processes.find(known.WORKER)
        if worker is None:
            return
        self._pause_pool()
        deadline = time.monotonic() + seconds
        settled = time.monotonic() + SETTLE_SECONDS
        while (runs := children_of(worker.pid)) or time.monotonic() < settled:
            if runs:
                self.report(f"waiting for {runs} run{'s' * (runs > 1)}")
            if not wait_until(deadline, 0.5):
                message = f"{runs} runs are still at work after {seconds:.0f} s; nothing new starts."
                raise Busy(message, "Do it again later, or end them (their work is tried again): phm down --now.")

    def _end_old(self) -> None:
        """End what is older than settings or programs; runs under way are waited for."""
        running = {name: found for name in ENDING if (found := self.processes.find(name))}
        old = [name for name, found in running.items() if found.edition != self.editions[name]]
        if known.WORKER in old or known.PREFECT in old:
            self.drain(DRAIN_SECONDS)
        for name in old:
            self._end(name)

    def _all_are_there(self) -> bool:
        """Whether everything runs and was applied: then there is nothing to do."""
        with contextlib.suppress(OSError):
            applied = self.applied.read_text(encoding="ascii") == self._whole_edition()
            ready = (self.processes.find(name) and service.ready() for name, service in self.services.items())
            return applied and all(ready)
        return False

    def _whole_edition(self) -> str:
        """What the whole was started from."""
        return "\n".join(self.editions.values())

    def _start(self, name: str) -> None:
        """Start one process, unless it runs."""
        service = self.services[name]
        if self.processes.find(name):
            return
        known.check_port(service)
        if name == known.WARM_PARENT:
            self.at.socket.unlink(missing_ok=True)
        edition, folder = self.editions[name], self.at.home
        self.processes.start(name, service.command, service.environment, folder=folder, edition=edition)

    def _wait(self, name: str) -> None:
        """Wait until one does its work."""
        known.wait_ready(self.services[name], self.processes)
        self.report(f"{self.services[name].title} ready")

    def _wait_for_worker(self) -> None:
        """Wait until the server has heard from our worker."""
        from deployments.runtime import pool  # noqa: PLC0415  # imports Prefect, as `apply` did before

        worker = self.processes.find(known.WORKER)
        name = f"{socket.gethostname()}-{worker.pid}" if worker else ""
        service = replace(self.services[known.WORKER], ready=lambda: pool.has_heard_of(name))
        known.wait_ready(service, self.processes)
        self.report("Worker ready")

    def _end(self, name: str) -> None:
        """End one process."""
        if self.processes.end(name):
            self.report(f"{self.services[name].title} ended")

    def _pause_pool(self) -> None:
        """Keep the worker from taking anything new; without a server it takes nothing anyway."""
        if self.services[known.PREFECT].ready():
            self._set_environment()
            from deployments.runtime import pool  # noqa: PLC0415  # two seconds: only where it is needed

            pool.pause()

    def _tell_crashed(self, before: datetime) -> None:
        """Have Prefect know of the runs that ended with their worker before then: their work is tried again at once."""
        if self.services[known.PREFECT].ready():
            self._set_environment()
            from deployments.runtime import pool  # noqa: PLC0415  # two seconds: only where it is needed

            with contextlib.suppress(pool.NotLetIn):  # it will find out by itself, when nothing is heard of them
                for run in pool.mark_crashed(before):
                    self.report(f"{run} ended with its worker; it is tried again")

    def _state(self, name: str) -> State:
        """How one process is."""
        service, record = self.services[name], self.processes.find(name)
        state = "stopped"
        if record is not None:
            old = record.edition != self.editions[name]
            state = "old" if old else "ready" if service.ready() else "not answering"
        log = str(self.processes.log_of(name))
        return State(name, service.title, state, record.pid if record else None, service.page, log)

    def _set_environment(self) -> None:
        """Have Prefect, when it is imported, read the service's settings, not those of the user."""
        for name in [name for name in os.environ if name.startswith("PREFECT_")]:
            del os.environ[name]
        os.environ.update(for_processes(self.settings, self.at))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One `phm up` or `phm down` at a time."""
        with (self.at.run / "lock").open("w", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Busy("Another phm up or phm down is at work.", "Wait until it is through.") from error
            yield
