"""A week of an instance: full on Sunday, incrementals until Thursday; each day comes back exactly as it was (P19 to P22)."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from hosting.product.layout import InstanceLayout
from tests.service.backups import COMPARE, KEEP, LIVE, on, points_of
from tests.service.plans import Plan

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts, PointFacts
    from tests.service.plans import Outcome
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday")
TONIGHT = datetime.now(ZoneInfo("Europe/Berlin")).replace(hour=23, minute=0, second=0, microsecond=0)
FIRST_NIGHT = TONIGHT + timedelta(days=7 + 6 - TONIGHT.weekday())
"""Of the Sunday after the next six nights: the instance is there by then, whenever this runs."""


def back_up(service: Service, at: datetime) -> Outcome:
    """The night's run of the server, by the clock that is handed in."""
    plan = Plan(
        flow="flows.back_up_server.back_up_server", parameters={"server": service.host}, at=at.timestamp(),
    )  # fmt: skip
    return service.runner.run(plan)


@pytest.fixture(scope="module")
def week(service: Service) -> tuple[InstanceFacts, list[PointFacts]]:
    """The instance after its week, and its five points."""
    instance = service.provision(accounts=3)
    layout = InstanceLayout.of(instance)
    for day in range(len(DAYS)):
        on(service, LIVE, instance, layout.user, str(day))
        on(service, KEEP, instance, f"/srv/kept/{day}")
        outcome = back_up(service, FIRST_NIGHT + timedelta(days=day))
        assert outcome.completed, outcome
    return instance, points_of(service, instance)


def test_sunday_is_full_and_the_other_days_add_to_it(week: tuple[InstanceFacts, list[PointFacts]]) -> None:
    _, points = week
    assert [point.kind.value for point in points] == ["full", *["incremental"] * 4]
    assert len({point.generation for point in points}) == 1
    assert [point.taken_at.astimezone(ZoneInfo("Europe/Berlin")).strftime("%A") for point in points] == list(DAYS)


def test_what_the_database_names_is_in_the_folder_of_the_same_moment(
    week: tuple[InstanceFacts, list[PointFacts]],
) -> None:
    _, points = week
    for day, point in enumerate(points):
        left = 3 * (4 * (day + 1) - day)
        assert point.manifest["named"] == {
            "mails": {"named": left, "missing": 0, "examples": []},
            "uploads": {"named": left, "missing": 0, "examples": []},
        }
        assert point.manifest["salt"] is True
        assert point.manifest["lock"]["held_ms"] < 2000


def test_a_second_run_of_the_same_night_takes_no_further_point(
    service: Service, week: tuple[InstanceFacts, list[PointFacts]]
) -> None:
    instance, points = week
    outcome = back_up(service, FIRST_NIGHT + timedelta(days=4, hours=1))
    assert outcome.completed, outcome
    assert len(points_of(service, instance)) == len(points)


def test_manifests_hold_no_secret_and_stay_small(
    week: tuple[InstanceFacts, list[PointFacts]], service: Service
) -> None:
    instance, points = week
    salt, password = service.salt(instance), service.secret(instance, "database")
    for point in points:
        told = json.dumps(dict(point.manifest))
        assert salt not in told
        assert password not in told
        assert len(told) < 60_000


@pytest.mark.parametrize("day", [2, 0, 4, 1, 3], ids=lambda day: DAYS[day])
def test_each_day_comes_back_exactly_as_it_was(
    service: Service, week: tuple[InstanceFacts, list[PointFacts]], day: int
) -> None:
    instance, points = week
    wish = {"instance": instance.name, "point": points[day].id, "operator": "test", "reason": f"back to {DAYS[day]}"}
    outcome = service.runner.run(Plan(flow="flows.restore_instance.restore_instance", parameters=wish))
    assert outcome.completed, outcome
    assert on(service, COMPARE, instance, f"/srv/kept/{day}") == ""


def test_one_path_comes_back_alone(service: Service, week: tuple[InstanceFacts, list[PointFacts]]) -> None:
    instance, points = week
    layout = InstanceLayout.of(instance)
    mailbox = f"{layout.storage}/user/2/email/inbox"
    service.on(f"rm {mailbox}/day0-3; echo broken > {mailbox}/day0-4; echo mine > {layout.storage}/user/1/files/own")
    wish = {
        "instance": instance.name, "point": points[0].id, "what": "files", "path": "storage/user/2/email/inbox",
        "operator": "test", "reason": "two mails",
    }  # fmt: skip
    outcome = service.runner.run(Plan(flow="flows.restore_instance.restore_instance", parameters=wish))
    assert outcome.completed, outcome
    kept = "/srv/kept/0/data/storage/user/2/email/inbox"
    assert service.on(
        f"for n in 3 4; do cmp {mailbox}/day0-$n {kept}/day0-$n; done; cat {layout.storage}/user/1/files/own"
    ) == ("mine\n")
    assert service.on(f"stat -c %U {mailbox}/day0-3") == f"{layout.user}\n"


@pytest.mark.timeout(600)
def test_each_day_comes_back_on_the_other_server_too(
    service: Service, week: tuple[InstanceFacts, list[PointFacts]]
) -> None:
    instance, points = week
    other = next(host for host in service.hosts if host != instance.server_name)
    kept = service.on("tar -C /srv -cz kept | base64 -w0", instance.server_name)
    assert service.fleet.run(other, "base64 -d | tar -C /srv -xz", text_in=kept).returncode == 0
    service.all_servers()
    for day in (1, 4, 0, 3, 2):  # the first brings it there
        there = service.instance(instance.order_reference).server_name == other
        wish = {
            "instance": instance.name, "point": points[day].id, "server": "" if there else other, "operator": "test",
            "reason": f"{DAYS[day]} on {other}",
        }  # fmt: skip
        outcome = service.runner.run(Plan(flow="flows.restore_instance.restore_instance", parameters=wish))
        assert outcome.completed, outcome
        moved = service.instance(instance.order_reference)
        assert moved.server_name == other
        assert on(service, COMPARE, moved, f"/srv/kept/{day}") == "", DAYS[day]
