"""What the inventory alone tells of backups and domains stands among the findings, under keys that stay (P18, P20)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import time_machine

from hosting.errors import Unreachable
from hosting.inventory import cases, findings
from hosting.inventory.session import in_transaction
from hosting.policy.inspection import SERVICE, Look, Severity
from tasks.fleet_findings import look_at_records, record_findings, silent, tell_grave_findings
from tests.inventory.words import server
from tests.service.records import opened, provided
from tests.service.relay import Relay

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def test_backups_and_rehearsals_that_are_too_old_keep_one_finding_each_however_old_they_grow(tmp_path: Path) -> None:
    with provided(tmp_path) as inventory:
        name = opened(inventory, "A-1", NOW - 40 * DAY)
        keys = {f"service:backups:instance:{name}-stale", f"service:backups:instance:{name}-unproven"}
        for later in (0, 3):
            with time_machine.travel(NOW + later * DAY, tick=False):
                looked = look_at_records.fn()
                assert {one.key for one in looked.found} == keys
                record_findings.fn([looked])
        with inventory.reading() as session:
            stands = findings.standing(session, SERVICE)
        assert {one.key for one in stands} == keys
        assert all(one.last_seen - one.first_seen == 3 * DAY for one in stands)
        assert all((one.severity, one.subject) == (Severity.WRONG, f"instance:{name}") for one in stands)


def test_a_domain_that_waits_for_a_person_is_there_until_its_case_is_settled(tmp_path: Path) -> None:
    with provided(tmp_path) as inventory:
        case = in_transaction(
            inventory,
            lambda session: cases.raise_case(
                session,
                "domain-astray:7:x",
                cases.DOMAIN_ASTRAY,
                "instance:a",
                "It leads elsewhere.",
                facts={},
                now=NOW,
            ),
        )
        [one] = look_at_records.fn().found
        assert (one.look, one.sentence) == (Look.DOMAINS, "It leads elsewhere.")
        assert f"phm case show {case.id}" in one.do
        in_transaction(inventory, lambda session: cases.settle_case(session, case.id, "olga", "done", NOW))
        assert look_at_records.fn().found == []


def test_of_a_server_that_is_silent_the_operators_get_one_letter(tmp_path: Path) -> None:
    relay = Relay()
    with provided(tmp_path, relay_port=relay.port), relay.up():
        looked = silent(server("app1"), Unreachable("app1 does not answer.", "Look at it."))
        for _ in range(2):
            record_findings.fn([looked])
        assert [tell_grave_findings.fn(), tell_grave_findings.fn()] == [1, 0]
    assert len(relay.letters) == 1
    assert "app1 can't be looked at: app1 does not answer." in " ".join(relay.text().split())
