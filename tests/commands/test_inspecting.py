"""The request of an inspection, and what its answer is read as."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hosting.commands.inspecting import UNITS, Asked, clock_off, home_of, inspect, own_places, parse_inspection
from hosting.policy.fleet_expected import Expected
from hosting.policy.inspected import SiteKind
from hosting.policy.inspection import Look, looks_of
from hosting.policy.states import InstanceState
from hosting.policy.values import InstanceFacts, InstanceName, OrderReference, ReleaseFacts, ReleaseId, ServerName

NOW = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
INSTANCE = InstanceFacts(
    InstanceName("k3v9q2"), 17, OrderReference("A-1"), ServerName("app1"), ReleaseFacts(ReleaseId("ab" * 32), 40470, "4", "free", 1),
    1, 5, InstanceState.ACTIVE, NOW,
)  # fmt: skip


def answer(**looks: Any) -> str:
    return json.dumps({"began": NOW.timestamp(), "at": NOW.timestamp(), "virtual": "", "failed": {}, **looks})


def test_the_program_and_its_request_go_by_the_standard_input_however_long_they_are() -> None:
    homes = {f"i{number}": home_of(INSTANCE) for number in range(2000)}
    command = inspect(b"program", Asked(looks_of(light=False), Expected("app1", homes=homes, own=own_places())))
    assert len(command.line) < 1000
    assert command.stdin.startswith(b"program{")
    request = json.loads(command.stdin.removeprefix(b"program"))
    assert len(request["paths"]) > 20_000
    assert request["units"] == list(UNITS)
    assert request["programs"]["offered"][0] == "/bin/sh"


def test_nothing_is_asked_of_folders_that_an_instance_may_write_to() -> None:
    home = home_of(INSTANCE)
    assert not [one.path for one in home.places if one.path.startswith("/srv/instances/k3v9q2/storage/")]
    assert home.uid == 20_017


def test_a_light_inspection_makes_few_looks_and_a_full_one_all_that_are_at_servers() -> None:
    assert looks_of(light=True) == {Look.RAID, Look.DISKS, Look.SERVICES}
    assert looks_of(light=False) == set(Look) - {Look.REACH, Look.BACKUPS, Look.DOMAINS}


@pytest.mark.parametrize(
    ("began", "ended", "off"),
    [(1, 9, 0.0), (0, 10, 0.0), (-5, 3, -5.0), (7, 15, 5.0), (30, 40, 30.0)],
    ids=["between", "at the ends", "behind", "ahead", "far ahead"],
)
def test_a_clock_is_off_only_by_what_the_way_can_not_have_taken(began: int, ended: int, off: float) -> None:
    sent, received = 0, 10
    assert clock_off(began - sent, ended - received) == off


def test_the_answer_is_read_as_values_and_what_was_not_looked_at_stays_open() -> None:
    seen = parse_inspection(
        "app1",
        answer(
            services={"units": {"apache2": "active", "cron": "failed"}, "failed": ["cron.service", "fwupd.service"]},
            sites={"sites": {"a": ["passes on", "app2.test"]}, "names": {"7": "/p"}, "other": ["/x"], "pools": ["a"]},
            certificate="notAfter=Dec  4 12:00:00 2026 GMT",
            closed={"gates": {"a": NOW.timestamp()}, "frozen": ["b"]},
            rights={"/p": ["file", "root:root", "644"]},
            smart=None,
        ),
        NOW,
        NOW + timedelta(seconds=3),
    )
    assert (seen.units, seen.failed_units) == ({"cron": "failed"}, ("fwupd",))
    assert seen.sites == {"a": (SiteKind.PASSES_ON, "app2.test")}
    assert seen.name_sites == {7: "/p"}
    assert seen.certificate_ends == datetime(2026, 12, 4, 12, tzinfo=UTC)
    assert seen.gates is not None
    assert seen.gates[0].since == NOW
    assert seen.places is not None
    assert seen.places["/p"].owner == "root:root"
    assert (seen.arrays, seen.database, seen.users, seen.disks) == (None, None, None, None)
