"""A server that is rebooted on purpose is no finding, and one that says nonsense hides no other's findings (P18)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from flows import inspect_fleet
from flows.inspect_fleet import NotLooked, looked_at
from hosting.errors import StepFailed, Unreachable
from hosting.inventory import findings, leases
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.inspection import FleetFinding, Look, Severity, Way, mend_by
from tasks import inspecting
from tasks.fleet_findings import record_findings
from tasks.inspecting import Looked, look_at_server
from tests.inventory.words import HOUR, server
from tests.service.records import provided

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hosting.policy.values import ServerFacts

APP1, APP2 = server("app1"), server("app2")
LOOKS = frozenset({Look.RAID})


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as known:
        yield known


def silent() -> str:
    raise Unreachable("app1 does not answer.", "Look at it.")


def answering(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], str]) -> None:
    """All servers say this."""
    connection = SimpleNamespace(run=lambda _: SimpleNamespace(out=answer()))
    monkeypatch.setattr(inspecting, "load", lambda _: SimpleNamespace(connection=lambda _: connection))


def held(inventory: Inventory) -> None:
    """A run updates app1 as a whole."""
    take = partial(leases.acquire, instance=leases.of_server("app1"), owner="run 1", purpose="update", ttl=HOUR)
    in_transaction(inventory, lambda session: take(session, now=datetime.now(UTC)))


def test_who_does_not_answer_while_it_is_updated_is_no_finding_and_what_stood_stands(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, silent)
    raid = FleetFinding("app1", Look.RAID, "md1", Severity.GRAVE, "md1 is degraded.", "Replace it.")
    record_findings.fn([Looked("app1", LOOKS, [raid])])
    held(inventory)
    looked = look_at_server.fn(APP1, LOOKS)
    assert (looked.looks, list(looked.found)) == (frozenset(), [])
    assert [one.key for one in record_findings.fn([looked])] == [raid.key]


def test_an_update_that_begins_while_it_is_asked_counts(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    def rebooted() -> str:
        held(inventory)
        return silent()

    answering(monkeypatch, rebooted)
    assert look_at_server.fn(APP1, LOOKS).looks == frozenset()


@pytest.mark.usefixtures("inventory")
def test_who_does_not_answer_and_is_not_updated_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, silent)
    with pytest.raises(Unreachable):
        look_at_server.fn(APP1, LOOKS)


@pytest.mark.usefixtures("inventory")
@pytest.mark.parametrize("said", ["{}", "no json", "[]", "null", '{"raid": 7}'])
def test_what_can_not_be_read_is_one_sentence_about_that_server(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    answering(monkeypatch, lambda: said)
    with pytest.raises(StepFailed, match="What app1 said of itself can't be read"):
        look_at_server.fn(APP1, LOOKS)


@pytest.mark.usefixtures("inventory")
def test_nonsense_of_one_server_hides_no_finding_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(asked: ServerFacts) -> Looked:
        if asked.name == "app2":
            return Looked("app2", LOOKS, [])
        answering(monkeypatch, lambda: "{}")
        return look_at_server.fn(asked, LOOKS)

    submitted = SimpleNamespace(submit=lambda asked, _: SimpleNamespace(result=partial(look, asked)))
    monkeypatch.setattr(inspect_fleet, "look_at_server", SimpleNamespace(with_options=lambda **_: submitted))
    first, second = looked_at([APP1, APP2], light=True)
    assert [(one.look, one.severity) for one in first.found] == [(Look.REACH, Severity.GRAVE)]
    assert (second.server, second.looks) == ("app2", LOOKS)


def test_what_can_not_be_looked_at_anew_is_neither_mended_nor_called_gone(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    mend = mend_by(Way.START, "app1", unit="cron")
    unit = FleetFinding("app1", Look.SERVICES, "cron", Severity.GRAVE, "cron is down.", "Start it.", mend=mend)
    record_findings.fn([Looked("app1", frozenset({Look.SERVICES}), [unit])])
    for task in ("read_mendable", "read_inspected_servers"):
        monkeypatch.setattr(inspect_fleet, task, getattr(inspect_fleet, task).fn)
    monkeypatch.setattr(inspect_fleet, "look_at_server", lambda *_: Looked("app1", frozenset(), []))
    with pytest.raises(NotLooked, match="nothing was changed"):
        inspect_fleet.mend_finding.fn(inspect_fleet.MendRequest(key=unit.key, operator="", reason=""))
    with inventory.reading() as session:
        assert findings.finding(session, unit.key).gone_at is None
