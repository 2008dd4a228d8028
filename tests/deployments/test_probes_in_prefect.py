"""The prober's word that somebody fails has Prefect look at outages at once, not at the clock's next turn (P11)."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId

from deployments.apply import MEASURING
from deployments.runtime import services
from deployments.runtime.environment import for_processes

if TYPE_CHECKING:
    from tests.deployments.service import Service

pytestmark = pytest.mark.prefect

TELL = (
    "from prefect.events.worker import EventsWorker; from tasks.outages import tell_prefect; "
    "tell_prefect(['k3v9q2'], []); EventsWorker.instance().drain()"
)
LONG_SECONDS = 180.0


def runs_by_event(service: Service) -> int:
    """The flow's runs that no schedule made."""
    with service.client() as client:
        deployment = client.read_deployment_by_name(f"{MEASURING}/{MEASURING}")
        of_it = DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id]))  # all runs are more than a page
        return sum(not one.auto_scheduled for one in client.read_flow_runs(deployment_filter=of_it))


def test_the_probers_event_starts_a_run_by_itself(service: Service) -> None:
    before = runs_by_event(service)
    environment = {**service.environment, **for_processes(service.settings, service.places)}
    subprocess.run([sys.executable, "-P", "-c", TELL], env=environment, check=True, timeout=120)
    deadline = time.monotonic() + LONG_SECONDS
    while runs_by_event(service) == before:
        assert time.monotonic() < deadline, "no run was made"
        time.sleep(0.5)


def test_the_prober_is_one_of_the_services_processes_and_begins_again_by_up(service: Service) -> None:
    before = service.record(services.PROBER)
    service.processes.end(services.PROBER, 0.0)
    assert service.phm("up").returncode == 0
    assert service.record(services.PROBER) != before
