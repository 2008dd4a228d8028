"""The year of every customer in Prefect: tables, a page and a curve that a browser draws (P11)."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import time_machine
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, PREFECT_HOME, temporary_settings

from deployments.console.settings_from_fleet import as_toml, write_private
from deployments.runtime.environment import Places, api_login
from flows.report_availability import ReportRequest, report_availability, watch_availability
from hosting.inventory import probes
from hosting.inventory.availability_views import year_of_customer
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.probe_spans import Answer, Probe, Vantage
from hosting.policy.values import InstanceName
from hosting.settings import SETTINGS_FILE, load_settings
from tasks.availability_reports import cell, page_of, table, yesterday
from tests.deployments.service import plain_settings
from tests.inventory.words import NOW
from tests.service.alone import sink_for_letters
from tests.service.records import opened, provided
from tests.service_fixture import prefect_server

if TYPE_CHECKING:
    from pathlib import Path

MINUTE = timedelta(minutes=1)


def probed(inventory: Inventory, name: str, *runs: tuple[str, int, int]) -> None:
    found = [
        probes.Timed(Probe(InstanceName(name), Vantage.LOCATION, Answer(answer), NOW + minute * MINUTE), MINUTE)
        for answer, first, last in runs
        for minute in range(first, last + 1)
    ]
    in_transaction(inventory, lambda session: probes.record_probes(session, found))


@pytest.fixture
def inventory(tmp_path: Path) -> Any:
    with provided(tmp_path) as made:
        yield made


def test_the_page_tells_figures_months_outages_and_how_the_report_is_made(inventory: Inventory) -> None:
    name = opened(inventory, "A-1", NOW)
    probed(inventory, name, ("up", 0, 9), ("broken", 10, 19), ("up", 20, 60))
    with inventory.reading() as session:
        page = page_of(year_of_customer(session, "C-1", 2026, NOW + 60 * MINUTE, None))
    for part in (
        "# Availability 2026, customer C-1", f"## {name}", "| up % | 83.333 |", "| owed % | 99.6 |", "| kept | yes |",
        "| 2026-11 | 83.333 | 10 min | 0.00 |", "| 2026-11-23, 11:10:00 | 2026-11-23, 11:20:00 | 10 min | unknown |",
        f"phm availability {name} --year 2026 --html",
    ):  # fmt: skip
        assert part in page, part


def test_what_somebody_else_has_written_stays_in_its_cell() -> None:
    assert cell("a|b\n<script>`x` [y](z)") == "a\\|b &lt;script>'x' \\[y](z)"
    lines = table(["one", "two"], [("a|b", 1)]).splitlines()
    assert lines == ["| one | two |", "| --- | --- |", "| a\\|b | 1 |"]


def test_on_new_years_day_the_year_that_is_over_is_told() -> None:
    with time_machine.travel("2026-12-31T23:30:00+00:00", tick=False):  # 1 January, 00:30 in Berlin
        assert yesterday().year == 2026
    with time_machine.travel("2026-12-31T22:30:00+00:00", tick=False):
        assert str(yesterday()) == "2026-12-30"


@pytest.mark.prefect
def test_all_customers_get_a_page_and_every_instance_a_curve(tmp_path: Path) -> None:
    home = tmp_path / "service"
    home.mkdir(mode=0o700)
    write_private(home / SETTINGS_FILE, as_toml(plain_settings(home)))
    settings, at = load_settings(home / SETTINGS_FILE), Places(home)
    at.ensure()
    ours = {PREFECT_API_URL: settings.prefect_api_url, PREFECT_API_AUTH_STRING: api_login(at), PREFECT_HOME: at.prefect}
    with (
        prefect_server(settings, at),
        temporary_settings(ours),
        sink_for_letters() as sink,
        provided(tmp_path, relay_port=sink.port) as inventory,
        get_client(sync_client=True) as client,
    ):
        good, bad = opened(inventory, "A-1", NOW), opened(inventory, "A-2", NOW)
        probed(inventory, good, ("up", 0, 60))
        probed(inventory, bad, ("up", 0, 9), ("broken", 10, 19), ("up", 20, 60))
        year = NOW.year
        assert report(year=year) == f"2 instances of 1 customers in {year}; budget used up: of none."
        made = {one.key: one for one in client.read_artifacts()}
        rows = json.loads(str(made[f"availability-{year}"].data))
        assert [one["instance"] for one in rows] == [bad, good]
        (level,) = json.loads(str(made[f"availability-levels-{year}"].data))
        assert (level["level"], level["instances"]) == ("standard", 2)
        assert f"## {bad}" in str(made[f"availability-{year}-{good}"].data)
        for name in (good, bad):
            kind, _, picture = str(made[f"availability-curve-{year}-{name}"].data).partition(",")
            assert kind == "data:image/svg+xml;base64"
            assert ET.fromstring(base64.b64decode(picture)).tag.endswith("svg")  # noqa: S314  # our own
        assert "There is no customer C-9." in report(customer="C-9", year=year)
        assert "Of 2999 nothing is known." in report(year=2999)
        assert report(customer="C-1", year=year).startswith("2 instances of 1 customers")
        for _ in range(2):
            assert "2 instances, 2 findings." in str(watch_availability(return_state=True).message)
        ((_, letter),) = sink.letters
        assert "Availability: 2 findings" in letter
        assert "were not measured" in letter


def report(**request: Any) -> str:
    """What a run of the form says."""
    return str(report_availability(ReportRequest(**request), return_state=True).message)
