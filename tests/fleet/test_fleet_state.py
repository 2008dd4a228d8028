from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from fleet import processes, state
from fleet.errors import FleetError
from fleet.shell import wait_until
from fleet.state import Process, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(["sleep", "60"])
    yield child
    child.kill()
    child.wait()


@pytest.mark.parametrize(
    ("name", "letter", "expected"),
    [("bash", "S", 4711), ("a) S (b", "R", 4711), ("gone", "Z", None), ("gone", "X", None)],
)
def test_the_start_time_is_read_whatever_the_program_is_called(name: str, letter: str, expected: int | None) -> None:
    line = f"12 ({name}) {letter} " + " ".join(str(n) for n in range(18)) + " 4711 1 2 3\n"
    assert state.parse_start_time(line) == expected


def test_another_process_with_the_same_id_is_not_mistaken_for_ours(sleeper: subprocess.Popen[bytes]) -> None:
    ours = state.identify(sleeper.pid)
    assert ours.alive()
    stranger = Process(ours.pid, ours.started - 1)
    assert not stranger.alive()
    processes.stop(stranger, seconds=1)
    processes.kill(stranger)
    assert sleeper.poll() is None


def test_a_zombie_counts_as_dead() -> None:
    child = subprocess.Popen(["true"])
    assert wait_until(lambda: state.start_time(child.pid) is None, seconds=60)
    child.wait()


def test_a_process_that_does_not_listen_is_ended_anyway(tmp_path: Path) -> None:
    deaf = processes.start(["sh", "-c", "trap '' TERM; echo deaf; sleep 30 & wait; sleep 30"], log=tmp_path / "log")
    assert wait_until(lambda: "deaf" in (tmp_path / "log").read_text(), seconds=60)
    processes.stop(deaf, seconds=0.3)
    assert not deaf.alive()


def test_processes_of_an_earlier_boot_are_dead(sleeper: subprocess.Popen[bytes]) -> None:
    recorded = {"dns": state.identify(sleeper.pid)}
    assert State("me", state.boot_id(), dict(recorded)).alive() == recorded
    assert State("me", "an-earlier-boot", dict(recorded)).alive() == {}


def test_what_is_recorded_is_read_again_and_the_dead_are_forgotten(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    alive = state.identify(sleeper.pid)
    with state.changing(tmp_path) as now:
        now.owner, now.boot = "me", state.boot_id()
        now.processes = {"dns": alive, "s3": Process(alive.pid, 1)}
        now.leaders = {"app1": alive, "app2": Process(1, 0)}
        now.bases = {"app1": "abc"}
    with state.changing(tmp_path) as now:
        now.forget_dead()
    assert state.read(tmp_path) == State("me", state.boot_id(), {"dns": alive}, {"app1": alive}, {"app1": "abc"})


def test_no_state_is_an_empty_one_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    assert state.read(tmp_path) == State()
    (tmp_path / "state.json").write_text('{"owner": ')
    with pytest.raises(FleetError, match=r"state\.json is damaged"):
        state.read(tmp_path)


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    children = []
    for number in range(8):
        child = os.fork()
        if not child:
            with state.changing(tmp_path) as now:
                now.bases[str(number)] = "x"
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    assert len(state.read(tmp_path).bases) == 8
