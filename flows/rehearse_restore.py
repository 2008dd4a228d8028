"""Each night some recovery points are brought back on trial: only what was restored is known to be restorable (P20)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from hosting.errors import ServiceError
from hosting.product.layout import REHEARSAL, REHEARSAL_SLOT
from tasks.copies import copy_of, drop_copy, make_copy
from tasks.copy_proofs import open_as_user
from tasks.leases import working_on_copy
from tasks.records import record_operator
from tasks.rehearsal_reports import check_all_proven, report_rehearsals
from tasks.rehearsals import (
    Candidate,
    Trial,
    begin_trial,
    choose_server_for,
    drop_left_rehearsals,
    read_candidate,
    read_due_candidates,
    record_trial,
)

if TYPE_CHECKING:
    from hosting.policy.values import ServerFacts


class RehearseRequest(BaseModel):
    """Bring a recovery point back on trial, look whether it lives, and take it away again."""

    model_config = ConfigDict(extra="forbid")
    instance: str = Field(title="Instance", description="Its name, e.g. k3v9q2.", pattern=r"^[a-z0-9]{1,32}$")
    point: str = Field(
        "",
        title="Recovery point",
        description="Its id, as phm snapshots lists them. Empty: the newest good one.",
        pattern=r"^([a-z0-9][a-z0-9-]{0,99})?$",
    )
    operator: str = Field("", title="Operator", description="Your name; recorded as stated.", max_length=64)
    reason: str = Field("", title="Reason", description="Why you start it by hand; recorded.", max_length=500)


@flow(name="rehearse-restores", persist_result=False)
def rehearse_restores() -> Any:
    """Rehearse the points whose proof is due this night; one that does not pass stops none of the others."""
    drop_left_rehearsals()
    trials = [rehearse(candidate) for candidate in read_due_candidates()]
    report_rehearsals(trials, "rehearsals")
    check_all_proven(trials)
    return Completed(message=f"{len(trials)} recovery points were brought back on trial and live.")


@flow(name="rehearse-restore", flow_run_name="rehearse-restore {request.instance}", persist_result=False)
def rehearse_restore(request: RehearseRequest) -> Any:
    """Rehearse one point now.

    Args:
        request: Which instance and point, and who asks.
    """
    if request.operator:
        record_operator(request.operator, f"instance:{request.instance}", request.reason)
    trial = rehearse(read_candidate(request.instance, request.point))
    report_rehearsals([trial], f"rehearsal-{request.instance}")
    check_all_proven([trial])
    return Completed(message=f"{trial.candidate.point.id} was brought back on {trial.server_name} and lives.")


def rehearse(candidate: Candidate) -> Trial:
    """One point brought back as a copy, compared, opened as one of its users, taken away; recorded whatever came."""
    trial = begin_trial(candidate)
    try:
        try_out(trial)
    except ServiceError as error:
        trial.error = error
    return record_trial(trial)


def try_out(trial: Trial) -> None:
    """The rehearsal itself, on a server with room; the copy goes whether it lived or not."""
    candidate = trial.candidate
    server = choose_server_for(candidate)
    trial.server_name = server.name
    copy = copy_of(candidate.instance, candidate.point, candidate.release, server, REHEARSAL_SLOT)
    with working_on_copy(server, copy.facts.name, "rehearse"):
        try:
            trial.seconds |= make_copy(server, copy, candidate.generation)
            seen = open_as_user(server, copy)
            trial.seconds |= seen.pop("seconds")
            trial.evidence |= seen
        finally:
            remove(server, trial)


def remove(server: ServerFacts, trial: Trial) -> None:
    """The copy gone; where that fails, the proof counts all the same, and the next night takes it away."""
    try:
        trial.seconds["remove"] = round(drop_copy(server, REHEARSAL).seconds, 2)
    except ServiceError as error:
        trial.evidence["left"] = str(error)
