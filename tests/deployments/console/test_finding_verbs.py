"""`phm findings`: what stands is listed, one is shown, its mending is told before it is done, a person may silence one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import findings
from hosting.inventory.session import in_transaction
from hosting.policy.inspection import FleetFinding, Look, Severity, Way, looks_of, mend_by

if TYPE_CHECKING:
    from tests.deployments.console.conftest import Console

RAID = FleetFinding("app1", Look.RAID, "md1", Severity.GRAVE, "md1 of app1 is degraded.", "Replace its disk.")
CRON = FleetFinding(
    "app1", Look.SERVICES, "cron", Severity.WRONG, "cron of app1 is failed.", "See why.",
    mend=mend_by(Way.START, "app1", unit="cron"),
)  # fmt: skip
MEND = "On app1 the unit cron is started."


@pytest.fixture
def found(phm: Console) -> Console:
    """A console whose server has two findings, and one that is gone."""
    phm.with_servers("app1")
    old = replace(RAID, what="md0")
    for stands in ((old, RAID, CRON), (RAID, CRON)):
        now = datetime.now(UTC)
        in_transaction(
            phm.inventory,
            lambda session, stands=stands, now=now: findings.record_look(
                session, "app1", {Look.RAID, Look.SERVICES}, stands, now
            ),
        )
    return phm


def test_what_stands_is_listed_the_gravest_first_and_what_is_gone_on_demand(found: Console) -> None:
    assert [one["key"] for one in found("findings", "--json").json["findings"]] == [RAID.key, CRON.key]
    everything = found("findings", "--all", "--json").json["findings"]
    assert [one["key"] for one in everything] == [RAID.key, CRON.key, "app1:raid:md0"]
    listed = found("findings", "--server", "app1").out
    assert RAID.sentence in " ".join(listed.split())
    assert found("findings", "--server", "app9").refusal.startswith("There is no server app9.")


def test_without_a_look_nothing_is_known_and_with_one_it_says_when(phm: Console) -> None:
    def looked(server: str, at: datetime, *, light: bool) -> None:
        in_transaction(
            phm.inventory, lambda session: findings.record_look(session, server, looks_of(light=light), (), at)
        )

    phm.with_servers("app1", "app2", "app3")
    assert phm("findings").out.startswith("Nothing is known: no server was inspected yet.")
    night = datetime(2026, 11, 27, 2, 10, tzinfo=UTC)
    for server in ("app1", "app2"):
        looked(server, night, light=False)
    assert phm("findings").out.splitlines() == [
        "Nothing is found.", "Inspected at 2026-11-27 03:10: app1, app2.", "Never inspected: app3.",
    ]  # fmt: skip
    looked("app1", night + timedelta(hours=1), light=True)  # of what the night alone looks at nothing newer is known
    looked("app3", night + timedelta(hours=1), light=True)
    said = phm("findings").out.splitlines()
    assert said[1] == "Inspected at 2026-11-27 03:10: app1, app2."
    assert said[2].startswith("Never looked at (smart, database, ")
    assert said[2].endswith("): app3.")
    assert phm("findings", "--server", "app1").out.splitlines()[1:] == ["Inspected at 2026-11-27 03:10: app1."]


def test_a_program_tells_never_inspected_from_nothing_found(phm: Console) -> None:
    phm.with_servers("app1", "app2", "app3")
    night = datetime(2026, 11, 27, 2, 10, tzinfo=UTC)
    said = phm("findings", "--json").json
    assert said["findings"] == []
    assert [(one["server"], one["wholly_at"], one["made"]) for one in said["inspected"]] == [
        (server, None, {}) for server in ("app1", "app2", "app3")
    ]
    for server, light in (("app1", False), ("app2", True)):
        looks = looks_of(light=light)
        in_transaction(
            phm.inventory,
            lambda session, server=server, looks=looks: findings.record_look(session, server, looks, (), night),
        )
    said = phm("findings", "--json").json
    assert (said["findings"], said["silenced"]) == ([], 0)
    whole, partly, never = said["inspected"]
    assert (whole["wholly_at"], whole["never"], set(whole["made"])) == (
        night.isoformat(), [], {look.value for look in looks_of(light=False)},
    )  # fmt: skip
    assert (partly["wholly_at"], set(partly["made"])) == (None, {"raid", "disks", "services"})
    assert "smart" in partly["never"]
    assert (never["wholly_at"], never["made"]) == (None, {})
    assert [one["server"] for one in phm("findings", "--server", "app2", "--json").json["inspected"]] == ["app2"]


def test_one_is_shown_with_what_mending_it_would_do(found: Console) -> None:
    shown = found("findings", "show", CRON.key, "--json").json
    assert (shown["severity"], shown["mending"]) == ("wrong", MEND)
    assert "phm findings" in found("findings", "show", "app1:raid:md9").refusal


def test_a_dry_run_tells_what_would_be_done_and_what_is_mended_by_hand_is_refused_with_the_way_out(
    found: Console,
) -> None:
    said = found("findings", "mend", CRON.key, "--dry-run").out
    assert said.splitlines() == [CRON.sentence, MEND, "Nothing was changed."]
    assert found("findings", "mend", RAID.key).refusal == f"{RAID.key} is mended by hand alone. {RAID.do}"
    assert found("findings", "mend", "app1:raid:md0").refusal.startswith("app1:raid:md0 is gone.")


def test_nothing_is_mended_before_the_operator_says_yes(found: Console) -> None:
    assert "Nothing was changed" in found("findings", "mend", CRON.key).refusal


def test_what_a_person_silences_is_not_listed_and_counted(found: Console) -> None:
    assert (
        "is silenced until" in found("findings", "silence", RAID.key, "--days", "3", "--because", "it is ordered").out
    )
    listed = found("findings").out
    assert RAID.key not in listed
    assert "1 more is silenced" in listed
    assert found("findings", "--json").json["silenced"] == 1
    shown = found("findings", "show", RAID.key, "--json").json
    assert shown["silenced_because"] == "it is ordered"
    assert found("findings", "silence", RAID.key, "--days", "3", "--because", " ").refusal.startswith(
        "The reason is empty."
    )
    assert found("findings", "silence", RAID.key, "--days", "0", "--because", "x").code == 2
