"""An approved import in its instance's place, and the way back; what follows from where an import stands (P33)."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from flows.restore_instance import bring_in, open_again
from hosting.errors import StepFailed, Unreachable
from hosting.inventory.closed_imports import OWN_PURPOSE
from hosting.policy.import_conditions import Outcome
from hosting.policy.imports import ImportState
from tasks.drafts import drop_draft, drop_place, find_draft, record_draft_removed
from tasks.failures import check_all_done, kept_for_the_end
from tasks.import_going_live import (
    begin_going_live,
    begin_undoing,
    close_draft,
    close_for_import,
    record_live,
    record_not_live,
    record_undone,
    take_back,
    take_draft,
    write_live_settings,
)
from tasks.import_reading import read_customer
from tasks.import_records import read_import, read_left_on_their_way, record_approved, record_called_off
from tasks.import_reports import show_report, tell_customer_imported, tell_customer_refused
from tasks.leases import working_on, working_on_copy
from tasks.probes import prove_instance_answers
from tasks.records import read_server
from tasks.recovery_points import read_instance
from tasks.restoring import clear_restore, put_back
from tasks.web import ensure_cron

if TYPE_CHECKING:
    from hosting.errors import ServiceError
    from hosting.policy.imports import ImportFacts
    from hosting.policy.values import InstanceFacts, OrderFacts, ServerFacts
    from tasks.import_going_live import TakenOver


class ApproveRequest(BaseModel):
    """Bring a draft into its instance's place, or put back what it replaced, or give it up."""

    model_config = ConfigDict(extra="forbid")
    number: int = Field(title="Import", description="Its number, as phm import status shows it.", ge=1)
    operator: str = Field(title="Operator", description="Your name; recorded as stated.", min_length=1, max_length=64)
    reason: str = Field(title="Reason", description="Why; recorded.", min_length=1, max_length=500)


@flow(name="approve-import", flow_run_name="approve-import {request.number}", persist_result=False)
def approve_import(request: ApproveRequest) -> Any:
    """Let a draft go live: switched in like a restore, with the old state aside for some days.

    Args:
        request: Which import, and who approves it.
    """
    order = into_its_place(record_approved(request.number, request.operator, request.reason))
    return Completed(message=sentence_of(order))


@flow(name="finish-imports", persist_result=False)
def finish_imports() -> Any:
    """Bring imports to their end whose run died on the way in or back: the instance may be closed meanwhile."""
    failures: list[ServiceError] = []
    left = read_left_on_their_way()
    for order in left:
        with kept_for_the_end(failures, f"import {order.id} of {order.instance}"):
            undo(order) if order.state is ImportState.UNDOING else into_its_place(order)
    check_all_done(failures, "It is tried again in some minutes; docs/runbooks/import.md tells what may be in the way.")
    return Completed(message=f"{len(left)} imports were brought to their end.")


@flow(name="undo-import", flow_run_name="undo-import {request.number}", persist_result=False)
def undo_import(request: ApproveRequest) -> Any:
    """Put the state back that an import replaced; what was written since then lies aside.

    One that is half on its way into the instance, and can't come to its end, is taken back by it, too.

    Args:
        request: Which import, and who asks.
    """
    order = undo(read_import(request.number), request.operator, request.reason)
    evidence = prove_instance_answers(read_server(order.server), read_instance(order.instance))
    return Completed(message=f"{order.instance} is as it was before the import {order.id} ({evidence['url']}).")


@flow(name="call-off-import", flow_run_name="call-off-import {request.number}", persist_result=False)
def call_off_import(request: ApproveRequest) -> Any:
    """Give an import up that isn't live: its draft and its archive go, the instance is not touched.

    Args:
        request: Which import, and who asks.
    """
    order = read_import(request.number)
    server, draft = read_server(order.server), find_draft(order)
    with working_on_copy(server, draft.copy.name, "call off") if draft else nullcontext():
        record_called_off(order.id, request.operator, request.reason)
        forget(server, order, request.reason)
    return Completed(message=f"Nothing is left of the import {order.id} on {server.name}.")


def into_its_place(order: ImportFacts) -> ImportFacts:
    """An approved import brought to its end, and seen through."""
    server, instance = read_server(order.server), read_instance(order.instance)
    customer = read_customer(instance.order_reference)
    order = go_live(server, order, instance, customer)
    see_through(server, order, instance, customer)
    return order


