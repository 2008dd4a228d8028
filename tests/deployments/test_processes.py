"""Processes are known by id and start time, and ended by that alone."""

import dataclasses
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from deployments.runtime.processes import Processes, Record, began_at, children_of, end
from deployments.runtime.services import NotReady, PortTaken, Service, check_port, wait_ready

SLEEP = [sys.executable, "-IS", "-c", "import time; print('begun', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-IS",
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('begun', flush=True); time.sleep(60)",
]


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path, tmp_path)


def begun(processes: Processes, command: list[str], name: str = "one") -> Record:
    record = processes.start(name, command, dict(os.environ), folder=processes.run)
    deadline = time.monotonic() + 20
    while "begun" not in processes.last_words(name):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return record


def test_a_process_is_started_once_in_a_session_of_its_own_and_ended(processes: Processes) -> None:
    record = begun(processes, SLEEP)
    assert os.getsid(record.pid) == record.pid
    assert processes.start("one", SLEEP, dict(os.environ), folder=processes.run) == record
    assert processes.end("one")
    assert processes.find("one") is None
    assert not processes.end("one")


def test_a_process_that_does_not_listen_is_killed(processes: Processes) -> None:
    begun(processes, STUBBORN)
    began = time.monotonic()
    assert processes.end("one", seconds=0.3)
    assert time.monotonic() - began < 10
    assert processes.find("one") is None


def test_a_stranger_that_got_the_same_id_is_never_touched(processes: Processes) -> None:
    record = begun(processes, SLEEP)
    stranger = dataclasses.replace(record, began=record.began - 1)
    assert not stranger.alive
    end(stranger, 5)
    assert record.alive
    end(record, 5)


def test_an_ended_process_nobody_waited_for_counts_as_ended(processes: Processes) -> None:
    record = begun(processes, SLEEP)
    os.kill(record.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while began_at(record.pid) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert processes.find("one") is None
    os.waitpid(record.pid, 0)


def test_an_interrupt_reaches_a_process_started_by_one_that_ignores_it(processes: Processes) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        record = begun(processes, SLEEP)
    finally:
        signal.signal(signal.SIGINT, before)
    os.kill(record.pid, signal.SIGINT)
    _, status = os.waitpid(record.pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGINT


def test_children_are_counted(processes: Processes) -> None:
    before = children_of(os.getpid())
    begun(processes, SLEEP)
    assert children_of(os.getpid()) == before + 1
    processes.end("one")


def service(ready: bool, address: tuple[str, int] | None = None) -> Service:
    return Service("one", "The one", [], {}, lambda: ready, address, "web.bind_port")


def test_a_port_that_is_taken_is_told_with_the_way_out() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken) as told:
            check_port(service(ready=False, address=("127.0.0.1", port)))
    assert str(told.value) == (
        f"The one can't listen on 127.0.0.1:{port}: Address already in use. "
        "End the program that does, or set another web.bind_port in settings.toml."
    )


def test_a_process_that_ends_at_its_start_is_told_with_its_last_words(processes: Processes) -> None:
    command = [sys.executable, "-IS", "-c", "print('begun', flush=True); raise SystemExit('no such thing')"]
    begun(processes, command)
    with pytest.raises(NotReady, match="The one ended at its start: begun\nno such thing"):
        wait_ready(service(ready=False), processes, 20)


def test_a_process_that_is_not_ready_in_time_is_told(processes: Processes) -> None:
    begun(processes, SLEEP)
    with pytest.raises(NotReady, match="was not ready after 0 s"):
        wait_ready(service(ready=False), processes, 0.3)
    processes.end("one")
