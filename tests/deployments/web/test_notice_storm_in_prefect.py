"""The storm again, with a Prefect server: as many scheduled runs as orders, counted in the inventory and in Prefect."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from deployments.apply import ensure_deployment, ensure_pool
from deployments.catalogue import DEPLOYMENTS
from deployments.console.settings_from_fleet import as_toml, write_private
from deployments.dispatching import dispatcher
from deployments.runtime.environment import Places, api_login
from fleet.shop import Shop
from fleet.shop_load import Progress, blow, storm
from hosting.inventory import work
from hosting.inventory.work import PROVISION
from hosting.policy.states import WorkState
from hosting.settings import SETTINGS_FILE, load_settings
from tests.deployments.service import plain_settings
from tests.deployments.web.processes import ReceiverProcess
from tests.deployments.web.test_notice_storm import (
    CLIENTS,
    NOTICES,
    ORDERS,
    SECONDS,
    assert_fulfilled_once,
    kill_and_restart,
)
from tests.service_fixture import prefect_server

if TYPE_CHECKING:
    from pathlib import Path

    from hosting.inventory.session import Inventory
    from hosting.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a service whose Prefect server has nobody to do the work: its runs stay as they were made."""
    home = tmp_path / "service"
    home.mkdir(mode=0o700)
    write_private(home / SETTINGS_FILE, as_toml(plain_settings(home)))
    return load_settings(home / SETTINGS_FILE)


@pytest.mark.prefect
@pytest.mark.timeout(400)
def test_a_thousand_notices_make_fifty_scheduled_runs_though_the_receiver_is_killed_twice(
    tmp_path: Path, settings: Settings, inventory: Inventory, shop_secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    at = Places(tmp_path / "service")
    at.ensure()
    monkeypatch.setenv("PHM_HOME", str(at.home))
    (tmp_path / at.api_login.name).write_text(api_login(at))  # the receiver has a folder of its own
    with (
        prefect_server(settings, at),
        temporary_settings({PREFECT_API_URL: settings.prefect_api_url, PREFECT_API_AUTH_STRING: api_login(at)}),
        get_client(sync_client=True) as client,
    ):
        ensure_pool(client, at)
        for deployment in DEPLOYMENTS:
            if deployment.name == PROVISION:
                ensure_deployment(client, deployment)
        url = str(inventory.url)
        receiver = ReceiverProcess(tmp_path, url, shop_secret, prefect_api_url=settings.prefect_api_url)
        receiver.start()
        blown, progress, lost = storm(ORDERS, NOTICES, seed=2), Progress(), []
        killer = threading.Thread(target=kill_and_restart, args=(receiver, inventory, progress, lost))
        killer.start()
        try:
            blow(Shop(receiver.url, shop_secret), blown.deliveries, CLIENTS, SECONDS, progress)
        finally:
            killer.join(SECONDS)
            receiver.stop()
        assert lost == [set(), set()]
        references = {order.reference for order in blown.orders}
        assert_fulfilled_once(inventory, set(blown.events), references)
        reconcile = dispatcher(settings.model_copy(update={"inventory_url": type(settings.sealing_key)(url)}))
        for _ in range(2):  # what the clock does each minute; the second time there is nothing to do
            reconcile()
        runs = client.read_flow_runs(limit=200)
        with inventory.reading() as session:
            asked = work.work_in(session, WorkState.DISPATCHED)
    assert len(runs) == ORDERS
    assert {run.parameters["request"]["order"] for run in runs} == references
    assert {run.state_type.value for run in runs if run.state_type} == {"SCHEDULED"}
    assert {str(run.id) for run in runs} == {one.flow_run_id for one in asked}
    assert len({run.idempotency_key for run in runs}) == ORDERS
