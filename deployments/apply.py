"""Bring blocks, pool, queues, deployments and automations to the Prefect server as the catalogue has them.

Run twice it changes nothing the second time. `python -m deployments.apply`, or a part of `phm up`.
"""

from __future__ import annotations

import importlib
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound
from prefect.utilities.callables import parameter_schema
from prefect.workers.process import ProcessWorker

from blocks.loading import NAME
from deployments.automations import AUTOMATIONS, on_changed_probes
from deployments.catalogue import DEPLOYMENTS, POOL, QUEUES, ZONE, Deployment
from deployments.connections import blocks_of
from deployments.runtime import warm_run
from deployments.runtime.environment import Places, places
from hosting.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect.events.schemas.automations import AutomationCore
    from prefect.flows import Flow


MEASURING = "measure-availability"
"""The flow that the prober's event starts, and its deployment."""


def apply(settings: Settings, at: Places, deployments: Sequence[Deployment] = DEPLOYMENTS) -> None:
    """Bring everything to the server that Prefect's own settings name.

    Raises:
        httpx.TransportError: the server does not answer.
    """
    for block in blocks_of(settings):
        block.save(NAME, overwrite=True)
    with get_client(sync_client=True) as client:
        ensure_pool(client, at)
        for deployment in deployments:
            ensure_deployment(client, deployment)
        ensure_automations(client)


def ensure_pool(client: SyncPrefectClient, at: Places) -> None:
    """The pool, whose command has runs forked from the warm parent, and its queues."""
    template = ProcessWorker.get_default_base_job_template()
    command = [sys.executable, "-IS", str(Path(warm_run.__file__).resolve()), str(at.socket)]
    template["variables"]["properties"]["command"]["default"] = shlex.join(command)
    said = "Runs of the service, started warm."
    try:
        client.read_work_pool(POOL)
        client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=template, description=said, is_paused=False))
    except ObjectNotFound:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template, description=said))
    for queue in QUEUES:
        try:
            known = client.read_work_queue_by_name(queue.name, work_pool_name=POOL)
            client.update_work_queue(known.id, priority=queue.priority, description=queue.description)
        except ObjectNotFound:
            client.create_work_queue(queue.name, queue.description, work_pool_name=POOL, priority=queue.priority)


def ensure_deployment(client: SyncPrefectClient, deployment: Deployment) -> None:
    """One deployment with its schedules, form and limit; a schedule that an operator paused stays paused."""
    flow = load_flow(deployment)
    options = ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    schedules = [
        DeploymentScheduleCreate(slug=slug, schedule=CronSchedule(cron=cron, timezone=ZONE), active=True)
        for slug, cron in deployment.crons.items()
    ]
    client.create_deployment(
        flow_id=client.create_flow_from_name(flow.name),
        name=deployment.name,
        description=deployment.description,
        entrypoint=deployment.entrypoint,
        pull_steps=[],
        work_pool_name=POOL,
        work_queue_name=deployment.queue.name,
        schedules=schedules,
        tags=list(deployment.promises),
        concurrency_limit=deployment.most_at_once,
        concurrency_options=options if deployment.most_at_once else None,
        parameter_openapi_schema=form_of(flow),
        enforce_parameter_schema=True,
        job_variables={},
    )


def load_flow(deployment: Deployment) -> Flow[..., Any]:
    """The flow of a deployment."""
    module, _, function = deployment.entrypoint.rpartition(".")
    return cast("Flow[..., Any]", getattr(importlib.import_module(module), function))


def form_of(flow: Flow[..., Any]) -> dict[str, Any]:
    """What the form for starting a run asks, as JSON schema."""
    return parameter_schema(flow).model_dump_for_openapi()


def ensure_automations(client: SyncPrefectClient) -> None:
    """The automations, each once under its name."""
    for automation in (*AUTOMATIONS, *of_deployments(client)):
        known = client.read_automations_by_name(automation.name)
        if known:
            client.update_automation(known[0].id, automation)
        else:
            client.create_automation(automation)


def of_deployments(client: SyncPrefectClient) -> list[AutomationCore]:
    """The automations that start a deployment, where the server has it."""
    try:
        found = client.read_deployment_by_name(f"{MEASURING}/{MEASURING}")
    except ObjectNotFound:
        return []
    return [on_changed_probes(found.id)]


if __name__ == "__main__":
    apply(load_settings(), places())
