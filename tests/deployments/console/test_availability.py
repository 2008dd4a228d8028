"""`phm availability`: a year as operators see it, and the report for the customer (P11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from hosting.inventory import probes
from hosting.inventory.session import in_transaction
from hosting.policy.probe_spans import Answer, Probe, Vantage
from hosting.policy.values import InstanceName
from tests.inventory.words import NOW
from tests.service.records import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deployments.console.conftest import Console

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _an_hour_later() -> Iterator[None]:
    with time_machine.travel(NOW + 60 * MINUTE, tick=False):
        yield


@pytest.fixture
def names(phm: Console) -> tuple[str, str]:
    """Two instances that are open for an hour: one was up, one was not for ten minutes."""
    phm.with_servers("app1")
    good, bad = opened(phm.inventory, "A-1", NOW), opened(phm.inventory, "A-2", NOW)
    probed(phm, good, ("up", 0, 60))
    probed(phm, bad, ("up", 0, 9), ("broken", 10, 19), ("up", 20, 60))
    return good, bad


def probed(phm: Console, name: str, *runs: tuple[str, int, int]) -> None:
    found = [
        probes.Timed(Probe(InstanceName(name), Vantage.LOCATION, Answer(answer), NOW + minute * MINUTE), MINUTE)
        for answer, first, last in runs
        for minute in range(first, last + 1)
    ]
    in_transaction(phm.inventory, lambda session: probes.record_probes(session, found))


def test_all_are_listed_with_the_least_budget_left_first(phm: Console, names: tuple[str, str]) -> None:
    good, bad = names
    rows = phm("availability", "--json").json
    assert [one["instance"] for one in rows] == [bad, good]
    assert [one["percent"] for one in rows] == ["83.333", "100.000"]
    assert rows[0]["down_seconds"] == 600
    assert rows[1]["left_seconds"] - rows[0]["left_seconds"] == 600
    assert (rows[0]["owed_percent"], rows[0]["now"], rows[0]["outages"]) == (99.6, "up", 1)


def test_people_read_a_table_and_the_levels(phm: Console, names: tuple[str, str]) -> None:
    said = phm("availability")
    assert said.code == 0
    assert "Service levels, by the time that was measured" in said.out
    assert all(name in said.out for name in names)
    assert "standard" in said.out


def test_one_is_told_with_its_months_and_outages(phm: Console, names: tuple[str, str]) -> None:
    found = phm("availability", names[1], "--json").json
    (outage,) = found["outages"]
    assert datetime.fromisoformat(outage["since"]) == NOW + 10 * MINUTE
    assert (outage["seconds"], outage["cause"], outage["note"]) == (600, "unknown", "answered: broken")
    assert [one["month"] for one in found["months"]] == ["2026-11"]
    assert [one["day"] for one in found["days"]] == ["2026-11-23"]
    read = phm("availability", names[1])
    assert "0 h 10 min 00 s" in read.out
    assert "answered: broken" in read.out


def test_what_is_not_measured_is_listed_and_found(phm: Console) -> None:
    phm.with_servers("app1")
    name = opened(phm.inventory, "A-1", datetime(2026, 11, 1, tzinfo=UTC))
    said = phm("availability", name)
    assert "Not measured" in said.out
    assert "Findings" in said.out
    assert phm("availability", name, "--json").json["percent"] is None


def test_the_report_is_written_in_the_customers_language_or_in_the_one_that_is_asked_for(
    phm: Console, names: tuple[str, str]
) -> None:
    file = phm.home / "report.html"
    said = phm("availability", names[1], "--html", str(file))
    assert said.code == 0
    page = file.read_text(encoding="utf-8")
    assert "Verfügbarkeit 2026" in page
    assert all(name in page and name in said.out for name in names)
    assert phm("availability", names[1], "--html", str(file), "--language", "en").code == 0
    assert "Availability 2026" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nobody",), "There is no instance nobody."),
        (("--year", "2027"), "Of 2027 nothing is known."),
        (("--html", "report.html"), "A report is about a customer."),
        (("NAME", "--year", "2025"), "was not open in 2025."),
        (("NAME", "--html", "/proc/none/report.html"), "can't be written"),
        (("NAME", "--html", "report.html", "--language", "fr"), "Reports are not written in 'fr'."),
    ],
)
def test_what_can_not_be_told_is_refused_in_a_sentence(
    phm: Console, names: tuple[str, str], words: tuple[str, ...], sentence: str
) -> None:
    assert sentence in phm("availability", *(names[0] if word == "NAME" else word for word in words)).refusal


def test_without_an_instance_it_says_so(phm: Console) -> None:
    assert phm("availability").out == "No instance was open in 2026.\n"
