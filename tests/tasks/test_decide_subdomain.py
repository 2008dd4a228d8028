"""Names are decided on in Prefect's form as on the console: recorded, told, brought up, the queue as a table (P28)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, PREFECT_HOME, temporary_settings

from deployments.apply import ensure_deployment, ensure_pool
from deployments.catalogue import DEPLOYMENTS
from deployments.console.settings_from_fleet import as_toml, write_private
from deployments.runtime.environment import Places, api_login
from flows.decide_subdomain import DecisionRequest, decide_subdomain, recheck_names
from hosting.inventory import names
from hosting.settings import SETTINGS_FILE, load_settings
from tests.deployments.service import plain_settings
from tests.service.alone import sink_for_letters
from tests.service.records import opened, provided
from tests.service_fixture import prefect_server

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.prefect

BY = {"operator": "olga", "reason": "mail of today"}


def decide(action: str, **more: Any) -> str:
    """What a run of the form says."""
    request = DecisionRequest.model_validate({"action": action, **more})
    return str(decide_subdomain(request, return_state=True).message)


def table(key: str) -> list[dict[str, Any]]:
    """The newest table of a key."""
    with get_client(sync_client=True) as client:
        newest = max((one for one in client.read_artifacts() if one.key == key), key=lambda one: one.created)
    return list(json.loads(str(newest.data)))


def test_a_name_is_applied_for_approved_and_brought_up(tmp_path: Path) -> None:
    home = tmp_path / "service"
    home.mkdir(mode=0o700)
    write_private(home / SETTINGS_FILE, as_toml(plain_settings(home)))
    settings, at = load_settings(home / SETTINGS_FILE), Places(home)
    at.ensure()
    ours = {PREFECT_API_URL: settings.prefect_api_url, PREFECT_API_AUTH_STRING: api_login(at), PREFECT_HOME: at.prefect}
    with (
        prefect_server(settings, at),
        temporary_settings(ours),
        sink_for_letters() as sink,
        provided(tmp_path, relay_port=sink.port) as inventory,
        get_client(sync_client=True) as client,
    ):
        ensure_pool(client, at)
        for deployment in DEPLOYMENTS:
            if deployment.name == "assign-subdomain":
                ensure_deployment(client, deployment)
        first, second = (opened(inventory, order, datetime.now(UTC) - timedelta(days=30)) for order in ("A-1", "A-2"))
        assert "own-looks-like" not in decide("show the queue")
        assert decide("apply for a name", instance=first, name="Bücher", **BY) == (
            "bücher waits as application 1, harmless. 1 names wait for a decision."
        )
        assert "is refused (application 2)" in decide("apply for a name", instance=second, name="PhlyMa1l", **BY)
        [row] = table("name-queue")
        assert (row["name"], row["as DNS has it"], row["outcome"]) == ("bücher", "xn--bcher-kva", "harmless")
        said = decide("approve", application=1, **BY)
        assert said == f"bücher is approved for {first} (application 1). 0 names wait for a decision."
        with inventory.reading() as session:
            [name] = names.names_of(session, first)
        runs = [run for run in client.read_flow_runs() if run.name.startswith("assign-subdomain")]
        assert [run.parameters for run in runs] == [{"request": {"instance": first, "number": name.id}}]
        found = recheck_names(return_state=True).message
        assert found is not None
        assert "0 names were judged" in found
        assert table("names-again") == []
        assert [subject for subject, _ in sink.letters] == [
            "Wir haben Ihren Wunschnamen erhalten (A-1)",
            "Ihr Wunschname ist nicht möglich (A-2)",
        ]
        refused = decide_subdomain(
            DecisionRequest(action="refuse", application=1, operator="olga", reason="zu spät"), return_state=True
        )
        assert refused.is_failed()
        assert "can't go from approved to refused" in str(refused.message)
