"""An instance's files on their way to another server: in rounds while the customer works, the last one in the stop."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands.server_link import hold
from hosting.errors import ServiceError, Unreachable
from tasks.jobs import end_job, run_job
from tasks.move_database import NotTheSame
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hosting.policy.values import ServerFacts
    from tasks.move_records import Move

ROUND_MOST_SECONDS = 24 * 3600.0
ROUNDS_MOST = 3
READY_SECONDS = 30.0


@dataclass
class Job:
    """A job that is followed beside everything else."""

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

    def wait(self) -> Mapping[str, Any]:
        """Its result; raises as `run_job`."""
        if not self.ended.wait(ROUND_MOST_SECONDS):
            raise Unreachable(f"{self.work} on {self.server.name} does not end.", "Run again.")
        if self.error:
            raise self.error
        return self.result or {}

    def _follow(self) -> None:
        try:
            self.result = run_job(
                self.server, self.id, self.work, self.request, seconds=ROUND_MOST_SECONDS,
                told=lambda *_: self.ready.set(), keep=True,
            )  # fmt: skip
        except ServiceError as error:
            self.error = error
        finally:
            self.ready.set()
            self.ended.set()


@dataclass(frozen=True)
class Round:
    """One round: the source counts what it holds, the target fetches and counts it."""

    move: Move
    number: int
    counting: Job
    fetching: Job

    def hold(self) -> None:
        """What the source has at this moment is what goes over."""
        if self.move.both_btrfs:
            held = self.move.work / str(self.number)
            load(SshHost).connection(self.move.source).run(hold(self.move.layout.data, held))

    def start(self) -> None:
        """Begin on both sides."""
        for job in (self.counting, self.fetching):
            job.start()

    def clear(self) -> None:
        """Nothing of its jobs is left."""
        for job in (self.counting, self.fetching):
            end_job(job.server, job.id)


def round_of(move: Move, number: int, *, last: bool) -> Round:
    """A round, not yet begun."""
    id_ = f"move-files-{move.name}-{number}"
    held = move.work / str(number) if move.both_btrfs else move.layout.data
    counted = {"folder": str(held), "kept": str(move.work / "tree")}
    fetched = {
        "name": move.name, "number": number, "btrfs": move.both_btrfs, "last": last, "work": str(move.work),
        "data": str(move.layout.data), "user": move.layout.user, "scratch": str(move.layout.scratch),
    }  # fmt: skip
    counting = Job(move.source, id_, "move-tree", counted)
    return Round(move, number, counting, Job(move.target, id_, "move-files", fetched))


def end_files_jobs(move: Move) -> None:
    """No job of a round is left on either server."""
    for number in range(1, ROUNDS_MOST + 1):
        round_of(move, number, last=False).clear()


@reading
def copy_files(move: Move, number: int) -> Mapping[str, Any]:
    """One round while the customer works: what has changed since the one before; both ends keep their sums up to date.

    Raises:
        Unreachable: one of the servers, or the way between them, does not answer.
        StepFailed: they did not come whole.
    """
    made = round_of(move, number, last=False)
    made.clear()
    made.hold()
    if not move.both_btrfs:  # the folder changes while it is counted: that is done once, in the stop
        made.fetching.start()
        return made.fetching.wait()
    made.start()
    made.counting.wait()
    return made.fetching.wait()


@contextlib.contextmanager
def last_round(move: Move, number: int) -> Iterator[Round]:
    """The last round begun on both sides as far as it goes without the snapshot, so that in the stop nothing begins.

    Raises:
        Unreachable: one of the servers does not answer.
    """
    made = round_of(move, number, last=True)
    made.clear()
    if move.both_btrfs:
        made.start()
        for job in (made.counting, made.fetching):
            job.ready.wait(READY_SECONDS)
    try:
        yield made
    except BaseException:
        with contextlib.suppress(ServiceError):
            made.clear()
        raise


@reading
def hold_files(last: Round) -> None:
    """The source's folder as it is now, closed, is what the last round takes over; it goes on from there by itself."""
    last.hold()
    if not last.move.both_btrfs:
        last.start()


@reading
def compare_files(last: Round) -> dict[str, Any]:
    """The last round has come, is in its place, and is what the source holds.

    Raises:
        NotTheSame: the target does not hold what the source holds.
        Unreachable: one of the servers, or the way between them, does not answer.
    """
    source, target = last.counting.wait(), last.fetching.wait()
    if dict(source) != dict(target):
        message = f"The files on {last.move.target.name} are not the source's: {source} there, {target} here."
        raise NotTheSame(message, "Look at both; nothing was deleted.")
    return dict(target)


compare_files.retries = 0  # its jobs are not begun anew: the move is undone instead
