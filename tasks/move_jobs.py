"""Jobs of a move that are followed beside everything else."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hosting.errors import ServiceError
from hosting.policy.move_attempts import NotInTime
from tasks.jobs import run_job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hosting.policy.values import ServerFacts

MOST_SECONDS = 24 * 3600.0
READY_SECONDS = 300.0


@dataclass
class Job:
    """One job; its result stays on the server until `end_job`.

    Args:
        server: where.
        id: of the job.
        work: its name.
        request: what it is told.
        ready: set once it has told of any progress, or has ended.
        ended: set once it has ended.
        result: what it came to.
        error: why it came to nothing.
    """

    server: ServerFacts
    id: str
    work: str
    request: Mapping[str, Any]
    ready: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    result: Mapping[str, Any] | None = None
    error: ServiceError | None = None

    def start(self) -> None:
        """Begin it; it is known to be ready when it has said so."""
        threading.Thread(target=self._follow, name=self.id, daemon=True).start()

    def wait_ready(self) -> None:
        """Until it has begun, or has come to nothing; that is told by `wait`."""
        self.ready.wait(READY_SECONDS)

    def wait(self, most_seconds: float = MOST_SECONDS) -> Mapping[str, Any]:
        """Its result.

        Raises:
            NotInTime: it did not come to its end within so many seconds.
            ServiceError: as `run_job`.
        """
        if not self.ended.wait(max(0.0, most_seconds)):
            raise NotInTime(f"{self.work} on {self.server.name} did not come to its end in time.")
        if self.error:
            raise self.error
        return self.result or {}

    def _follow(self) -> None:
        try:
            self.result = run_job(
                self.server, self.id, self.work, self.request, seconds=MOST_SECONDS,
                told=lambda *_: self.ready.set(), keep=True,
            )  # fmt: skip
        except ServiceError as error:
            self.error = error
        finally:
            self.ready.set()
            self.ended.set()
