"""What becomes of work whose run has ended, or has gone silent, without doing it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

AGAIN_AFTER = (timedelta(seconds=30), timedelta(minutes=3), timedelta(minutes=15))
"""How long to wait before each new attempt at work that may heal; after the last one a person is asked."""

HELD_AGAIN_AFTER = timedelta(seconds=30)
"""How long to wait where another run works on the instance: no attempt was made, so that none is counted."""

CLOSED_AGAIN_AFTER = timedelta(seconds=30)
"""How long to wait where an instance is closed until the work is done, however often it was tried."""

CLOSED_SILENT_MOST = timedelta(seconds=60)
"""There a run is dead that has held its lease for so long no more: as long as a lease lives without it."""

CLOSED_PENDING_MOST = timedelta(minutes=2)
"""There a run that is being started for longer than that was forgotten."""

PENDING_MOST = timedelta(minutes=10)
"""A run that is being started for longer than that was forgotten by its worker (PREFECT.md T4)."""

SILENT_MOST = timedelta(minutes=10)
"""A run that gave no sign of life for so long is dead, whatever its state says (PREFECT.md T3)."""

THROTTLED = "concurrency limit"
"""What the message says of a run that a limit cancelled, not a person."""


class RunState(StrEnum):
    """A run as it was found; `lost` if it isn't there any more."""

    SCHEDULED = "scheduled"
    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    CRASHED = "crashed"
    CANCELLED = "cancelled"
    LOST = "lost"


class Verdict(StrEnum):
    """What is to be done about work that has a run."""

    LEAVE = "leave"
    AGAIN = "again"
    ASK_A_PERSON = "ask a person"


@dataclass(frozen=True)
class RunFacts:
    """A run as it was found, with its last sign of life."""

    state: RunState
    since: datetime
    alive_at: datetime
    message: str = ""
    silent_most: timedelta = SILENT_MOST
    pending_most: timedelta = PENDING_MOST

    @property
    def finding(self) -> str:
        """One sentence on how it ended, for people."""
        said = self.message.strip().partition("\n")[0][:400]
        return {
            RunState.LOST: "The run is not there any more.",
            RunState.COMPLETED: "The run ended without doing its work.",
            RunState.CANCELLED: f"The run was cancelled. {said}",
        }.get(self.state, said or f"The run is {self.state}.").strip()


def is_stuck(run: RunFacts, now: datetime) -> bool:
    """Whether a run that seems to be at work is dead."""
    if run.state is RunState.PENDING:
        return now - run.since > run.pending_most
    return run.state is RunState.RUNNING and now - max(run.since, run.alive_at) > run.silent_most


def judge(run: RunFacts, tried: int, now: datetime) -> Verdict:
    """What to do about work whose run was found so, when it was tried again so often already.

    A failed run is a person's matter: it says what is wrong, and would fail again. So is one that a person cancelled.
    """
    may_heal = run.state in {RunState.CRASHED, RunState.LOST, RunState.COMPLETED} or is_stuck(run, now)
    if run.state is RunState.CANCELLED and THROTTLED in run.message.lower():
        may_heal = True
    if may_heal:
        return Verdict.AGAIN if tried < len(AGAIN_AFTER) else Verdict.ASK_A_PERSON
    return Verdict.ASK_A_PERSON if run.state in {RunState.FAILED, RunState.CANCELLED} else Verdict.LEAVE


def again_at(tried: int, now: datetime) -> datetime:
    """When work that was tried again so often already is tried next."""
    return now + AGAIN_AFTER[min(tried, len(AGAIN_AFTER) - 1)]