def undo(order: ImportFacts, by: str = "", why: str = "") -> ImportFacts:
    """The state before an import in its place, open and on record; the way back is on record before it begins.

    Args:
        order: the import.
        by: who asks; a run that goes on with it need not say so again.
        why: the reason.
    """
    server, instance = read_server(order.server), read_instance(order.instance)
    with working_on(server, instance, OWN_PURPOSE):
        order, taken = begin_undoing(order, by, why)
        close_for_import(server, instance)
        old_state_back(server, taken, came_in=order.live_at is not None)
        order = record_undone(order, taken)
    forget(server, order, "It was undone.")
    return order


def go_live(server: ServerFacts, order: ImportFacts, instance: InstanceFacts, customer: OrderFacts) -> ImportFacts:
    """The draft in the instance's place, proven; the old state lies aside.

    Args:
        server: the instance's.
        order: an approved import.
        instance: that gets it.
        customer: in whose language its administration speaks.
    """
    draft = find_draft(order)
    held = working_on_copy(server, draft.copy.name, OWN_PURPOSE) if draft else nullcontext()
    with held, working_on(server, instance, OWN_PURPOSE):
        order, instance, draft = read_import(order.id), read_instance(order.instance), find_draft(order)
        taken = begin_going_live(server, order, instance, draft)
        if draft:
            close_draft(server, draft)
            write_live_settings(server, draft, taken, customer)
            take_draft(server, draft, taken)
        evidence = exchange(server, order, taken)
        if draft:
            forget(server, order, "It went live.")
        clear_restore(server, taken)
        order = record_live(order, evidence)
    show_report(server, order)
    return order


def exchange(server: ServerFacts, order: ImportFacts, taken: TakenOver) -> dict[str, Any]:
    """The draft's state in the place of the old one, open again; taken back where it does not pass its proof."""
    close_for_import(server, taken.instance)
    try:
        evidence = bring_in(server, taken.instance, taken, "all")
    except (StepFailed, Unreachable) as error:  # a server that does not answer at all is tried again, as it stands
        close_for_import(server, taken.instance)
        old_state_back(server, taken, came_in=False)
        forget(server, order, "It did not pass its proof.")
        record_not_live(order, str(error))
        raise
    ensure_cron(server, taken.instance)
    return evidence


def old_state_back(server: ServerFacts, taken: TakenOver, *, came_in: bool) -> None:
    """What was replaced is in its place again, and open; what replaced it lies aside.

    Args:
        server: the instance's.
        taken: the import.
        came_in: whether all of it was in its place; else it may have stopped on the way.
    """
    put_back(server, taken) if came_in else take_back(server, taken)
    open_again(server, taken.instance)
    ensure_cron(server, taken.instance)


def see_through(server: ServerFacts, order: ImportFacts, instance: InstanceFacts, customer: OrderFacts) -> None:
    """What follows from a state once it is on record: a run that died right after it had not come to that."""
    if order.state is ImportState.BUILT:
        drop_place(server, order)
        return
    forget(server, order, f"The import is {order.state}.")
    if order.state is ImportState.REFUSED:
        tell_customer_refused(order, customer)
    elif order.state is ImportState.LIVE:
        tell_customer_imported(server, order, instance, customer)


def forget(server: ServerFacts, order: ImportFacts, why: str) -> None:
    """Nothing of an import is left on the server: neither draft nor archive."""
    draft = find_draft(order)
    if draft:
        drop_draft(server, draft.copy, draft.place)
        record_draft_removed(draft.copy, why)
    drop_place(server, order)


def sentence_of(order: ImportFacts) -> str:
    """How an import stands, and what is next."""
    outcome, go_on = str(order.report.get("outcome", "")), f"phm import start --checked {order.id}"
    nexts = {
        ImportState.BUILT: f"Look at its report and its draft, then: phm import approve {order.id}.",
        ImportState.REFUSED: "The customer was told by letter.",
        ImportState.CASE: "It waits for a person: phm case list.",
        ImportState.LIVE: f"Undo: phm import undo {order.id}.",
    }
    checked: dict[str, str] = {
        Outcome.GO: f"It would go on: {go_on}.",
        Outcome.CASE: f"Started, a person gets it: {go_on}.",
    }
    following = checked.get(outcome, "") if order.state is ImportState.CHECKED else nexts.get(order.state, "")
    said = f"The import {order.id} into {order.instance} is {order.state.said}.", order.finding, following
    return " ".join(one for one in said if one)
