"""A target's database is held and summed up by a job that outlives who asked (P24)."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tasks.on_server import move_in
from tasks.on_server.job import Complaint, Progress

if TYPE_CHECKING:
    from pathlib import Path

CLIENT = """
import sys
from pathlib import Path
place = Path(sys.argv[1])
for line in sys.stdin:
    if line.startswith("START TRANSACTION WITH CONSISTENT SNAPSHOT"):
        kept = (place / "rows").read_text()
        print("held", flush=True)
    else:
        (place / "asked").write_text(line)
        print(kept, end="")
"""
"""Stands for MariaDB's own: what it tells afterwards is what was there when it was to hold."""


@pytest.fixture
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    (tmp_path / "client.py").write_text(CLIENT)
    monkeypatch.setattr(move_in, "CLIENT", (sys.executable, str(tmp_path / "client.py"), str(tmp_path)))
    signs = {"awaited": str(tmp_path / "hold"), "held": str(tmp_path / "held")}
    return {"database": "phm_k3v9q2", "sql": "SELECT sums", **signs}


def test_what_is_told_is_what_was_there_when_it_was_to_be_held(request_: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("users\t3\t17\t40\nmails\t0\t0\t0\n")
    found: list[dict[str, object]] = []
    work = threading.Thread(target=lambda: found.append(move_in.sums(request_, Progress(tmp_path))))
    work.start()
    assert not (tmp_path / "held").exists()
    (tmp_path / "hold").touch()
    move_in.wait_for(tmp_path / "held")
    (tmp_path / "rows").write_text("users\t4\t99\t99\n")  # the customer works on
    work.join(60)
    assert found == [{"rows": [["users", "3", "17", "40"], ["mails", "0", "0", "0"]]}]
    assert (tmp_path / "asked").read_text() == "SELECT sums;\n"


def test_a_database_that_does_not_answer_is_told(
    request_: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(move_in, "CLIENT", (sys.executable, "-c", "import sys; sys.exit('not here')"))
    (tmp_path / "hold").touch()
    with pytest.raises(Complaint, match="could not be summed up: not here"):
        move_in.sums(request_, Progress(tmp_path))
    assert not (tmp_path / "held").exists()


def test_who_is_never_asked_ends(request_: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(move_in, "WAIT_SECONDS", 0.1)
    with pytest.raises(Complaint, match="hold was never there"):
        move_in.sums(request_, Progress(tmp_path))
