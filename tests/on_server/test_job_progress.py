"""How far a job is, told twice a second at most, and what each of its phases took."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from tasks.on_server.job import Progress

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_each_phase_is_told_once_in_a_while_and_its_seconds_add_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    progress = Progress(tmp_path)
    for phase, seconds in (("opening", 1.0), ("dumping", 2.0), ("storing", 0.25), ("dumping", 0.5)):
        progress.tell(phase, 1, 9)
        clock[0] += seconds
    assert progress.phases() == {"opening": 1.0, "dumping": 2.5, "storing": 0.25}
    assert json.loads((tmp_path / "progress").read_text())["phase"] == "storing"  # the last one came too soon after it
    clock[0] += 1
    assert progress.phases()["dumping"] == 3.5
