"""`phm status`: the board in the console; what runs on this machine is shown above it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import time_machine
from sqlalchemy import delete, update

from deployments.runtime.embedded import Embedded, State
from hosting.inventory.models import Work
from tests.service.fleet_records import HOSTILE, fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deployments.console.conftest import Console

NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
"""A Friday in the morning: on a free day other orders are late."""

READY = [State("receiver", "Receiver", "ready", 1, "http://127.0.0.1:4280", "log/receiver.log")]


@pytest.fixture(autouse=True)
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Embedded, "states", lambda _: READY)


@pytest.mark.usefixtures("ready")
def test_a_service_in_which_nothing_needs_a_hand_ends_with_0(phm: Console) -> None:
    phm.with_servers("app1")
    said = phm("status")
    assert said.code == 0, said.out
    assert "Nothing needs a hand." in said.out
    assert "Receiver  ready" in said.out
    assert "http://127.0.0.1:4281/" in said.out


@pytest.mark.usefixtures("ready")
def test_what_needs_a_hand_ends_with_1_and_stands_there_with_its_command(phm: Console) -> None:
    fill(phm.inventory, NOW, 50)
    said = phm("status")
    assert said.code == 1
    assert "Needs a hand: Cases (2), Availability (2), Open orders (1)" in said.out
    assert "phm order again B-0001 --reason …" in said.out
    assert "k0009" in said.out
    assert "B-0002" not in said.out.replace("order:B-0002", "")  # in time: counted, not told
    assert "\x1b" not in said.out


@pytest.mark.usefixtures("ready")
def test_programs_get_all_of_it_with_the_pages_of_runs(phm: Console) -> None:
    fill(phm.inventory, NOW, 50)
    said = phm("status", "--json")
    assert said.code == 1
    told = json.loads(said.out)
    assert told["needs_a_hand"] is True
    assert told["processes"][0]["state"] == "ready"
    parts = {part["key"]: part for part in told["sections"]}
    assert parts["backups"]["needs_a_hand"] == 6
    order = next(line for line in parts["orders"]["lines"] if line["what"] == "B-0001")
    assert order["command"] == "phm order again B-0001 --reason …"
    assert order["run"].startswith("http://127.0.0.1:4200/runs/flow-run/0197f2c4-")
    assert datetime.fromisoformat(order["at"]).utcoffset() is not None
    assert HOSTILE not in said.out


def test_a_process_that_does_not_run_ends_with_1_though_nothing_else_needs_a_hand(phm: Console) -> None:
    phm.with_servers("app1")
    said = phm("status")
    assert said.code == 1
    assert "stopped" in said.out
    assert "Nothing needs a hand." in said.out


@pytest.mark.usefixtures("ready")
def test_work_that_nobody_makes_a_run_of_tells_that_the_service_stands_still(phm: Console) -> None:
    fill(phm.inventory, NOW, 1)
    with phm.inventory.writing() as session:
        session.execute(delete(Work).where(Work.state != "open"))
        session.execute(update(Work).values(kind="dispatch"))
    assert "and no run has begun: does Prefect run?" in phm("status").out


@pytest.mark.usefixtures("ready")
def test_an_inventory_that_does_not_answer_is_told_for_each_part(phm: Console) -> None:
    (phm.home / "inventory.db").write_bytes(b"no database" * 100)
    said = phm("status", "--json")
    assert said.code == 1
    assert all(part["error"] for part in json.loads(said.out)["sections"])
