"""The work pool of the running server: paused, asked for its workers, told what ended with one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from httpx import codes
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Crashed

from deployments.catalogue import POOL
from hosting.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

MOST = 200
"""How many runs Prefect tells of at once; a worker has ten at most."""


class NotLetIn(ServiceError):
    """The running server asks for another password than the one that is kept."""


def pause() -> None:
    """Have no run taken from the pool; `apply` has them taken again."""
    with _server() as client, contextlib.suppress(ObjectNotFound):
        client.update_work_pool(POOL, WorkPoolUpdate(is_paused=True))


def has_heard_of(worker: str) -> bool:
    """Whether a worker of this name has asked the pool for work."""
    with _server() as client:
        return any(found.name == worker for found in client.read_workers_for_work_pool(POOL))


def mark_crashed(before: datetime) -> list[str]:
    """Mark the runs that seem to be at work, since before then, as crashed, once their worker is gone; their names."""
    at_work = FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING])
    with _server() as client:
        found = client.read_flow_runs(flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=at_work)), limit=MOST)
        left = [run for run in found if run.state and run.state.timestamp < before]
        for run in left:
            client.set_flow_run_state(run.id, Crashed(message="It was ended with its worker."), force=True)
    return [run.name for run in left]


@contextlib.contextmanager
def _server() -> Iterator[SyncPrefectClient]:
    """The running server.

    Raises:
        NotLetIn: it was started with another password.
    """
    try:
        with get_client(sync_client=True) as client:
            yield client
    except PrefectHTTPStatusError as error:
        if error.response.status_code != codes.UNAUTHORIZED:
            raise
        message = "The Prefect server was started with another password than prefect.login has now."
        raise NotLetIn(message, "Put that back, or end all at once: phm down --now; then run phm up.") from error
