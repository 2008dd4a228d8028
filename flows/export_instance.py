"""Everything of an instance in open formats, to be fetched by its customer for some days (P41)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from hosting.errors import Refused, ServiceError, Unreachable
from hosting.inventory.exports import ExportWish
from hosting.policy.exports import ExportState
from tasks.export_letters import tell_customer_exported
from tasks.exports import (
    ask_for_export,
    give_way,
    looked_at,
    make_archive,
    read_ended_exports,
    read_export,
    read_users,
    record_archive,
    record_ready,
    record_told,
    sentence_of,
    show_export,
    withdraw_export,
)
from tasks.failures import check_all_done, kept_for_the_end
from tasks.leases import working_on
from tasks.records import read_server, record_operator
from tasks.recovery_points import read_instance
from tasks.snapshots import ensure_store_ready
from tasks.step import run_logger

if TYPE_CHECKING:
    from hosting.policy.exports import ExportFacts
    from tasks.exports import Whose

NAME = r"^([a-z0-9]{1,32})?$"


class ExportRequest(BaseModel):
    """Export everything of an instance, an archive for each user; the customer gets a letter with a link."""

    model_config = ConfigDict(extra="forbid")
    number: int = Field(0, title="Export", description="Go on with the one of this number; 0: a new one.", ge=0)
    instance: str = Field("", title="Instance", description="Whose data, e.g. k3v9q2.", pattern=NAME)
    user: str = Field("", title="User", description="Only this one's; empty: everybody's.", max_length=64)
    dry_run: bool = Field(default=False, title="Dry run", description="Only tell whose data would be exported.")
    operator: str = Field("", title="Operator", description="Your name; recorded as stated.", max_length=64)
    reason: str = Field("", title="Reason", description="Why you start it by hand; recorded.", max_length=500)


class WithdrawRequest(BaseModel):
    """Withdraw the exports whose days are over."""

    model_config = ConfigDict(extra="forbid")
    operator: str = Field("", title="Operator", description="Your name; recorded as stated.", max_length=64)
    reason: str = Field("", title="Reason", description="Why you start it by hand; recorded.", max_length=500)


BY_THE_CLOCK = WithdrawRequest()


@flow(name="export-instance", flow_run_name="export-instance {request.instance}{request.number}", persist_result=False)
def export_instance(request: ExportRequest) -> Any:
    """Write an archive for each user into the store, one after another, and tell the customer.

    The instance goes on meanwhile. Run again after a failure it goes on with the user at whom it stood.

    Args:
        request: Whose data, and who asks.
    """
    if request.dry_run:
        return Completed(message=looked_at(request.instance, users_of(request.instance, request.user)))
    order = read_export(request.number) if request.number else asked_for(request)
    if request.operator:
        record_operator(request.operator, f"instance:{order.instance}", request.reason)
    if order.state is ExportState.ASKED:
        ensure_store_ready()
        order = record_ready(archives_of(order))
    if order.state is ExportState.READY:
        tell_customer_exported(order)
        record_told(order)
    show_export(order)
    return Completed(message=sentence_of(order))


def asked_for(request: ExportRequest) -> ExportFacts:
    """A new export by a run's form, on record before anything is done."""
    return ask_for_export(ExportWish(request.instance, request.user, request.reason), request.operator or "service")


def users_of(name: str, only_user: str) -> list[Whose]:
    """Whose data are exported."""
    instance = read_instance(name)
    return read_users(read_server(instance.server_name), instance, only_user)


def archives_of(order: ExportFacts) -> ExportFacts:
    """The archives of all users that are not there yet; one that can't be written keeps none of the others.

    Raises:
        NotAllDone: at the end, when the others are there.
        Unreachable: at once: what does not answer would not for the next one either.
        Refused: likewise, for example as another run works on the instance.
    """
    failures: list[ServiceError] = []
    for whose in users_of(order.instance, order.only_user):
        if order.has(whose.uid):
            continue
        try:
            order = archived(order, whose)
        except (Unreachable, Refused):
            raise
        except ServiceError as error:
            run_logger().error("%s, user %d: %s", order.instance, whose.uid, error)  # one sentence is what helps here
            failures.append(error)
    check_all_done(failures, "The other users' archives are there; docs/runbooks/export.md tells how to go on.")
    return order


def archived(order: ExportFacts, whose: Whose) -> ExportFacts:
    """One user's archive, made and recorded; between two of them the instance is free for others."""
    instance = read_instance(order.instance)
    give_way(instance)
    instance = read_instance(order.instance)  # a move may have ended meanwhile
    server = read_server(instance.server_name)
    with working_on(server, instance, "export"):
        made = make_archive(server, instance, order, whose)
        return record_archive(server, instance, order, made)


@flow(name="withdraw-exports", persist_result=False)
def withdraw_exports(request: WithdrawRequest = BY_THE_CLOCK) -> Any:
    """Exports whose days are over leave the store, whole and with all versions.

    One that can't be removed keeps none of the others; the run fails at the end, and the next one goes on.

    Args:
        request: Who asks, if it is not the clock.
    """
    if request.operator:
        record_operator(request.operator, "service", request.reason)
    failures: list[ServiceError] = []
    ended = read_ended_exports()
    for order in ended:
        with kept_for_the_end(failures, f"export {order.id} of {order.instance}"):
            withdraw_export(order)
    check_all_done(failures, "The next run goes on with it; docs/runbooks/export.md tells what may stand in the way.")
    return Completed(message=f"{len(ended)} exports withdrawn.")
