"""`phm export`: a run in the operator's name, the records shown, an end before its time (P41)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from deployments.console import runs
from deployments.console.runs import StartedRun
from hosting.inventory import exports
from hosting.inventory.session import in_transaction
from hosting.policy.exports import ArchiveFacts, ExportFacts
from tests.inventory.words import server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tests.deployments.console.conftest import Console

NOW = datetime(2026, 12, 9, 11, 0, tzinfo=UTC)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What Prefect was asked to run."""
    made: list[tuple[str, dict[str, Any]]] = []

    def start(_: object, deployment: str, request: dict[str, Any], **__: object) -> StartedRun:
        made.append((deployment, request))
        return StartedRun("1", "page", "said")

    monkeypatch.setattr(runs, "started_run", start)
    return made


@pytest.fixture
def name(phm: Console) -> str:
    with_servers(phm.inventory, server("app1"))
    return opened(phm.inventory, "A-1", NOW)


def ready(phm: Console, name: str) -> ExportFacts:
    archive = ArchiveFacts(1, "anna", key="k", bytes=3 * 2**20, sha256="ab", counts={"mails": 5}, missing=2)

    def record(session: Session) -> ExportFacts:
        made = exports.ask(session, exports.ExportWish(name, "", "test"), "olga", NOW)
        exports.record_archive(session, made.id, archive)
        return exports.record_ready(session, made.id, datetime.now(UTC) + timedelta(days=14), NOW)

    return in_transaction(phm.inventory, record)


def test_an_export_is_started_with_a_reason_and_a_dry_run_without(phm: Console, name: str, started: list[Any]) -> None:
    assert "reason" in phm("export", "start", name).refusal
    assert phm("export", "start", name, "--user", "anna", "--reason", "he asks").code == 0
    assert phm("export", "start", name, "--dry-run").code == 0
    assert [request for _, request in started] == [
        {"instance": name, "user": "anna", "dry_run": False, "operator": phm.operator, "reason": "he asks"},
        {"instance": name, "user": "", "dry_run": True},
    ]
    assert "Export what?" in phm("export", "start").refusal


def test_exports_are_listed_and_shown_with_their_archives(phm: Console, name: str) -> None:
    assert "Nothing was exported." in phm("export", "status").out
    order = ready(phm, name)
    assert phm("export", "status", "--json").json[0]["archives"] == 1
    said = phm("export", "status", str(order.id)).out
    assert all(word in said for word in (name, "ready", "anna", "3.0"))
    assert phm("export", "status", str(order.id), "--json").json["made"][0]["mails"] == 5
    assert "no export 9" in phm("export", "status", "9").refusal


def test_the_link_is_that_of_the_letter(phm: Console, name: str) -> None:
    order = ready(phm, name)
    said = phm("export", "link", str(order.id)).out
    assert said.startswith(f"https://service.phlymail.test/export/{order.id}-")


def test_an_export_is_withdrawn_by_word_and_its_archives_go_now(phm: Console, name: str, started: list[Any]) -> None:
    order = ready(phm, name)
    assert "not confirmed" in phm("export", "withdraw", str(order.id), "--reason", "wrong address").refusal
    assert started == []
    assert phm("export", "withdraw", str(order.id), "--reason", "wrong address", "--yes").code == 0
    assert started == [("withdraw-exports", {"operator": phm.operator, "reason": "wrong address"})]
    with phm.inventory.reading() as session:
        assert [one.id for one in exports.ended(session, datetime.now(UTC))] == [order.id]
    assert "can't become" in phm("export", "call-off", str(order.id), "--reason", "x").refusal
