"""An instance's files on their way to another server: in rounds while the customer works, the last one in the stop."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands.server_link import hold, let_go
from hosting.errors import ServiceError
from hosting.policy.placement import is_there
from tasks.jobs import end_job
from tasks.move_database import NotTheSame
from tasks.move_jobs import Job
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks.move_records import Move

ROUNDS_MOST = 3


@dataclass(frozen=True)
class Round:
    """One round: the source counts what it holds, the target fetches and counts it."""

    move: Move
    number: int
    counting: Job
    fetching: Job

    def hold(self) -> None:
        """What the source has at this moment is what goes over: both sides wait for it in the last round."""
        ssh = load(SshHost)
        if self.move.both_btrfs:
            ssh.connection(self.move.source).run(hold(self.move.layout.data, self.move.work / str(self.number)))
            return
        for server in (self.move.source, self.move.target):
            ssh.connection(server).run(let_go(self.move.work / "go"))

    def start(self) -> None:
        """Begin on both sides."""
        for job in (self.counting, self.fetching):
            job.start()

    def clear(self) -> None:
        """Nothing of its jobs is left."""
        for job in (self.counting, self.fetching):
            if is_there(job.server):
                end_job(job.server, job.id)


def round_of(move: Move, number: int, *, last: bool) -> Round:
    """A round, not yet begun.

    Where there are no snapshots, the folder may change while it is counted, but in the last round: that one waits.
    """
    id_ = f"move-files-{move.name}-{number}"
    awaited = str(move.work / "go") if last and not move.both_btrfs else ""
    held = move.work / str(number) if move.both_btrfs else move.layout.data
    counted = {
        "folder": str(held), "kept": str(move.work / "tree"), "awaited": awaited or str(held), "last": last,
        "before": str(move.work / str(number - 1)) if move.both_btrfs else "",
        "changing": not move.both_btrfs and not last,
    }  # fmt: skip
    fetched = {
        "name": move.name, "number": number, "btrfs": move.both_btrfs, "last": last, "work": str(move.work),
        "data": str(move.layout.data), "user": move.layout.user, "scratch": str(move.layout.scratch),
        "awaited": awaited,
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
    if move.both_btrfs:
        made.hold()
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
    made.start()
    try:
        for job in (made.counting, made.fetching):
            job.wait_ready()
        yield made
    except BaseException:
        with contextlib.suppress(ServiceError):
            made.clear()
        raise


@reading
def hold_files(last: Round) -> None:
    """The source's folder as it is now, closed, is what the last round takes over; it goes on from there by itself."""
    last.hold()


@reading
def compare_files(last: Round, most_seconds: float) -> dict[str, Any]:
    """The last round has come, is in its place, and is what the source holds.

    Raises:
        NotTheSame: the target does not hold what the source holds.
        NotInTime: it has not come within so many seconds.
        Unreachable: one of the servers, or the way between them, does not answer.
    """
    until = time.monotonic() + most_seconds
    source = last.counting.wait(most_seconds)
    target = last.fetching.wait(until - time.monotonic())
    if dict(source) != dict(target):
        message = f"The files on {last.move.target.name} are not the source's: {source} there, {target} here."
        raise NotTheSame(message, "Look at both; nothing was deleted.")
    return dict(target)


compare_files.retries = 0  # its jobs are not begun anew: the move is undone instead
