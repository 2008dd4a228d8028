"""What people see of rehearsals: a table of the night; a run in which one did not pass fails and says which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.artifacts import create_table_artifact

from hosting.errors import ServiceError
from hosting.policy.values import RehearsalOutcome
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.rehearsals import Trial


class NotProven(ServiceError):
    """Recovery points were not proven by their rehearsal."""


@reading
def report_rehearsals(trials: Sequence[Trial], key: str) -> None:
    """Every point that was brought back on trial, with what was seen and how long each part took."""
    rows = [
        {
            "instance": trial.candidate.instance.name,
            "point": trial.candidate.point.id,
            "on": trial.server_name,
            "outcome": trial.outcome.value.replace("_", " "),
            "mail": _seen(trial.evidence.get("mail", "-")),
            "file": _seen(trial.evidence.get("file", "-")),
            "seconds": ", ".join(f"{what} {seconds:.1f}" for what, seconds in trial.seconds.items()) or "-",
            "finding": trial.finding or "good",
        }
        for trial in trials
    ]
    create_table_artifact(key=key, table=rows, description="Recovery points brought back on trial (P20)")


def check_all_proven(trials: Sequence[Trial]) -> None:
    """See that every rehearsal passed.

    Raises:
        NotProven: some did not; names them with the first reason.
    """
    without = [trial for trial in trials if trial.outcome is not RehearsalOutcome.PASSED]
    if without:
        names = ", ".join(
            f"{trial.candidate.instance.name} ({trial.outcome.value.replace('_', ' ')})" for trial in without
        )
        message = f"{len(without)} of {len(trials)} rehearsals did not pass: {names}."
        do = "What was broken off is tried again the next night; look at: phm case list."
        raise NotProven(f"{message} The first reason: {without[0].finding}", do)


def _seen(what: object) -> str:
    """A mail or file that was opened, or why there was none."""
    return f"{what['bytes']} bytes" if isinstance(what, dict) else str(what)
