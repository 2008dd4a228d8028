"""How far long work is, as a progress artifact of the run and a line of its log (PREFECT.md section 1)."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.runtime import flow_run

from tasks.step import run_logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.jobs import Told

EVERY_SECONDS = 5.0
MIB = 2**20


class Teller:
    """Tells phases with bytes, rate and time left; nothing for what is through before the first telling is due."""

    def __init__(self, key: str, what: str) -> None:
        """Nothing is told yet."""
        self.key, self.what = key, what
        self.artifact: UUID | None = None
        self._phase = ""
        self._since = self._told_at = time.monotonic()

    def __call__(self, phase: str, done: int, whole: int) -> None:
        """The newest state of the work."""
        moment = time.monotonic()
        if phase != self._phase:
            self._phase, self._since = phase, moment
        if moment - self._told_at < EVERY_SECONDS:
            return
        self._told_at = moment
        share = min(100.0, 100 * done / whole) if whole else 0.0
        said = words(phase, done, whole, moment - self._since)
        run_logger().info("%s: %s", self.what, said)
        if flow_run.id:
            self._show(share, f"{self.what}: {said}")

    def end(self) -> None:
        """It is through."""
        if self.artifact:
            update_progress_artifact(self.artifact, 100.0, f"{self.what}: done")

    def _show(self, share: float, said: str) -> None:
        """The artifact, made at the first telling."""
        if self.artifact is None:
            made = create_progress_artifact(share, self.key, said)
            self.artifact = made if isinstance(made, UUID) else None
        else:
            update_progress_artifact(self.artifact, share, said)


def words(phase: str, done: int, whole: int, seconds: float) -> str:
    """A state of work in words: phase, bytes, rate, time left."""
    if not done:
        return phase
    rate = done / seconds if seconds > 0 else 0.0
    of = f" of {whole / MIB:.0f}" if whole else ""
    left = f", {(whole - done) / rate:.0f} s left" if whole > done and rate else ""
    return f"{phase}, {done / MIB:.0f}{of} MiB at {rate / MIB:.0f} MiB/s{left}"


@contextlib.contextmanager
def progress_of(key: str, what: str) -> Iterator[Told]:
    """Tell how far something is, while it lasts; a Prefect that does not answer keeps no work from going on."""
    teller = Teller(key, what)

    def told(phase: str, done: int, whole: int) -> None:
        with contextlib.suppress(OSError):
            teller(phase, done, whole)

    yield told
    with contextlib.suppress(OSError):
        teller.end()
