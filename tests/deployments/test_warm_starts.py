"""Runs are forked from the warm parent; whatever is killed, no run is lost in silence and none is started twice."""

import ast
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.runtime import services
from deployments.runtime.environment import for_processes, python
from tests.deployments.service import Service

pytestmark = pytest.mark.prefect


def told(file: Path) -> dict[str, object]:
    found = ast.literal_eval(file.read_text())
    assert isinstance(found, dict)
    return found


def wait_for(file: Path, seconds: float = 60.0) -> int:
    deadline = time.monotonic() + seconds
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < deadline, "the run did not begin"
        time.sleep(0.05)
    return int(file.read_text())


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


@pytest.fixture
def warm_parent(service: Service) -> Iterator[int]:
    """The warm parent's process id; started again if a test ended it."""
    yield service.record(services.WARM_PARENT).pid
    if service.processes.find(services.WARM_PARENT) is None:
        command = python("-m", "deployments.runtime.warm_parent", str(service.places.socket))
        environment = {
            **for_processes(service.settings, service.places),
            "PYTHONPATH": service.environment["PYTHONPATH"],
        }
        service.places.socket.unlink(missing_ok=True)
        service.processes.start(services.WARM_PARENT, command, environment, folder=service.home)
        deadline = time.monotonic() + 60
        while not service.places.socket.exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_run_is_at_work_within_two_seconds(service: Service, warm_parent: int, tmp_path: Path) -> None:
    seconds = []
    for number in range(8):  # the best counts: the machine may be busy with other tests
        run = service.start("tell-where", file=str(tmp_path / f"told{number}"))
        assert service.wait(run).state_type == "COMPLETED"
        seconds.append(service.seconds_to_running(run))
        assert told(tmp_path / f"told{number}")["parent"] == warm_parent
        if number > 1 and min(seconds) < 2:
            break
    assert min(seconds) < 2, seconds


def test_each_run_has_its_own_environment_folder_and_settings(
    service: Service, warm_parent: int, tmp_path: Path
) -> None:
    first = service.start(
        "tell-where", {"SAMPLE_MARK": "one", "PREFECT_LOGGING_LEVEL": "DEBUG"}, file=str(tmp_path / "one")
    )
    second = service.start("tell-where", {"SAMPLE_MARK": "two"}, file=str(tmp_path / "two"))
    for run in (first, second):
        assert service.wait(run).state_type == "COMPLETED"
    one, two = told(tmp_path / "one"), told(tmp_path / "two")
    assert (one["mark"], one["level"]) == ("one", "DEBUG")
    assert (two["mark"], two["level"]) == ("two", "INFO")
    assert one["folder"] != two["folder"]


def test_a_run_that_is_killed_is_marked_as_crashed(service: Service, warm_parent: int, tmp_path: Path) -> None:
    run = service.start("sleep-long", file=str(tmp_path / "pid"))
    os.kill(wait_for(tmp_path / "pid"), signal.SIGKILL)
    assert service.wait(run).state_type == "CRASHED"


def test_a_run_dies_with_the_process_that_stands_in_for_it(service: Service, warm_parent: int, tmp_path: Path) -> None:
    run = service.start("sleep-long", file=str(tmp_path / "pid"))
    pid = wait_for(tmp_path / "pid")
    os.kill(service.shim_of(run), signal.SIGKILL)
    assert service.wait(run).state_type == "CRASHED"
    assert not is_alive(pid)


def test_a_run_that_is_cancelled_ends(service: Service, warm_parent: int, tmp_path: Path) -> None:
    from prefect.states import Cancelling

    run = service.start("sleep-long", file=str(tmp_path / "pid"))
    pid = wait_for(tmp_path / "pid")
    service.wait(run, "RUNNING")
    with service.client() as client:
        client.set_flow_run_state(run, Cancelling())
    assert service.wait(run).state_type == "CANCELLED"
    assert not is_alive(pid)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_without_the_parent_live_runs_go_on_and_new_ones_start_cold(
    service: Service, warm_parent: int, tmp_path: Path, how: signal.Signals
) -> None:
    live = service.start("sleep-long", file=str(tmp_path / "pid"), seconds=4)
    wait_for(tmp_path / "pid")
    os.kill(warm_parent, how)
    cold = service.start("tell-where", file=str(tmp_path / "told"))
    assert service.wait(cold).state_type == "COMPLETED"
    assert told(tmp_path / "told")["warm"] is False
    assert service.wait(live).state_type == "COMPLETED"


def test_a_run_that_outlives_its_parent_can_still_be_cancelled(
    service: Service, warm_parent: int, tmp_path: Path
) -> None:
    from prefect.states import Cancelling

    run = service.start("sleep-long", file=str(tmp_path / "pid"))
    pid = wait_for(tmp_path / "pid")
    service.wait(run, "RUNNING")
    os.kill(warm_parent, signal.SIGKILL)
    with service.client() as client:
        client.set_flow_run_state(run, Cancelling())
    assert service.wait(run).state_type in {"CANCELLED", "CRASHED"}
    assert not is_alive(pid)
