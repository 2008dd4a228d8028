"""What is applied twice changes nothing."""

from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import temporary_settings

from deployments.apply import apply
from deployments.catalogue import DEPLOYMENTS, POOL
from tests.deployments.service import Service

pytestmark = pytest.mark.prefect
FLEETING = {"updated", "created", "last_polled", "status", "last_triggered"}


def lasting(thing: Any) -> dict[str, Any]:
    return {name: value for name, value in thing.model_dump(mode="json").items() if name not in FLEETING}


def seen() -> dict[str, Any]:
    with get_client(sync_client=True) as client:
        deployments = [client.read_deployment_by_name(f"{one.name}/{one.name}") for one in DEPLOYMENTS]
        schedules = [schedule for one in deployments for schedule in one.schedules]
        return {
            "pool": lasting(client.read_work_pool(POOL)),
            "queues": [lasting(queue) for queue in client.read_work_queues(work_pool_name=POOL)],
            "deployments": [{**lasting(one), "schedules": len(one.schedules)} for one in deployments],
            "schedules": [(one.slug, one.active, one.schedule.model_dump(mode="json")) for one in schedules],
            "automations": [(one.id, one.name, one.description) for one in client.read_automations()],
            "blocks": sorted(
                (str(one.id), one.block_type_name or "", str(one.data)) for one in client.read_block_documents()
            ),
        }


def test_apply_twice_changes_nothing(service: Service) -> None:
    with temporary_settings(service.prefect_settings):
        apply(service.settings, service.places)
        first = seen()
        apply(service.settings, service.places)
        assert seen() == first
    assert {queue["name"]: queue["priority"] for queue in first["queues"]} == {
        "default": 3,
        "interactive": 1,
        "bulk": 2,
    }
    assert first["schedules"] == [("every-minute", True, first["schedules"][0][2])]
    assert "warm_run.py" in first["pool"]["base_job_template"]["variables"]["properties"]["command"]["default"]
    assert len(first["blocks"]) == 5
