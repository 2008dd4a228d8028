"""The control machine lost and built anew: from the store, the escrow key and openssl alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, PREFECT_HOME, temporary_settings

from blocks.backup_store import BackupStore
from blocks.envelope import envelope
from blocks.loading import load, provide
from blocks.service_settings import ServiceSettings
from deployments.connections import backup_store_of, provide_all
from deployments.console.app import main
from deployments.console.settings_from_fleet import as_toml, settings_of, write_private
from deployments.runtime.environment import Places, api_login
from flows.back_up_control import back_up_control
from hosting.errors import ServiceError
from hosting.inventory import cases, instances, recovery_points
from hosting.inventory.deeds import SERVICE
from hosting.inventory.portable import take_rows
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.control_backups import key_at
from hosting.policy.placement import choose_server
from hosting.policy.values import PointFacts, PointKind
from hosting.settings import load_settings
from tasks.cases import TOLD
from tasks.control_backup import drop_old_control_backups, store_control_backup, telling_control_failure
from tasks.escrow import escrow
from tests.fleet_fixture import fleet
from tests.inventory.words import NOW, RELEASE, placed, received, server, take, with_servers
from tests.service.ports import free_port
from tests.service_fixture import prefect_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from fleet import Fleet

__all__ = ["fleet"]

pytestmark = pytest.mark.fleet

RUNBOOK = Path(__file__).parents[2] / "docs/runbooks/escrow.md"


class Service:
    """A service with one instance that has a backup, without any run of it."""

    def __init__(self, fleet: Fleet, home: Path) -> None:
        self.home, self.escrow_key = home, fleet.description()["escrow"]["key"]
        write_private(home / "settings.toml", as_toml(settings_of(fleet.description(), home)))
        self.settings = load_settings(home / "settings.toml")
        provide_all(self.settings)
        self.inventory = Inventory(self.settings.inventory_url.get_secret_value())
        self.inventory.upgrade()
        with_servers(self.inventory, server("app1"))
        take(self.inventory, placed(), received("paid"))
        self.instance = in_transaction(self.inventory, self.backed_up)

    def backed_up(self, session: Session) -> str:
        seal = load(ServiceSettings).seal
        made = instances.reserve_instance(session, "A-1", choose_server, release=RELEASE, seal=seal, now=NOW)
        instances.record_active(session, made.name, NOW, {})
        key = Fernet.generate_key()
        instances.ensure_secret(session, made.name, "backup", lambda: seal(key.decode()))
        wrapped = Fernet(key).encrypt(b"the repository's password").decode()
        recovery_points.begin_generation(session, f"{made.name}-1", made.name, "app1", wrapped, NOW)
        point = PointFacts(
            f"{made.name}-p1", made.name, f"{made.name}-1", made.server_name, PointKind.FULL, NOW, RELEASE.id, {}, "d1", "f1"
        )  # fmt: skip
        recovery_points.record_point(session, point, NOW)
        return made.name

    def decrypted(self, file: Path) -> Path:
        """What openssl makes of a file with the escrow key; nothing of this program is used."""
        out = file.with_suffix(".out")
        subprocess.run(
            ["openssl", "cms", "-decrypt", "-inform", "DER", "-in", file, "-inkey", self.escrow_key, "-out", out],
            check=True,
        )
        return out


@pytest.fixture
def lost(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("PHM_HOME", str(home))
    made = Service(fleet, home)
    yield made
    made.inventory.close()


def phm(*words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["phm", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_the_control_machine_is_rebuilt_from_the_store_and_the_escrow_key(
    lost: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = store_control_backup.fn()
    assert made.rows > 10
    assert made.problems == ()
    sealed = tmp_path / "control.p7m"
    sealed.write_bytes(load(BackupStore).get_bytes(made.key))
    assert b"inventory_url" not in sealed.read_bytes()
    load(BackupStore).remove_object(made.key)
    archive, new = lost.decrypted(sealed), tmp_path / "new"
    assert phm("escrow", "restore-control", str(archive), "--home", str(new), monkeypatch=monkeypatch) == 0
    settings = load_settings(new / "settings.toml")
    assert settings.inventory_url.get_secret_value() == f"sqlite:///{new}/inventory.db"
    assert settings.model_copy(update={"inventory_url": lost.settings.inventory_url}) == lost.settings
    assert (new / "settings.toml").stat().st_mode & 0o777 == 0o600
    again = Inventory(settings.inventory_url.get_secret_value())
    assert take_rows(again) == take_rows(lost.inventory)
    provide_all(settings)
    with again.reading() as session:
        sealed_key = instances.sealed_secret(session, lost.instance, "backup")
        (generation,) = recovery_points.generations_of(session, lost.instance)
    key = load(ServiceSettings).unseal(sealed_key)
    assert Fernet(key).decrypt(generation.wrapped_password) == b"the repository's password"
    again.close()
    assert phm("escrow", "restore-control", str(archive), "--home", str(new), monkeypatch=monkeypatch) == 1


def test_the_runbooks_commands_do_what_it_says(lost: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_key, open_control, rebuild, open_export, _restic = (
        textwrap.dedent(block)
        for block in re.findall(r"^ *```sh\n(.*?)```", RUNBOOK.read_text(), re.DOTALL | re.MULTILINE)
    )
    folder, new = tmp_path / "apart", tmp_path / "new"
    folder.mkdir()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def run(commands: str) -> None:
        environment = {**os.environ, "PATH": path, "PHM_HOME": str(new)}
        subprocess.run(["bash", "-euc", commands], cwd=folder, check=True, env=environment, capture_output=True)

    run(make_key)
    certificate = (folder / "escrow.pem").read_text()
    backup = lost.settings.backup.model_copy(update={"escrow_certificate_pem": certificate})
    provide(backup_store_of(lost.settings.model_copy(update={"backup": backup})))
    made = store_control_backup.fn()
    (folder / "control.p7m").write_bytes(load(BackupStore).get_bytes(made.key))
    load(BackupStore).remove_object(made.key)
    run(open_control + rebuild)
    again = Inventory(load_settings(new / "settings.toml").inventory_url.get_secret_value())
    assert take_rows(again) == take_rows(lost.inventory)
    again.close()
    (folder / "escrow.p7m").write_bytes(envelope(json.dumps(escrow()).encode(), certificate))
    run(open_export)
    assert (
        json.loads((folder / "escrow.json").read_text())["repositories"][0]["password"] == "the repository's password"
    )


def test_an_export_opens_every_generation_without_this_program(
    lost: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "escrow.p7m"
    assert phm("escrow", "export", str(file), monkeypatch=monkeypatch) == 0
    told: dict[str, Any] = json.loads(lost.decrypted(file).read_text())
    (repository,) = told["repositories"]
    generation = f"{lost.instance}-1"
    assert repository["repository"] == load(BackupStore).repository("app1", lost.instance, generation)
    assert repository["password"] == "the repository's password"
    assert [(one["id"], one["database_snapshot"], one["files_snapshot"]) for one in repository["points"]] == [
        (f"{lost.instance}-p1", "d1", "f1")
    ]
    assert repository["points"][0]["release"]["version"] == RELEASE.version
    assert told["store"]["secret_key"] == load(BackupStore).reader().secret_key
    assert phm("escrow", "export", str(file), monkeypatch=monkeypatch) == 1


def test_a_generation_that_can_not_be_opened_is_told_and_keeps_nothing_else_out(
    lost: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_transaction(
        lost.inventory,
        lambda session: recovery_points.begin_generation(session, "g2", lost.instance, "app1", "not wrapped", NOW),
    )
    file = tmp_path / "escrow.p7m"
    assert phm("escrow", "export", str(file), monkeypatch=monkeypatch) == 1
    assert "1 of them can't be opened: The password of the generation g2" in capsys.readouterr().err
    assert len(json.loads(lost.decrypted(file).read_text())["repositories"]) == 2
    made = store_control_backup.fn()
    assert len(made.problems) == 1
    load(BackupStore).remove_object(made.key)


def test_old_backups_go_with_all_their_versions_and_the_newest_stays(lost: Service) -> None:
    store, now = load(BackupStore), datetime.now(UTC)
    store.ensure_ready()
    old, young = key_at(now - timedelta(days=400)), key_at(now + timedelta(minutes=1))
    for key in (old, old, young):
        store.put_bytes(key, b"x")
    assert old in drop_old_control_backups.fn()
    left = store.client.list_object_versions(Bucket=store.bucket, Prefix=old)
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")
    assert store.get_bytes(young) == b"x"
    store.remove_object(young)


def test_without_an_escrow_certificate_nothing_is_stored(lost: Service) -> None:
    store = load(BackupStore)
    keys = {found.key for found in store.objects("control/")}
    provide(store.model_copy(update={"escrow_certificate_pem": ""}))
    with pytest.raises(ServiceError, match="no escrow certificate"):
        store_control_backup.fn()
    assert {found.key for found in store.objects("control/")} <= keys


def test_a_failing_backup_is_put_before_a_person_once_and_settled_by_a_good_one(lost: Service) -> None:
    provide(load(BackupStore).model_copy(update={"escrow_certificate_pem": ""}))
    for _ in range(2):
        with pytest.raises(ServiceError, match="no escrow certificate"), telling_control_failure():
            store_control_backup.fn()
    with lost.inventory.reading() as session:
        (case,) = cases.open_cases(session)
    assert case.kind in TOLD
    assert "no escrow certificate" in case.summary
    with telling_control_failure():
        pass  # a backup that is good
    with lost.inventory.reading() as session:
        assert cases.open_cases(session) == []
        assert cases.cases_of(session, case.subject)[0].settled_by == SERVICE


@pytest.mark.prefect
def test_a_run_says_what_it_stored(lost: Service) -> None:
    port = free_port()
    settings = lost.settings.model_copy(update={"prefect_api_url": f"http://127.0.0.1:{port}/api"})
    at = Places(lost.home)
    at.ensure()
    ours = {PREFECT_API_URL: settings.prefect_api_url, PREFECT_API_AUTH_STRING: api_login(at), PREFECT_HOME: at.prefect}
    with prefect_server(settings, at), temporary_settings(ours):
        state = back_up_control(return_state=True)
        said = str(state.message)
        with get_client(sync_client=True) as client:
            (artifact,) = client.read_artifacts()
    key = said.partition(":")[0]
    assert re.fullmatch(r"control/\S+: \d+ rows, \d+ bytes; \d+ older ones dropped\.", said)
    assert key in str(artifact.data)
    load(BackupStore).remove_object(key)
