"""A contract ends as was agreed, the data are kept for their days, then nothing is left but the record (P05, P41)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from flows.assign_subdomain import take_away
from hosting.inventory.alone import ENDING
from hosting.policy.leaving import Step
from hosting.policy.states import EndState, NameState
from tasks.closing import (
    as_it_was,
    call_off_moves,
    ensure_ended_page,
    ensure_nothing_runs,
    is_served,
    is_to_be_closed,
    prove_ended,
    record_reopened,
    release_names,
    take_last_point,
)
from tasks.deleting import (
    begin_deleting,
    check_all_clear,
    clear_places,
    destroy_keys,
    ensure_not_answered_for,
    erase_records,
    list_before,
    record_backups_gone,
    record_gone_with_servers,
)
from tasks.end_letters import (
    tell_customer_called_off,
    tell_customer_deleted,
    tell_customer_ended,
    tell_customer_noticed,
    tell_customer_reminder,
)
from tasks.endings import (
    is_waiting,
    read_end,
    read_next,
    record_closed,
    record_held_names,
    record_last_point,
    record_owed,
    record_reminded,
    record_waiting,
    telling_end_failure,
)
from tasks.leases import working_on, working_on_records
from tasks.leaving_places import read_places
from tasks.name_records import read_names
from tasks.probes import prove_instance_answers
from tasks.records import read_server, record_operator
from tasks.recovery_points import read_instance
from tasks.web import ensure_cron, ensure_site

if TYPE_CHECKING:
    from hosting.policy.leaving import EndFacts
    from hosting.policy.values import InstanceFacts, ServerFacts

STEPS_MOST = 6
"""A run does no more than a reminder, the last point, the end and the deletion, one after another."""


class EndRequest(BaseModel):
    """Go on with the end of a contract: what is due by its record is done, and nothing else."""

    model_config = ConfigDict(extra="forbid")
    instance: str = Field(title="Instance", description="Its name, e.g. k3v9q2.", pattern=r"^[a-z0-9]{1,32}$")
    number: int = Field(0, title="Number", description="Of the end; 0: the newest of the instance.", ge=0)
    operator: str = Field("", title="Operator", description="Your name; recorded as stated.", max_length=64)
    reason: str = Field("", title="Reason", description="Why you start it by hand; recorded.", max_length=500)


@flow(name="end-contract", flow_run_name="end-contract {request.instance}", persist_result=False)
def end_contract(request: EndRequest) -> Any:
    """Confirm the notice, remind, take the last recovery point, close at midnight, keep, delete, prove; or open again.

    Args:
        request: Which instance.
    """
    if request.operator:
        record_operator(request.operator, f"instance:{request.instance}", request.reason)
    about: list[EndFacts] = []
    with telling_end_failure(about):
        about.append(read_end(request.instance, request.number))
        for _ in range(STEPS_MOST):
            end = about[-1]
            due = read_next(end)
            if is_waiting(due):
                tell_how_it_stands(end)
                return Completed(message=record_waiting(end, due))
            owed = do(end, due.step, due.days)
            about.append(read_end(request.instance, end.id))
            if owed:
                return Completed(name="Owed", message=record_owed(about[-1], owed))
        return Completed(message=record_waiting(about[-1], read_next(about[-1])))


def do(end: EndFacts, step: Step, days: int) -> str:
    """One step; what is owed of it, empty where nothing is."""
    match step:
        case Step.REMIND:
            tell_customer_noticed(end)
            tell_customer_reminder(end, days)
            record_reminded(end)
        case Step.LAST_POINT:
            keep_last_point(end)
        case Step.CLOSE:
            close(end)
        case Step.REOPEN:
            reopen(end)
        case Step.DELETE:
            return delete(end)
    return ""


def tell_how_it_stands(end: EndFacts) -> None:
    """The letters that a state has; each once, so that a run that was lost before one is made good."""
    if end.state is EndState.NOTICED:
        tell_customer_noticed(end)
    if end.state is EndState.ENDED:
        tell_customer_ended(end)
    if end.state is EndState.CALLED_OFF:
        _, back, lost = record_reopened(end)
        tell_customer_called_off(end, back, lost)


def keep_last_point(end: EndFacts) -> None:
    """The last recovery point; where none can be had, it is tried once more when the instance is closed."""
    instance = read_instance(end.instance_name)
    taken = take_last_point(read_server(instance.server_name), instance)
    record_last_point(end, taken or end.effective_at)


def close(end: EndFacts) -> None:
    """Nobody is served any more, first of all; then its names go, and it is recorded as closed.

    The last recovery point needs the instance for itself: what others did meanwhile, and whether the contract is to end
    at all, is seen to again after it.
    """
    instance = read_instance(end.instance_name)
    server = read_server(instance.server_name)
    call_off_moves(instance)
    with working_on(server, instance, ENDING):
        if not is_to_be_closed(end, server):
            return
        stop_serving(server, instance)
    if end.point_at is None or end.point_at >= end.effective_at:
        take_last_point(server, instance)
    with working_on(server, instance, ENDING):
        if not is_to_be_closed(end, server):
            return
        evidence = stop_serving(server, instance)
        record_held_names(end, release_names(end))
        for naming in read_names(instance, NameState.RELEASING):
            take_away(naming)
        closed = record_closed(end, evidence)
        if closed.state is EndState.ENDED:
            tell_customer_ended(closed)


def stop_serving(server: ServerFacts, instance: InstanceFacts) -> dict[str, Any]:
    """Its page tells that the contract has ended, nothing of it runs, and both are proven from outside."""
    ensure_ended_page(server, instance)
    ensure_nothing_runs(server, instance)
    return prove_ended(server, instance)


def reopen(end: EndFacts) -> None:
    """The instance answers as before, proven from outside; then it is recorded as open, and its names come back."""
    instance = read_instance(end.instance_name)
    server = read_server(instance.server_name)
    with working_on(server, instance, ENDING):
        end, instance = read_end(end.instance_name, end.id), read_instance(end.instance_name)
        server = read_server(instance.server_name)  # it may have been suspended or moved meanwhile
        was = as_it_was(end, instance)
        ensure_site(server, was)
        ensure_cron(server, was)
        if is_served(was):
            prove_instance_answers(server, was)
        record_reopened(end)


def delete(end: EndFacts) -> str:
    """All places listed, then cleared and looked at; the keys go in any case, the records last; what is owed of it."""
    end = begin_deleting(end)
    instance = read_instance(end.instance_name)
    with working_on_records(instance, ENDING):
        places = read_places(instance)
        left = clear_places(end, places, list_before(end, places))
        destroy_keys(end)
        if left:
            return " ".join(dict.fromkeys(str(one.error) for one in left))
        record_gone_with_servers(end, places)
        check_all_clear(end)
        ensure_not_answered_for(places)
        record_backups_gone(end)
        tell_customer_deleted(end)
        erase_records(end)
    return ""
