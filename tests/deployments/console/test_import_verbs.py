"""`phm import`: a record with its secrets sealed, then a run; what was checked is what is built (P33, P37)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployments.console import backup, runs
from deployments.console.runs import StartedRun
from hosting.inventory import imports
from hosting.inventory.session import in_transaction
from hosting.policy.imports import ImportState
from tests.inventory.words import server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from tests.deployments.console.conftest import Console

NOW = datetime(2026, 12, 9, 11, 0, tzinfo=UTC)
URL = "https://files.kunde.example/old.zip?token=s3cret"
SUM = "ab" * 32


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What Prefect was asked to run."""
    made: list[tuple[str, dict[str, Any]]] = []

    def start(_: object, deployment: str, request: dict[str, Any], **__: object) -> StartedRun:
        made.append((deployment, request))
        return StartedRun("1", "page", "said")

    monkeypatch.setattr(runs, "started_run", start)
    assert backup.run  # what the verbs start runs by
    return made


@pytest.fixture
def name(phm: Console) -> str:
    with_servers(phm.inventory, server("app1"))
    return opened(phm.inventory, "A-1", NOW)


def checked(phm: Console, number: int, outcome: str = "go") -> None:
    def look(session: Any) -> None:
        imports.record_fetched(session, number, SUM, 1000)
        report = {"outcome": outcome, "findings": [{"code": "x", "de": "Zu groß.", "en": "Too large."}]}
        imports.record_decided(session, number, ImportState.CHECKED, report, finding="Too large.", now=NOW)

    in_transaction(phm.inventory, look)


def test_a_check_is_on_record_before_its_run_and_its_secrets_nowhere_else(
    phm: Console, name: str, started: list[tuple[str, dict[str, Any]]]
) -> None:
    said = phm("import", "check", name, URL, "--password-file", "-", answers="geh3im\n")
    assert said.code == 0, said.err
    assert started == [("import-installation", {"number": 1, "operator": phm.operator, "reason": "a look"})]
    with phm.inventory.reading() as session:
        facts, sealed = imports.import_facts(session, 1), imports.sealed_source(session, 1)
    assert (facts.shown_url, facts.only_check) == ("https://files.kunde.example/old.zip", True)
    for secret in ("geh3im", "s3cret"):
        assert secret not in sealed
        assert secret.encode() not in (phm.home / "inventory.db").read_bytes()
        assert secret not in said.out + said.err


def test_what_can_not_be_fetched_is_refused_before_anything_is_recorded(
    phm: Console, name: str, started: list[tuple[str, dict[str, Any]]]
) -> None:
    said = phm("import", "start", name, "http://localhost/old.zip", "--reason", "x").refusal
    assert "Anybody" not in said
    assert "inner network" in said
    assert "http" in said  # both reasons at once
    assert (started, phm("import", "status", "--json").json) == ([], [])


def test_what_was_checked_is_built_by_its_sum(
    phm: Console, name: str, started: list[tuple[str, dict[str, Any]]]
) -> None:
    phm("import", "check", name, URL)
    checked(phm, 1)
    assert phm("import", "start", "--checked", "1", "--reason", "he agreed").code == 0
    with phm.inventory.reading() as session:
        facts = imports.import_facts(session, 2)
        assert imports.sealed_source(session, 2)
    assert (facts.told_sha256, facts.only_check, facts.why) == (SUM, False, "he agreed")
    assert started[-1][1]["number"] == 2


def test_a_check_that_said_no_is_not_built(phm: Console, name: str, started: list[tuple[str, dict[str, Any]]]) -> None:
    phm("import", "check", name, URL)
    checked(phm, 1, "refused")
    assert "Too large." in phm("import", "start", "--checked", "1", "--reason", "x").refusal
    assert "Too large." in phm("import", "status", "1").out


def test_what_is_no_check_any_more_is_not_built(
    phm: Console, name: str, started: list[tuple[str, dict[str, Any]]]
) -> None:
    phm("import", "check", name, URL)
    checked(phm, 1, "refused")
    phm("import", "check", name, URL)  # a newer look; the one before has forgotten its source
    assert phm("import", "start", "--checked", "1", "--reason", "x").refusal == (
        "The import 1 is called off, no check to start by. Look (phm import status 1), or check the archive anew: "
        f"phm import check {name} URL."
    )
    assert "is asked, no check" in phm("import", "start", "--checked", "2", "--reason", "x").refusal


