"""A backup of the night waits for a server that is busy, not for ever."""

from __future__ import annotations

import os
import time
from itertools import chain, repeat

import pytest

from tasks.on_server.recovery_point import LOAD_LOOK_SECONDS, wait_for_quiet


@pytest.mark.parametrize(
    ("loads", "seconds", "looks"),
    [
        ((1.0,), 120.0, 0),
        ((9.0, 9.0, 1.0), 120.0, 2),
        ((9.0,), 6.0, 3),
        ((9.0,), 0.0, 0),
    ],
    ids=["quiet", "quiet after a while", "busy for longer than it may wait", "asked for by a person"],
)
def test_a_busy_server_is_waited_for_as_long_as_it_may_be(
    monkeypatch: pytest.MonkeyPatch, loads: tuple[float, ...], seconds: float, looks: int
) -> None:
    told, clock, slept = chain(loads, repeat(loads[-1])), [0.0], list[float]()

    def sleep(pause: float) -> None:
        slept.append(pause)
        clock[0] += pause

    monkeypatch.setattr(os, "getloadavg", lambda: (next(told), 0.0, 0.0))
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", sleep)
    wait_for_quiet(6.0, seconds)
    assert slept == [LOAD_LOOK_SECONDS] * looks
