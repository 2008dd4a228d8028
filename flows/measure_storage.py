"""What every instance stores, measured nightly, and hourly where its pool is nearly full (P04, P07).

In between every server is looked at each few minutes, by one cheap command: what grows quickly is measured at once.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from prefect import flow
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel, ConfigDict, Field

from hosting.errors import ServiceError, Unreachable
from tasks.booking_letters import tell_customer_of_bookings
from tasks.failures import check_all_done, kept_for_the_end
from tasks.measuring import finding_of, look_at_growth, measure_instances
from tasks.records import record_operator
from tasks.storage_reports import check_all_measured, forget_old, read_due, read_known, report_storage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect.futures import PrefectFuture
    from prefect.task_runners import TaskRunner

    from hosting.policy.values import InstanceFacts, ServerFacts
    from tasks.measuring import MeasuredOne

SIDE_BY_SIDE = 4
"""Servers at once: each answers one command."""


class StorageRequest(BaseModel):
    """Measure what is due, or one instance now."""

    model_config = ConfigDict(extra="forbid")
    instance: str = Field(
        "", title="Instance", description="Its name, e.g. k3v9q2; empty: all that are due.", pattern=r"^[a-z0-9]{0,32}$"
    )
    everything: bool = Field(default=False, title="All", description="All instances, whether they are due or not.")
    operator: str = Field("", title="Operator", description="Your name; recorded as stated.", max_length=64)
    reason: str = Field("", title="Reason", description="Why you start it by hand; recorded.", max_length=500)


WHAT_IS_DUE = StorageRequest()
"""What the clock asks for."""


@flow(
    name="measure-storage",
    persist_result=False,
    task_runner=cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=SIDE_BY_SIDE)),
)
def measure_storage(request: StorageRequest = WHAT_IS_DUE) -> Any:
    """Measure instances by one command a server, keep them within bounds, warn their customers.

    A server that does not answer stops none of the others; the run fails at the end and names it.

    Args:
        request: One instance, or all; who asks.
    """
    if request.operator:
        subject = f"instance:{request.instance}" if request.instance else "service"
        record_operator(request.operator, subject, request.reason)
    due = read_due(request.instance, everything=request.everything)
    outcomes = _measured(due)
    report_storage(outcomes, request.instance)
    failures = _told(outcomes)
    forget_old()
    check_all_measured(outcomes)
    check_all_done(failures, "It is tried again within the hour.")
    return Completed(message=f"{len(outcomes)} measured, on {len(due)} of the servers." if due else "Nothing is due.")


@flow(
    name="watch-storage",
    persist_result=False,
    task_runner=cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=SIDE_BY_SIDE)),
)
def watch_storage() -> Any:
    """Look at what grew on every server, and measure at once who is nearly full and has moved since.

    A server that does not answer is left to its next look; the hourly measuring tells of it.
    """
    asked = [
        (server, look_at_growth.with_options(task_run_name=f"look at {server.name}").submit(server, known))
        for server, known in read_known()
    ]
    found: list[tuple[ServerFacts, list[InstanceFacts]]] = []
    failures: list[ServiceError] = []
    for server, one in asked:
        with kept_for_the_end(failures, server.name), suppress(Unreachable):
            found.append((server, one.result()))
    outcomes = _measured([(server, moved) for server, moved in found if moved])
    failures += _told(outcomes)
    check_all_measured(outcomes)
    check_all_done(failures, "The next look is a few minutes away.")
    names = ", ".join(one.instance.name for one in outcomes)
    return Completed(message=f"{len(found)} of {len(asked)} servers looked at; measured: {names or 'none'}.")


def _measured(due: Sequence[tuple[ServerFacts, Sequence[InstanceFacts]]]) -> list[MeasuredOne]:
    """These instances measured, by one command a server."""
    asked = [
        (
            wanted,
            measure_instances.with_options(task_run_name=f"measure {len(wanted)} on {server.name}").submit(
                server, wanted
            ),
        )
        for server, wanted in due
    ]
    outcomes: list[MeasuredOne] = []
    for wanted, one in asked:
        try:
            outcomes += one.result()
        except ServiceError as error:
            outcomes += finding_of(error, wanted)
    return outcomes


def _told(outcomes: Sequence[MeasuredOne]) -> list[ServiceError]:
    """Customers' letters about what was measured; those that could not be sent."""
    failures: list[ServiceError] = []
    for outcome in outcomes:
        with kept_for_the_end(failures, outcome.instance.name):
            if outcome.measured is not None:
                tell_customer_of_bookings(outcome.instance)
    return failures