def test_half_a_sum_is_refused_before_a_draft_goes_for_it(
    phm: Console, name: str, started: list[tuple[str, dict[str, Any]]]
) -> None:
    said = phm("import", "start", name, URL, "--reason", "x", "--sha256", SUM[:-1]).refusal
    assert "is no SHA-256" in said
    assert (started, phm("import", "status", "--json").json) == ([], [])
    assert phm("import", "start", name, URL, "--reason", "x", "--sha256", f" {SUM.upper()} ").code == 0


def test_a_number_that_no_import_can_have_is_told(phm: Console, name: str) -> None:
    for words in (("status",), ("approve",), ("undo",), ("start", "--checked"), ("start", "--number")):
        said = phm("import", *words, "99999999999999999999", *([] if words == ("status",) else ["--reason", "x"]))
        assert (said.code, "Traceback" in said.err, "2147483647" in said.err) == (2, False, True)


def test_one_import_is_at_work_and_is_gone_on_with_by_its_number(
    phm: Console, name: str, started: list[tuple[str, dict[str, Any]]]
) -> None:
    phm("import", "start", name, URL, "--reason", "x")
    assert "--number 1" in phm("import", "start", name, URL, "--reason", "x").refusal
    assert "go on by: phm import start --number 1." in phm("import", "status", "1").out
    assert phm("import", "start", "--number", "1").code == 0
    assert [request["number"] for _, request in started] == [1, 1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Start what?"), (("{name}",), "Start what?"), (("{name}", URL, "--number", "1"), "Start what?"),
        (("--checked", "1", "--number", "1"), "Start what?"), (("{name}", "--checked", "1"), "Start what?"),
        (("--checked", "1", "--password-file", "-"), "--password-file would not count"),
        (("--number", "1", "--sha256", SUM, "--modification", "x"), "--sha256, --modification would not count"),
    ],
)  # fmt: skip
def test_a_start_names_one_import_and_nothing_that_would_not_count(
    phm: Console, name: str, started: list[tuple[str, dict[str, Any]]], words: tuple[str, ...], said: str
) -> None:
    phm("import", "check", name, URL)
    checked(phm, 1)
    given = (word.format(name=name) for word in words)
    assert phm("import", "start", *given, "--reason", "x", answers="geheim").refusal.startswith(said)
    assert [request["number"] for _, request in started] == [1]  # the check alone


@pytest.mark.parametrize("verb", ["approve", "undo", "call-off"])
def test_who_decides_says_why(
    phm: Console, name: str, started: list[tuple[str, dict[str, Any]]], verb: str
) -> None:  # fmt: skip
    phm("import", "start", name, URL, "--reason", "x")
    assert "reason" in phm("import", verb, "1").refusal
    assert phm("import", verb, "1", "--reason", "counts are right").code == 0
    assert started[-1] == (
        f"{verb}-import", {"number": 1, "operator": phm.operator, "reason": "counts are right"},
    )  # fmt: skip


def test_the_report_is_a_page_and_json(phm: Console, name: str, started: list[tuple[str, dict[str, Any]]]) -> None:
    phm("import", "check", name, URL)
    checked(phm, 1)
    page = phm.home / "report.html"
    assert phm("import", "report", "1", "--language", "de", "--html", str(page)).code == 0
    assert "Zu groß." in Path(page).read_text()
    nowhere = str(phm.home / "nowhere" / "report.html")
    assert phm("import", "report", "1", "--html", nowhere).refusal.startswith(f"{nowhere} can't be written")
    said = phm("import", "report", "1").out
    assert ("Too large." in said, "Taken over" in said, "Settings" in said) == (True, False, False)  # only looked at
    assert phm("import", "report", "1", "--json").json["report"]["findings"] == ["Too large."]
    assert json.dumps(phm("import", "status", "1", "--json").json)


def test_an_empty_password_file_is_told(phm: Console, name: str) -> None:
    empty = phm.home / "pw"
    empty.write_text("")
    for file, named in ((str(empty), str(empty)), ("-", "The standard input")):
        said = phm("import", "check", name, URL, "--password-file", file).refusal
        assert said.startswith(f"{named} holds no password.")
