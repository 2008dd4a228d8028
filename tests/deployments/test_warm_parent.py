"""What the warm parent changes of Prefect for the runs that it forks."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from prefect import flow_engine

from deployments.runtime.warm_parent import end_with_the_flow

if TYPE_CHECKING:
    import pytest


def test_a_run_does_not_wait_for_the_thread_that_tells_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[threading.Thread] = []
    told = threading.Event()
    engine: Any = SimpleNamespace(
        heartbeat_seconds=30,
        flow_run=None,
        logger=flow_engine.get_logger("test"),
        _build_heartbeat_event_template=lambda: ({}, []),
        _emit_flow_run_heartbeat=lambda *_: told.set(),
    )
    monkeypatch.setattr(threading.Thread, "join", lambda thread, timeout=None: waited.append(thread))
    monkeypatch.setattr(flow_engine, "_send_heartbeats", flow_engine._send_heartbeats)
    with flow_engine._send_heartbeats(engine):
        pass
    assert len(waited) == 1  # else Prefect doesn't wait any more, and there is nothing to change
    told.clear()
    end_with_the_flow()
    with flow_engine._send_heartbeats(engine):
        assert told.wait(10)  # it is told as before
    assert len(waited) == 1
