"""Every night, and lightly each hour: what is wrong with servers, and where they contradict the inventory (P18)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from prefect import flow
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel, ConfigDict, Field

from hosting.errors import Refused, ServiceError
from hosting.policy.inspection import looks_of, told_mend
from tasks.fleet_findings import (
    counted,
    look_at_records,
    record_findings,
    report_findings,
    silent,
    tell_grave_findings,
)
from tasks.inspecting import look_at_server, read_inspected_servers
from tasks.mending_findings import mend_now, read_mendable, record_mended
from tasks.records import record_operator
from tasks.step import run_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect.futures import PrefectFuture
    from prefect.task_runners import TaskRunner

    from hosting.policy.inspection import KnownFinding
    from hosting.policy.values import ServerFacts
    from tasks.inspecting import Looked

SIDE_BY_SIDE = 4
"""Servers at once: each answers one command."""


class InspectRequest(BaseModel):
    """Inspect the servers."""

    model_config = ConfigDict(extra="forbid")
    servers: list[str] = Field(
        default_factory=list, title="Servers", description="Their names, e.g. app1; all that are there, if empty."
    )
    light: bool = Field(
        default=False, title="Lightly", description="RAID, disks and services alone, as each hour; else everything."
    )
    operator: str = Field("", title="Operator", description="Your name; recorded as stated.", max_length=64)
    reason: str = Field("", title="Reason", description="Why you start it by hand; recorded.", max_length=500)


class MendRequest(BaseModel):
    """Mend what an inspection has found."""

    model_config = ConfigDict(extra="forbid")
    key: str = Field(title="Finding", description="Its key, as phm findings shows it.", min_length=1, max_length=400)
    dry_run: bool = Field(default=False, title="Dry run", description="Only say what would be done.")
    operator: str = Field("", title="Operator", description="Your name; recorded as stated.", max_length=64)
    reason: str = Field("", title="Reason", description="Why; recorded.", max_length=500)


class NotLooked(Refused):
    """What can't be looked at anew just now is not mended."""

    def __init__(self, known: KnownFinding) -> None:
        message = f"The look at {known.look} of {known.server} can't be made just now: nothing was changed."
        super().__init__(message, "Is it being updated? Run it again afterwards.")


WHAT_IS_DUE = InspectRequest()
"""What the clock asks for."""

RUNNER = cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=SIDE_BY_SIDE))


@flow(name="inspect-fleet", persist_result=False, task_runner=RUNNER)
def inspect_fleet(request: InspectRequest = WHAT_IS_DUE) -> Any:
    """Look at every server by one command each, keep what is found, and tell what is grave.

    A server that can't be looked at is a finding itself, and keeps no other from being looked at.

    Args:
        request: Which servers, how thoroughly, and who asks.
    """
    if request.operator:
        record_operator(request.operator, "service", request.reason)
    return inspected(request.servers, light=request.light)


@flow(name="watch-fleet", persist_result=False, task_runner=RUNNER)
def watch_fleet() -> Any:
    """Look at what can't wait for the night: RAID, disks and services of every server."""
    return inspected([], light=True)


@flow(name="mend-finding", flow_run_name="mend-finding {request.key}", persist_result=False)
def mend_finding(request: MendRequest) -> Any:
    """Mend a finding by an operator's word: looked at anew before, and once more after.

    Args:
        request: Which finding, and who asks.

    Raises:
        NotLooked: its server can't be looked at just now, for example since it is being updated.
    """
    if request.operator:
        record_operator(request.operator, f"finding:{request.key}", request.reason)
    known = read_mendable(request.key)
    if request.dry_run:
        return Completed(message=f"Nothing was changed. {told_mend(known.mend)}")
    [server] = read_inspected_servers([known.server])
    before = look_at_server(server, {known.look})
    if known.look not in before.looks:
        raise NotLooked(known)
    there = next((one for one in before.found if one.key == known.key), None)
    if there is None:
        record_findings([before])
        return Completed(message=f"{known.key} is gone already; nothing was changed.")
    done = mend_now(server, there)
    after = look_at_server(server, {known.look})
    record_findings([after])
    record_mended(known, done, request.operator, request.reason)
    if any(one.key == known.key for one in after.found):
        message = f"{done} All the same it is found again: {there.sentence}"
        raise ServiceError(message, "Look at the server by hand.")
    if known.look not in after.looks:
        return Completed(message=f"{done} The next inspection tells whether it is gone: now it could not be looked at.")
    return Completed(message=f"{done} It is gone.")


def inspected(names: Sequence[str], *, light: bool) -> Any:
    """Servers looked at, found, kept, told."""
    servers = read_inspected_servers(names)
    looked = looked_at(servers, light=light)
    if not light and not names:
        looked.append(look_at_records())
    record_findings(looked)
    stands = report_findings()
    told = tell_grave_findings()
    letter = f" {told} told by letter." if told else ""
    return Completed(message=f"{len(servers)} servers looked at; {counted(stands)}.{letter}")


def looked_at(servers: Sequence[ServerFacts], *, light: bool) -> list[Looked]:
    """What came of looking at each server, some of them side by side."""
    looks = looks_of(light=light)
    asked = [
        (server, look_at_server.with_options(task_run_name=f"look at {server.name}").submit(server, looks))
        for server in servers
    ]
    found: list[Looked] = []
    for server, one in asked:
        try:
            found.append(one.result())
        except ServiceError as error:
            run_logger().error("%s: %s", server.name, error)  # one sentence is what helps here
            found.append(silent(server, error))
    return found
