"""The gate of an instance that is updated: one token passes, and the page says until when it is closed (P16, P17)."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

from hosting.commands.updating import close_gate, open_gate
from hosting.policy.terms import TIME_ZONE

TOKEN = "ab" * 16


def test_a_gate_holds_its_token_and_the_time_and_is_gone_when_it_opens(tmp_path: Path) -> None:
    gate = tmp_path / "closed"
    path = PurePosixPath(gate)
    before = datetime.now(ZoneInfo(TIME_ZONE))
    for command in (close_gate(path, "cd" * 16), close_gate(path, TOKEN, 90)):
        assert TOKEN not in command.line
        done = subprocess.run(command.argv, input=command.stdin, capture_output=True, check=True)
        assert done.stdout == b"changed\n"
    after = datetime.now(ZoneInfo(TIME_ZONE))
    assert sorted(file.name for file in gate.iterdir()) == [TOKEN, "until"]
    until = (gate / "until").read_text()
    assert until in {f"{at + timedelta(seconds=90):%H:%M}" for at in (before, after)}
    opened = [subprocess.run(open_gate(path).argv, capture_output=True, check=True).stdout for _ in range(2)]
    assert opened == [b"changed\n", b"unchanged\n"]
    assert not gate.exists()
