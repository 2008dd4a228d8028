"""The console: quick to answer, one line for an error, exit codes as documented."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deployments.console import output
from deployments.console.settings_from_fleet import SettingsToFill, ensure_settings
from deployments.runtime.environment import ROOT
from hosting.policy.states import OrderState
from hosting.settings import SettingsMissing, load_settings

HEAVY = ("prefect", "sqlalchemy", "paramiko", "boto3", "httpx")


def phm(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PHM_HOME": str(home), "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    command = [sys.executable, "-P", "-m", "deployments.console.app", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_help_names_every_verb_and_imports_none_of_them(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['phm', '--help']\n"
        "from deployments.console.app import main\n"
        "try: main()\n"
        "except SystemExit as end: code = end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], code)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = subprocess.run(
        [sys.executable, "-P", "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert said.strip().endswith("[] 0")
    for verb in ("up", "down", "status", "order", "instance", "promises", "server", "release"):
        assert f" {verb} " in said


@pytest.mark.parametrize("arguments", [["nonsense"], ["up", "--nonsense"], ["down", "--wait", "soon"]])
def test_wrong_use_ends_with_2(tmp_path: Path, arguments: list[str]) -> None:
    assert phm(tmp_path, *arguments).returncode == 2


def test_an_error_is_one_line_that_says_what_to_do_and_ends_with_1(tmp_path: Path) -> None:
    ended = phm(tmp_path, "status")
    assert ended.returncode == 1
    assert ended.stderr == (
        f"There are no settings at {tmp_path}/settings.toml. Make them with: phm up (or set PHM_HOME).\n"
    )


def fleet(folder: Path) -> dict[str, Any]:
    for name in ("ca.pem", "wildcard.pem", "wildcard.key", "operator", "escrow.pem"):
        (folder / name).write_text(f"-----BEGIN {name}-----\nline\n")
    described = {
        "zone": "phlymail.test",
        "ca": str(folder / "ca.pem"),
        "wildcard": {"certificate": str(folder / "wildcard.pem"), "key": str(folder / "wildcard.key")},
        "dns": {
            "address": "10.77.0.1",
            "port": 53,
            "tsig_name": "phlymail-hosting",
            "tsig_algorithm": "hmac-sha256",
            "tsig_secret": "a2V5",
        },
        "ssh": {"user": "root", "private_key": str(folder / "operator")},
        "smtp": {"host": "10.77.0.1", "port": 25},
        "s3": {
            "endpoint": "https://10.77.0.1:1",
            "region": "r",
            "access_key": "a",
            "secret_key": "s",
            "bucket": "backups",
            "writers": {"app1": {"access_key": "w", "secret_key": "ws"}},
            "reader": {"access_key": "r", "secret_key": "rs"},
        },
        "escrow": {"certificate": str(folder / "escrow.pem")},
    }
    (folder / "fleet.json").write_text(json.dumps(described))
    return described


def test_the_first_settings_come_from_the_local_fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet(tmp_path)
    monkeypatch.setenv("PHM_FLEET_HOME", str(tmp_path))
    home = tmp_path / "home"
    assert ensure_settings(home)
    made = load_settings(home / "settings.toml")
    assert (home / "settings.toml").stat().st_mode & 0o777 == 0o600
    assert (made.zone, made.resolvers) == ("phlymail.test", ("10.77.0.1",))
    assert made.ssh.private_key.get_secret_value() == "-----BEGIN operator-----\nline\n"
    assert made.store.bucket == "phm-releases"
    assert (made.backup.bucket, made.backup.endpoint_country) == ("backups", "DE")
    assert made.backup.writers["app1"].secret_key.get_secret_value() == "ws"
    assert made.web.shop_secrets[0].get_secret_value().startswith("whsec_")
    assert (made.dns.key_name, made.dns.key.get_secret_value()) == ("phlymail-hosting", "a2V5")
    assert not ensure_settings(home)
    assert load_settings(home / "settings.toml") == made


def test_without_a_fleet_an_example_is_begun_that_says_what_to_fill_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHM_FLEET_HOME", str(tmp_path / "none"))
    with pytest.raises(SettingsToFill, match="Fill in its entries"):
        ensure_settings(tmp_path)
    with pytest.raises(SettingsMissing, match=r"zone: Field required; ssh\.private_key: Field required"):
        load_settings(tmp_path / "settings.toml")


ROWS = [{"order": "A-1", "state": OrderState.PAID, "at": datetime(2026, 7, 1, 10, tzinfo=UTC), "more": None}]


def test_programs_read_json_with_all_that_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit(ROWS, {"order": "order"}, as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {"order": "A-1", "state": "paid", "at": "2026-07-01T10:00:00+00:00", "more": None}
    ]


def test_people_read_a_table_in_the_services_own_time(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit(ROWS, {"order": "order", "state": "state", "at": "at", "more": "more"}, as_json=False)
    assert capsys.readouterr().out.split("\n")[1].split() == ["A-1", "paid", "2026-07-01", "12:00", "-"]
    output.emit([], {"order": "order"}, as_json=False, empty="There is no order.")
    assert capsys.readouterr().out == "There is no order.\n"
