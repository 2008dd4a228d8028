"""`phm up`, `phm status`, `phm down`: done again they change nothing; they end what is theirs, and wait for runs."""

import contextlib
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deployments.runtime import services
from deployments.runtime.environment import api_login
from deployments.runtime.processes import began_at
from tests.deployments.service import Service, begin

pytestmark = pytest.mark.prefect


@pytest.fixture
def fresh() -> Iterator[Service]:
    home = Path(tempfile.mkdtemp(prefix="phm-", dir="/tmp"))
    made = begin(home)
    yield made
    made.phm("down", "--now")
    shutil.rmtree(home, ignore_errors=True)


RUNNING = {"ready", "old"}
"""Old is what somebody has changed since, here a person at work on the programs."""


def states(service: Service) -> dict[str, str]:
    said = service.phm("status", "--json").stdout
    return {row["name"]: row["state"] for row in json.loads(said)["processes"]}


def test_up_again_changes_nothing_and_status_says_that_all_is_ready(service: Service) -> None:
    names = (services.PREFECT, services.WORKER, services.WARM_PARENT, services.RECEIVER, services.PROBER)
    for _ in range(3):  # a program that is changed meanwhile is renewed, rightly
        before = [service.record(name) for name in names]
        assert service.phm("up").returncode == 0
        if [service.record(name) for name in names] == before:
            break
    else:
        pytest.fail("up renewed what was there")
    assert set(states(service)) == set(names)
    assert set(states(service).values()) <= RUNNING


def test_status_tells_what_would_better_be_set(service: Service) -> None:
    said = service.phm("status").stdout
    assert "Better: Where customers' domains lead is asked of one resolver alone (the system's own)" in said


def test_what_was_killed_is_started_again_by_up(service: Service) -> None:
    parent = service.record(services.WARM_PARENT)
    service.processes.end(services.WARM_PARENT)
    assert states(service)[services.WARM_PARENT] == "stopped"
    assert service.phm("status").returncode == 1
    assert service.phm("up").returncode == 0
    assert service.record(services.WARM_PARENT) != parent
    assert states(service)[services.WARM_PARENT] in RUNNING


def test_secrets_and_logs_of_the_service_are_its_users_alone(service: Service) -> None:
    for folder in (service.home, service.places.run, service.places.log, service.places.prefect):
        assert folder.stat().st_mode & 0o077 == 0, folder
    for file in (
        service.home / "settings.toml",
        service.places.encryption_key,
        service.places.api_login,
        service.home / "inventory.db",
    ):
        assert file.stat().st_mode & 0o077 == 0, file


def test_prefect_tells_nothing_to_who_does_not_know_its_password(service: Service) -> None:
    blocks = "/block_types/slug/phm-service-settings/block_documents?include_secrets=true"
    user, _, password = api_login(service.places).partition(":")
    with httpx.Client(base_url=service.settings.prefect_api_url, trust_env=False) as asking:
        assert asking.get("/health").status_code == 200
        for auth in (None, (user, ""), (user, "guessed")):
            for path in (blocks, "/csrf-token?client=x", "/admin/settings"):
                assert asking.get(path, auth=auth).status_code == 401
            assert asking.post("/block_documents/filter", json={"include_secrets": True}, auth=auth).is_client_error
        assert service.settings.sealing_key.get_secret_value() in asking.get(blocks, auth=(user, password)).text


def test_the_password_is_kept_told_by_its_file_alone_and_given_to_no_command_line(service: Service) -> None:
    login = api_login(service.places)
    assert len(login) > 40
    for verb in ("up", "status"):
        said = service.phm(verb)
        assert f"The Prefect UI asks for a password; show it: cat {service.places.api_login}" in said.stdout
        assert login.partition(":")[2] not in said.stdout + said.stderr
    assert api_login(service.places) == login
    kept = [*service.places.log.iterdir(), *service.places.run.glob("*.json"), *Path("/proc").glob("[0-9]*/cmdline")]
    for file in kept:
        with contextlib.suppress(OSError):
            assert login.partition(":")[2].encode() not in file.read_bytes(), file


def test_down_waits_for_runs_up_to_its_time_and_ends_all_at_once_if_told_to(fresh: Service, tmp_path: Path) -> None:
    up = fresh.phm("up")
    assert up.returncode == 0, up.stderr
    from prefect.client.orchestration import get_client
    from prefect.settings import temporary_settings

    from deployments.apply import ensure_deployment
    from tests.deployments.service import SAMPLES

    with temporary_settings(fresh.prefect_settings), get_client(sync_client=True) as client:
        ensure_deployment(client, SAMPLES[1])
    run = fresh.start("sleep-long", file=str(tmp_path / "pid"), seconds=300)
    deadline = time.monotonic() + 60
    while not (tmp_path / "pid").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)

    refused = fresh.phm("down", "--wait", "3")
    assert refused.returncode == 1
    assert "still at work after 3 s" in refused.stderr
    assert states(fresh)[services.WORKER] in RUNNING
    assert fresh.phm("down", "--now").returncode == 0
    assert set(states(fresh).values()) == {"stopped"}
    assert not fresh.places.socket.exists()
    assert began_at(int((tmp_path / "pid").read_text())) is None
    assert fresh.phm("up").returncode == 0
    assert fresh.wait(run).state_type == "CRASHED"
    fresh.places.api_login.write_text("phm:lost")
    assert fresh.phm("down").stderr.strip().splitlines()[-1] == (
        "The Prefect server was started with another password than prefect.login has now. "
        "Put that back, or end all at once: phm down --now; then run phm up."
    )
    assert fresh.phm("down", "--now").returncode == 0
    assert set(states(fresh).values()) == {"stopped"}


def test_what_was_at_work_in_a_power_cut_keeps_its_place_no_longer_than_until_up(
    fresh: Service, tmp_path: Path
) -> None:
    assert fresh.phm("up").returncode == 0
    from prefect.client.orchestration import get_client
    from prefect.settings import temporary_settings

    from deployments.apply import ensure_deployment
    from tests.deployments.service import SAMPLES

    with temporary_settings(fresh.prefect_settings), get_client(sync_client=True) as client:
        ensure_deployment(client, SAMPLES[1])
    run = fresh.start("sleep-long", file=str(tmp_path / "pid"), seconds=300)
    deadline = time.monotonic() + 60
    while not (tmp_path / "pid").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for name in (services.WORKER, services.WARM_PARENT):
        os.killpg(fresh.record(name).pid, signal.SIGKILL)
    up = fresh.phm("up")
    assert "ended with its worker; it is tried again" in up.stderr, up
    assert fresh.wait(run).state_type == "CRASHED"


def test_a_port_that_another_program_has_is_told_in_one_sentence(fresh: Service, service: Service) -> None:
    taken = service.settings.prefect_api_url
    file = fresh.home / "settings.toml"
    file.write_text(file.read_text().replace(fresh.settings.prefect_api_url, taken))
    ended = fresh.phm("up")
    assert ended.returncode == 1
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("Prefect server can't listen on 127.0.0.1:")
    assert last.endswith("set another prefect_api_url in settings.toml.")
    assert set(states(fresh).values()) <= {"stopped"}
