"""An instance's files on their way to another server: in rounds while the customer works, the last one in the stop."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands.server_link import hold
from tasks.jobs import end_job, run_job
from tasks.move_database import NotTheSame
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.jobs import Told
    from tasks.move_records import Move

ROUND_MOST_SECONDS = 24 * 3600.0
ROUNDS_MOST = 3


def job_of(instance: str, number: int) -> str:
    """The job of one round of a move's files, on either server."""
    return f"move-files-{instance}-{number}"


def end_files_jobs(move: Move) -> None:
    """No job of a round is left on either server."""
    ids = [job_of(move.name, number) for number in range(1, ROUNDS_MOST + 1)]
    for server in (move.source, move.target):
        for id_ in ids:
            end_job(server, id_)


@reading
def copy_files(move: Move, number: int, told: Told | None = None) -> Mapping[str, Any]:
    """One round while the customer works: what has changed since the one before; the sums of both ends kept up to date.

    Raises:
        Unreachable: one of the servers, or the way between them, does not answer.
        StepFailed: they did not come whole.
    """
    found = _round(move, number, told=told, last=False)
    return found[1]


@reading
def copy_last_files(move: Move, number: int) -> dict[str, Any]:
    """The last round, with the source closed: compared, and put in its place.

    Raises:
        NotTheSame: the target does not hold what the source holds.
        Unreachable: one of the servers, or the way between them, does not answer.
    """
    source, target = _round(move, number, last=True)
    if dict(source) != dict(target):
        message = f"The files on {move.target.name} are not the source's: {source} there, {target} here."
        raise NotTheSame(message, "Look at both; nothing was deleted.")
    return dict(target)


def _round(move: Move, number: int, *, last: bool, told: Told | None = None) -> tuple[Mapping[str, Any], ...]:
    """Held on the source, fetched by the target, counted by both at the same time."""
    ssh, id_ = load(SshHost).connection(move.source), job_of(move.name, number)
    held = move.work / str(number) if move.both_btrfs else move.layout.data
    if move.both_btrfs:
        ssh.run(hold(move.layout.data, held))
    counted = {"folder": str(held), "kept": str(move.work / "tree")}
    fetched = {
        "name": move.name, "number": number, "btrfs": move.both_btrfs, "last": last, "work": str(move.work),
        "data": str(move.layout.data), "user": move.layout.user, "scratch": str(move.layout.scratch),
    }  # fmt: skip
    if not last:  # in the stop every call counts, and nothing is left of a round that was never begun
        for server in (move.source, move.target):
            end_job(server, id_)
    with ThreadPoolExecutor() as pool:
        here = pool.submit(
            lambda: run_job(move.target, id_, "move-files", fetched, seconds=ROUND_MOST_SECONDS, told=told, keep=last)
        )
        if last or move.both_btrfs:
            there = run_job(move.source, id_, "move-tree", counted, seconds=ROUND_MOST_SECONDS, keep=last)
        else:
            there = {}
        return there, here.result()
