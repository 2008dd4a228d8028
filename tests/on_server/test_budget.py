"""A job that hangs is ended by itself; waiting for others costs it nothing."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tasks.on_server import recovery_point
from tasks.on_server.job import Budget, Complaint, Progress

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import signal, time
from types import SimpleNamespace
from tasks.on_server import job
budget = job.Budget({seconds})
def alarm(): return signal.getitimer(signal.ITIMER_REAL)[0]  # the seconds until the kernel ends it; 0 where it won't
{work}
"""
WAITS = """
at = [budget._began]
job.time = SimpleNamespace(monotonic=lambda: at[0])  # whether this machine is busy is no matter
with budget.waiting():
    assert alarm() == 0
    at[0] += 90
assert 0 < alarm() <= 60
assert budget.spent == 0
"""


def ended(work: str, seconds: float) -> tuple[int, str]:
    """How a job ends that may work for so long: its exit code, and what it complained of."""
    program = PROGRAM.format(seconds=seconds, work=work)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_who_works_for_longer_than_he_may_is_ended() -> None:
    assert ended("time.sleep(30)", 0.3) == (-signal.SIGALRM, "")


def test_who_waits_for_others_for_longer_than_he_may_work_is_not() -> None:
    assert ended(WAITS, 60) == (0, "")


def test_who_hangs_after_he_has_waited_is_ended_all_the_same() -> None:
    assert ended("with budget.waiting(): pass\ntime.sleep(30)", 0.3) == (-signal.SIGALRM, "")


def test_who_is_done_in_time_is_left_alone() -> None:
    assert ended("budget.end()\nassert alarm() == 0", 60) == (0, "")


def test_a_turn_that_does_not_come_is_told_in_bounded_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery_point, "DUMP_LOCK", str(tmp_path / "dump.lock"))
    monkeypatch.setattr(signal, "setitimer", lambda *_: (0.0, 0.0))  # this process has another use for its timer
    progress, budget = Progress(tmp_path), Budget(60)
    with (tmp_path / "dump.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        turn = recovery_point.one_dump_at_a_time(0.3, progress, budget)
        with pytest.raises(Complaint, match="kept it waiting for longer than 0 s") as said, turn:
            pass
    assert said.value.kind == "busy"
    assert '"waiting for another dump of this server"' in (tmp_path / "progress").read_text()
    with recovery_point.one_dump_at_a_time(0.0, progress, budget):
        assert budget.waited >= 0.3
