"""All else is lost: an instance is read by the runbook's commands alone, and restored from a control machine built anew."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from blocks.backup_store import BackupStore
from blocks.loading import load
from deployments.runtime.environment import Places, for_processes
from hosting.product.layout import InstanceLayout
from hosting.settings import load_settings
from tasks.control_backup import store_control_backup
from tests.service.backups import COMPARE, KEEP, LIVE, back_up, on, points_of
from tests.service.plans import Plan
from tests.service.ports import free_port
from tests.service.runner import runner
from tests.service_fixture import prefect_server

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts, PointFacts
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

RUNBOOK = Path(__file__).parents[2] / "docs/runbooks/escrow.md"

DUMP = "mariadb-dump --skip-dump-date --skip-extended-insert --order-by-primary --hex-blob"
STATE = f"{DUMP} {{database}} | sed -E '/^-- Host/d; s/ AUTO_INCREMENT=[0-9]+//' | sha256sum; cd {{data}}; find . -type f | sort | xargs sha256sum"


@pytest.fixture(scope="module")
def backed_up(service: Service) -> tuple[InstanceFacts, PointFacts]:
    """An instance with an incremental point, whose state is kept; it has changed since then."""
    instance = service.provision(accounts=3)
    user = InstanceLayout.of(instance).user
    on(service, LIVE, instance, user, "0")
    assert back_up(service, instance).completed
    on(service, LIVE, instance, user, "1")
    on(service, KEEP, instance, f"/srv/kept/{instance.name}")
    assert back_up(service, instance).completed
    return instance, points_of(service, instance)[-1]


def blocks() -> list[str]:
    """The commands of the runbook, block by block."""
    found = re.findall(r"^ *```sh\n(.*?)```", RUNBOOK.read_text(), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def decrypted(folder: Path, commands: str, key: str) -> None:
    """What the runbook does with the escrow key, in a folder that has it."""
    (folder / "escrow.key").write_text(Path(key).read_text())
    subprocess.run(["bash", "-euc", commands], cwd=folder, check=True, capture_output=True)


def test_the_runbooks_commands_bring_tables_and_files_back_with_restic_and_mariadb_alone(
    service: Service, backed_up: tuple[InstanceFacts, PointFacts], tmp_path: Path
) -> None:
    instance, point = backed_up
    phm = [str(Path(sys.executable).with_name("phm")), "escrow", "export", str(tmp_path / "escrow.p7m")]
    subprocess.run(phm, check=True, env={**os.environ, "PHM_HOME": str(service.home)}, capture_output=True)
    *_, open_export, by_hand = blocks()
    decrypted(tmp_path, open_export, service.fleet.description()["escrow"]["key"])
    told: dict[str, Any] = json.loads((tmp_path / "escrow.json").read_text())
    (repository,) = (one for one in told["repositories"] if one["generation"] == point.generation)
    (wanted,) = (one for one in repository["points"] if one["id"] == point.id)
    store = told["store"]
    for value in (store["access_key"], store["secret_key"], repository["repository"], repository["password"]):
        by_hand = by_hand.replace("…", value, 1)
    before = (
        f"mkdir /root/by-hand; cd /root/by-hand; cat >authorities.pem <<'END'\n{store['authorities_pem']}\nEND\n"
        f"export SSL_CERT_FILE=authorities.pem DATABASE_SNAPSHOT={wanted['database_snapshot']} "
        f"FILES_SNAPSHOT={wanted['files_snapshot']}\n"
    )
    other = next((host for host in service.hosts if host != instance.server_name), instance.server_name)
    done = service.fleet.run(other, "bash -s", seconds=120, text_in=before + by_hand)
    assert done.returncode == 0, done.stderr
    assert wanted["database_snapshot"][:8] in done.stdout
    layout = InstanceLayout.of(instance)
    found = service.on(
        STATE.format(database="phm_by_hand", data=f"/root/by-hand/folder/srv/backup/{instance.name}/point/data"), other
    )
    kept = STATE.replace(f"{DUMP} {{database}}", "cat /srv/kept/{name}/dump.sql").format(
        name=instance.name, data=f"/srv/kept/{instance.name}/data"
    )
    assert found == service.on(kept, instance.server_name)
    assert layout.settings.name in found


def test_a_control_machine_that_is_built_anew_restores_an_instance(
    service: Service, backed_up: tuple[InstanceFacts, PointFacts], tmp_path: Path
) -> None:
    instance, point = backed_up
    made = store_control_backup.fn()
    (tmp_path / "control.p7m").write_bytes(load(BackupStore).get_bytes(made.key))
    load(BackupStore).remove_object(made.key)
    _, open_control, rebuild, *_ = blocks()
    decrypted(tmp_path, open_control, service.fleet.description()["escrow"]["key"])
    new = tmp_path / "new"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    nothing_else = {"PATH": path, "PHM_HOME": str(new), "HOME": str(tmp_path)}
    subprocess.run(["bash", "-euc", rebuild], cwd=tmp_path, check=True, env=nothing_else, capture_output=True)
    file = new / "settings.toml"
    here = f"http://127.0.0.1:{free_port()}/api"
    file.write_text(file.read_text().replace(service.settings.prefect_api_url, here))
    settings, at = load_settings(file), Places(new)
    at.ensure()
    environment = for_processes(settings, at)
    environment.pop("PREFECT_FLOWS_HEARTBEAT_FREQUENCY")
    wish = {"instance": instance.name, "point": point.id, "operator": "test", "reason": "the control machine was lost"}
    with prefect_server(settings, at), runner(tmp_path / "runs", environment, instance.server_name) as runs:
        outcome = runs.run(Plan(flow="flows.restore_instance.restore_instance", parameters=wish))
    assert outcome.completed, outcome
    assert on(service, COMPARE, instance, f"/srv/kept/{instance.name}") == ""
