"""What is applied twice changes nothing."""

from typing import Any, cast

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import temporary_settings
from pydantic import SecretStr

from blocks.backup_store import BackupStore
from deployments.apply import apply
from deployments.catalogue import DEPLOYMENTS, POOL
from deployments.connections import backup_store_of
from hosting.settings import BackupSettings
from tests.deployments.service import Service

pytestmark = pytest.mark.prefect
FLEETING = {"updated", "created", "last_polled", "status", "last_triggered", "active_slots"}
"""What the clock's own runs change meanwhile: a run that begins takes a slot of its deployment's limit."""


def still(value: Any) -> Any:
    """What is left without the fleeting, at every depth."""
    if isinstance(value, dict):
        return {name: still(inner) for name, inner in value.items() if name not in FLEETING}
    return [still(one) for one in value] if isinstance(value, list) else value


def lasting(thing: Any) -> dict[str, Any]:
    found: dict[str, Any] = still(thing.model_dump(mode="json"))
    return found


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
    assert {slug for slug, _, _ in first["schedules"]} == {slug for one in DEPLOYMENTS for slug in one.crons}
    assert all(active for _, active, _ in first["schedules"])
    assert "warm_run.py" in first["pool"]["base_job_template"]["variables"]["properties"]["command"]["default"]
    assert len(first["blocks"]) == 7


def test_no_key_of_the_store_of_backups_is_shown_and_flows_get_them_all(service: Service) -> None:
    key = {"access_key": "w", "secret_key": SecretStr("hush-hush-hush")}
    backup = BackupSettings.model_validate({"endpoint_country": "DE", "writers": {"app1": key}, "reader": key})
    store = backup_store_of(service.settings.model_copy(update={"backup": backup}))
    with temporary_settings(service.prefect_settings), get_client(sync_client=True) as client:
        store.save("shown", overwrite=True)
        assert "hush" not in str(client.read_block_document_by_name("shown", "phm-backup-store", include_secrets=False))
        loaded = cast("BackupStore", BackupStore.load("shown"))
        client.delete_block_document(client.read_block_document_by_name("shown", "phm-backup-store").id)
    assert (loaded.credentials("app1"), loaded.reader()) == (store.credentials("app1"), store.reader())
