"""The work pool of the running server: paused, asked for its workers, told what ended with one."""

from __future__ import annotations

import contextlib

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from deployments.catalogue import POOL

MOST = 200
"""How many runs Prefect tells of at once; a worker has ten at most."""


def pause() -> None:
    """Have no run taken from the pool; `apply` has them taken again."""
    with get_client(sync_client=True) as client, contextlib.suppress(ObjectNotFound):
        client.update_work_pool(POOL, WorkPoolUpdate(is_paused=True))


def has_heard_of(worker: str) -> bool:
    """Whether a worker of this name has asked the pool for work."""
    with get_client(sync_client=True) as client:
        return any(found.name == worker for found in client.read_workers_for_work_pool(POOL))


def mark_crashed() -> list[str]:
    """Mark the runs that seem to be at work as crashed, once no worker is there; their names."""
    at_work = FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING])
    with get_client(sync_client=True) as client:
        left = client.read_flow_runs(flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=at_work)), limit=MOST)
        for run in left:
            client.set_flow_run_state(run.id, Crashed(message="It was ended with its worker."), force=True)
    return [run.name for run in left]
