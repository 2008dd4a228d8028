"""The figures for a monitoring: only for who bears the token, in Prometheus' text format (P11, P20, P22)."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError

from deployments.web import metrics
from deployments.web.app import create_app
from deployments.web.metrics import as_text
from hosting.errors import Unreachable
from hosting.inventory import cases, probes
from hosting.inventory.service_figures import ServiceFigures, service_figures
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.backup_audit import BackupStanding
from hosting.policy.probe_spans import Answer, Probe, Vantage
from hosting.policy.values import InstanceName
from hosting.settings import METRICS_TOKEN_LEAST, Settings
from tests.deployments.web.conftest import new_secret, open_instance, settings_for

if TYPE_CHECKING:
    from starlette.applications import Starlette

TOKEN = "a-token-that-nobody-guesses"
MINUTE = timedelta(minutes=1)


def with_token(inventory: Inventory, token: str = TOKEN) -> Settings:
    settings = settings_for(str(inventory.url), (new_secret(),)).model_dump()
    settings["web"]["metrics_token"] = token
    return Settings.model_validate(settings)


def app_of(inventory: Inventory, token: str = TOKEN) -> Starlette:
    return create_app(with_token(inventory, token), inventory, None, lambda *_: None)


def got(app: Starlette, headers: dict[str, str] | None = None, times: int = 1) -> list[httpx.Response]:
    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://receiver.test") as client:
            return await asyncio.gather(*(client.get("/metrics", headers=headers) for _ in range(times)))

    return asyncio.run(ask())


def bearing(token: str = TOKEN) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    families = text_string_to_metric_families(text)
    return {
        (one.name, *(value for _, value in sorted(one.labels.items()))): one.value
        for family in families
        for one in family.samples
    }


def probed(inventory: Inventory, name: str, answer: str, ago: int) -> None:
    at = datetime.now(UTC)
    found = [
        probes.Timed(Probe(InstanceName(name), Vantage.LOCATION, Answer(answer), at - minute * MINUTE), MINUTE)
        for minute in range(ago)
    ]
    in_transaction(inventory, lambda session: probes.record_probes(session, found))


def test_without_a_token_set_there_is_no_such_page(inventory: Inventory) -> None:
    (answer,) = got(app_of(inventory, ""), bearing(""))
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {}, bearing(""), bearing("another"), bearing(TOKEN[:-1]), bearing(f"{TOKEN}x"), {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"}, {"Authorization": "Bearer"},
    ],
)  # fmt: skip
def test_who_does_not_bear_the_token_is_told_nothing(inventory: Inventory, headers: dict[str, str]) -> None:
    open_instance(inventory)
    (answer,) = got(app_of(inventory), headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "phm_" not in answer.text


def test_a_token_that_can_be_guessed_is_no_setting(inventory: Inventory) -> None:
    with pytest.raises(ValidationError, match=f"{METRICS_TOKEN_LEAST} characters") as refused:
        with_token(inventory, "short-and-secret")
    assert "short-and-secret" not in str(refused.value.errors(include_input=False))


def test_the_token_is_not_shown_with_the_settings(inventory: Inventory) -> None:
    assert TOKEN not in repr(with_token(inventory))


def test_the_figures_are_in_the_text_format_and_tell_of_every_instance(inventory: Inventory) -> None:
    name = open_instance(inventory)
    probed(inventory, name, "up", 1)
    in_transaction(
        inventory,
        lambda session: cases.raise_case(session, "k", "no room", "s:1", "What.", facts={}, now=datetime.now(UTC)),
    )
    (answer,) = got(app_of(inventory), bearing())
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    found = samples(answer.text)
    assert found["phm_instance_up", name, "app1"] == 1
    assert found["phm_instance_availability_owed_ratio", name, "app1"] == pytest.approx(0.996)
    assert found["phm_instance_outages", name, "app1"] == 0
    assert found["phm_instance_budget_left_seconds", name, "app1"] > 0
    assert found["phm_level_budget_left_seconds", "standard"] > 0
    assert found["phm_instance_backup_age_seconds", name] == float("inf")
    assert found["phm_instance_proof_age_seconds", name] == float("inf")
    assert found["phm_cases_open", "no room"] == 1
    assert found["phm_last_probe_age_seconds",] < 60
    assert "Jürgen" not in answer.text
    assert not re.search(r"_(created|total)\b", answer.text)


def test_an_instance_that_is_down_is_0_and_one_that_nobody_measures_has_no_sample(inventory: Inventory) -> None:
    name = open_instance(inventory)
    app = app_of(inventory)
    assert ("phm_instance_up", name, "app1") not in samples(got(app, bearing())[0].text)
    probed(inventory, name, "broken", 1)
    assert samples(got(app_of(inventory), bearing())[0].text)["phm_instance_up", name, "app1"] == 0


def test_who_asks_often_costs_no_more_than_one_reading(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[datetime] = []

    def counted(session: Any, now: datetime, seconds: float | None) -> ServiceFigures:
        read.append(now)
        return service_figures(session, now, seconds)

    monkeypatch.setattr(metrics, "service_figures", counted)
    app = app_of(inventory)
    assert {one.status_code for one in got(app, bearing(), times=5)} == {200}
    assert len(read) == 1
    monkeypatch.setattr(metrics, "FRESH_SECONDS", 0.0)
    got(app, bearing())
    assert len(read) == 2


def test_an_inventory_that_does_not_answer_is_said_so_and_tried_again(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> ServiceFigures:
        raise Unreachable("The inventory's database does not answer.", "Look at it.")

    app = app_of(inventory)
    with monkeypatch.context() as patched:
        patched.setattr(metrics, "service_figures", unreachable)
        (answer,) = got(app, bearing())
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert got(app, bearing())[0].status_code == 200


def figures(**changes: Any) -> ServiceFigures:
    at = datetime(2026, 6, 1, 12, tzinfo=UTC)
    return replace(ServiceFigures(at, (), {}, {}, {}, None), **changes)


def test_what_a_label_holds_can_not_break_out_of_it() -> None:
    kind = 'a "quoted" \\ kind\nphm_instance_up 1'
    text = as_text(figures(cases={kind: 2}), 0.1).decode()
    assert samples(text)["phm_cases_open", kind] == 2
    assert "\nphm_instance_up 1" not in text


def test_ages_are_in_seconds_and_of_what_never_was_infinite() -> None:
    at = figures().at
    good = BackupStanding(at - timedelta(hours=3), None, at - timedelta(days=2), None, None)
    none = BackupStanding(None, None, None, None, None)
    found = samples(as_text(figures(backups={"k3v9q2": good, "m7p4xw": none}), 0.1).decode())
    assert found["phm_instance_backup_age_seconds", "k3v9q2"] == 3 * 3600
    assert found["phm_instance_proof_age_seconds", "k3v9q2"] == 2 * 86_400
    assert found["phm_instance_backup_age_seconds", "m7p4xw"] == float("inf")
    assert found["phm_last_probe_age_seconds",] == float("inf")
    assert found["phm_reading_seconds",] == 0.1


def test_findings_are_counted_by_where_they_come_from_and_how_grave_they_are() -> None:
    counted = {("inspection", "grave"): 2, ("availability", "wrong"): 1}
    found = samples(as_text(figures(findings=counted), 0.1).decode())
    assert found["phm_findings", "grave", "inspection"] == 2
    assert found["phm_findings", "wrong", "availability"] == 1


def test_every_family_has_a_type_and_words_of_help() -> None:
    text = as_text(figures(), 0.1).decode()
    names = set(re.findall(r"^# TYPE (\S+) gauge$", text, re.MULTILINE))
    assert names == set(re.findall(r"^# HELP (\S+) \S", text, re.MULTILINE))
    assert len(names) == 15
    assert all(re.fullmatch(r"phm_[a-z_]+", name) for name in names)


def test_silenced_findings_are_not_counted(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        SimpleNamespace(severity="grave", is_silent=lambda _now: True),
        SimpleNamespace(severity="wrong", is_silent=lambda _now: False),
    ]
    monkeypatch.setattr("hosting.inventory.service_figures.findings.standing", lambda _session: found)
    with inventory.reading() as session:
        counted = service_figures(session, datetime.now(UTC), None).findings
    assert counted == {("inspection", "wrong"): 1}
