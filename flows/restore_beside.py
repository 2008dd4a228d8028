"""A recovery point as a copy beside its instance, to look at it or to fetch single things; for some days (P20)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from hosting.errors import ServiceError
from tasks.beside import (
    read_copy,
    read_old_copies,
    record_beside_ready,
    record_beside_removed,
    reserve_beside,
    show_beside,
)
from tasks.copies import copy_of, drop_copy, make_copy
from tasks.drafts import drop_draft, is_draft, place_of_copy
from tasks.leases import working_on_copy
from tasks.records import read_server, record_operator
from tasks.rehearsals import read_candidate

if TYPE_CHECKING:
    from hosting.inventory.copies import CopyFacts
    from hosting.policy.values import ServerFacts
    from tasks.copies import Copy
    from tasks.rehearsals import Candidate


class RestoreBesideRequest(BaseModel):
    """Bring a recovery point back as a copy that its server alone can reach; the instance is not touched."""

    model_config = ConfigDict(extra="forbid")
    instance: str = Field(title="Instance", description="Its name, e.g. k3v9q2.", pattern=r"^[a-z0-9]{1,32}$")
    point: str = Field(
        "",
        title="Recovery point",
        description="Its id, as phm snapshots lists them. Empty: the newest good one.",
        pattern=r"^([a-z0-9][a-z0-9-]{0,99})?$",
    )
    server: str = Field(
        "",
        title="Server",
        description="Where the copy goes, e.g. app1. Empty: one with room.",
        pattern=r"^([a-z0-9][a-z0-9-]{0,62})?$",
    )
    operator: str = Field(title="Operator", description="Your name; recorded as stated.", min_length=1, max_length=64)
    reason: str = Field(title="Reason", description="What it is for; recorded.", min_length=1, max_length=500)


class DropBesideRequest(BaseModel):
    """Take a copy away before its days are over."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(
        title="Copy",
        description="Its name, e.g. k3v9q2_1, or k3v9q2_1@app1.",
        pattern=r"^[a-z0-9]{1,32}_[0-9]{1,2}(@[a-z0-9][a-z0-9-]{0,62})?$",
    )
    operator: str = Field(title="Operator", description="Your name; recorded as stated.", min_length=1, max_length=64)
    reason: str = Field(title="Reason", description="Why it goes; recorded.", min_length=1, max_length=500)


@flow(name="restore-beside", flow_run_name="restore-beside {request.instance}", persist_result=False)
def restore_beside(request: RestoreBesideRequest) -> Any:
    """Bring a point back as a copy beside its instance, compared to the last row and byte.

    Args:
        request: Which instance and point, where, and who asks.
    """
    record_operator(request.operator, f"instance:{request.instance}", request.reason)
    candidate = read_candidate(request.instance, request.point)
    reserved = reserve_beside(candidate, request.server)
    server = read_server(reserved.server_name)
    copy = copy_of(candidate.instance, candidate.point, candidate.release, server, reserved.slot)
    with working_on_copy(server, reserved.name, "restore beside"):
        if not reserved.ready:
            make(server, copy, candidate, reserved)
    url = show_beside(server, copy, reserved)
    return Completed(message=f"{url} answers on {server.name} itself until {reserved.until:%Y-%m-%d %H:%M} UTC.")


def make(server: ServerFacts, copy: Copy, candidate: Candidate, reserved: CopyFacts) -> None:
    """The copy made and recorded; where that fails, nothing of it stays."""
    try:
        make_copy(server, copy, candidate.generation)
        record_beside_ready(reserved)
    except ServiceError:
        drop_copy(server, reserved.name)
        record_beside_removed(reserved, why="It could not be made.")
        raise


@flow(name="drop-beside", flow_run_name="drop-beside {request.name}", persist_result=False)
def drop_beside(request: DropBesideRequest) -> Any:
    """Take a copy away: site, pool, database, folders, user.

    Args:
        request: Which copy, and who asks.
    """
    copy = read_copy(request.name)
    record_operator(request.operator, f"instance:{copy.instance_name}", request.reason)
    remove(read_server(copy.server_name), copy, request.operator, request.reason)
    return Completed(message=f"Nothing is left of {copy.name} on {copy.server_name}.")


@flow(name="drop-old-copies", persist_result=False)
def drop_old_copies() -> Any:
    """Take away the copies whose days are over; one that can't be stops none of the others."""
    failures: list[ServiceError] = []
    old = read_old_copies()
    for server, copy in old:
        try:
            remove(server, copy)
        except ServiceError as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return Completed(message=f"{len(old)} copies were taken away.")


def remove(server: ServerFacts, copy: CopyFacts, *by_and_why: str) -> None:
    """A copy gone from its server, of a draft its archive too; then from the records."""
    with working_on_copy(server, copy.name, "drop"):
        if is_draft(copy):
            drop_draft(server, copy, place_of_copy(copy))
        else:
            drop_copy(server, copy.name)
        record_beside_removed(copy, *by_and_why)
