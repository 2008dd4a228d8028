"""Long work on a server: started once, followed to its end, found again after a cut connection."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands.jobs import clear_job, follow_job, list_jobs, parse_job, parse_jobs, start_job
from hosting.errors import StepFailed, Unreachable
from tasks.zipped import zipped_package

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hosting.commands.jobs import JobState
    from hosting.policy.values import ServerFacts

    Told = Callable[[str, int, int], None]

LOOK_SECONDS = 2.0
PAUSE_SECONDS = 2.0
CUT_OFF_SECONDS = 600.0
"""A server that does not answer for so long while a job runs there is told as unreachable; the job goes on."""

LEFT_SECONDS = 8 * 3600.0
"""A job is ended by the server itself when its own time is over; nobody waits longer than that."""

PASSING = ("busy", "store", "database")
"""Kinds of complaint that may heal by themselves: what the job needs does not answer now."""

WHAT_TO_DO = {
    "disk full": "Free room on the server, then run again.",
    "denied": "Look at the key that the settings name for it and at its rights, then run again.",
    "differs": "Bring another point back.",
    "memory": "Look at what it works on: something in it is far larger than usual.",
    "damaged": "Bring a point of another generation back.",
}
"""What helps where the kind tells it; else it is for a person to look."""


class JobInterrupted(Unreachable):
    """A job could not get what it needs; that may heal."""


class JobComplained(StepFailed):
    """A job said why its work can't be done."""

    def __init__(self, kind: str, message: str, do: str) -> None:
        """Keep the kind."""
        super().__init__(message, do)
        self.kind = kind


@cache
def program() -> bytes:
    """The programs for servers as one zipped file."""
    return zipped_package()


def run_job(
    server: ServerFacts, id_: str, work: str, request: Mapping[str, Any], *, seconds: float, told: Told | None = None,
    keep: bool = False, memory: str = "infinity",
) -> Mapping[str, Any]:  # fmt: skip
    """Do long work on a server and give its result.

    Args:
        server: where.
        id_: of the job; one that was left under it is seen to before (`left_result`, `end_job`).
        work: its name.
        request: what it is told; may hold secrets.
        seconds: the most it may take; then it is ended.
        told: is told of its progress: phase, bytes done, bytes in all (0 where that is not known).
        memory: the most that its processes may hold, all together and each (`hosting.commands.jobs.start_job`).
        keep: whether its result stays there until `end_job`, for who comes after a run that was killed.

    Raises:
        JobComplained: the work can't be done; names the reason.
        StepFailed: it ended without a word, or took too long.
        JobInterrupted: the store, the database or a lock did not answer it.
        Unreachable: the server did not answer for too long, or was restarted.
    """
    load(SshHost).connection(server).run(start_job(id_, program(), work, request, seconds, memory=memory))
    state = _followed(server, id_, told or (lambda *_: None), time.monotonic() + seconds + CUT_OFF_SECONDS)
    if state.result is None or not keep:
        load(SshHost).connection(server).run(clear_job(id_))
    if state.result is None:
        raise _meaning(server, work, state, float(request.get("seconds", seconds)))
    return state.result


def has_job(server: ServerFacts, id_: str) -> bool:
    """Whether a server has a job of this id, or what it came to."""
    return id_ in parse_jobs(load(SshHost).connection(server).run(list_jobs()).out)


def left_result(server: ServerFacts, id_: str) -> Mapping[str, Any] | None:
    """What the job of a killed run came to, waited for to its end; None where there is no such job or it failed.

    A result stays there until `end_job`.
    """
    if not has_job(server, id_):
        return None
    state = _followed(server, id_, lambda *_: None, time.monotonic() + LEFT_SECONDS)
    if state.result is None:
        end_job(server, id_)
    return state.result


def end_job(server: ServerFacts, id_: str) -> bool:
    """No job of this id is left, with all its processes; whether one was there."""
    return load(SshHost).connection(server).run(clear_job(id_)).changed


def _followed(server: ServerFacts, id_: str, told: Told, deadline: float) -> JobState:
    """The job's end; a lost connection is made anew."""
    last_heard = time.monotonic()
    while True:
        try:
            state = parse_job(load(SshHost).connection(server).run(follow_job(id_, LOOK_SECONDS)).out)
        except Unreachable:
            if time.monotonic() - last_heard > CUT_OFF_SECONDS:
                raise
            time.sleep(PAUSE_SECONDS)
            continue
        last_heard = time.monotonic()
        if state.progress:
            told(str(state.progress["phase"]), int(state.progress["done"]), int(state.progress["whole"]))
        if not state.running or time.monotonic() > deadline:
            return state


def _meaning(server: ServerFacts, work: str, state: JobState, seconds: float) -> Exception:
    """Why there is no result."""
    if state.complaint is not None:
        kind, what = state.complaint["kind"], state.complaint["what"]
        if kind in PASSING:
            return JobInterrupted(f"{work} on {server.name}: {what}.", "It is tried again.")
        do = WHAT_TO_DO.get(kind, "Look at the server, then run again.")
        return JobComplained(kind, f"{work} on {server.name}: {what}.", do)
    if state.gone:
        return Unreachable(f"{work} on {server.name} was cut off: the server was restarted.", "Run again.")
    if state.exit_code == "ALRM":
        message = f"{work} on {server.name} took longer than {seconds:.0f} s and was ended."
        return StepFailed(message, "Look at the load of the server, then run again.")
    if state.exit_code in {"TERM", "KILL"}:
        message = f"{work} on {server.name} was ended from outside, or took longer than {seconds:.0f} s."
        return StepFailed(message, "Look at the load of the server, then run again.")
    message = f"{work} on {server.name} ended with exit code {state.exit_code or 'unknown'}."
    return StepFailed(message, "Look at the server, then run again.", last_lines=state.said)
