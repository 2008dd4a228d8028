"""More frequent backups that a service level agreed on really run, and the neighbour of the standard level has none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
import time_machine

from hosting.inventory import level_agreements, levels, work
from hosting.inventory.session import in_transaction
from hosting.policy.months import day_of
from hosting.policy.terms import AROUND_THE_CLOCK
from tasks.backup_dispatch import ask_for_due_backups
from tests.service.backups import points_of
from tests.service.plans import Plan

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

OFTEN = {**AROUND_THE_CLOCK, "backup_every": 4}
ZONE = ZoneInfo("Europe/Berlin")


TODAY = datetime.now(ZONE)


def at(hour: int, minute: int, *, later: int = 0) -> datetime:
    """A time of the Tuesday of next week, or of a day later."""
    days = 7 + 1 - TODAY.weekday() + later
    return TODAY.replace(hour=hour, minute=minute, second=0, microsecond=0) + timedelta(days=days)


def clock(service: Service, moment: datetime) -> bool:
    """What the clock's own run asks for at a moment, done as a run of the server; whether there was anything."""
    with time_machine.travel(moment, tick=False):
        asked = [one for one in ask_for_due_backups.fn() if one.startswith(f"{service.host}@")]
    for subject in asked:
        flow = "flows.back_up_server.back_up_server"
        outcome = service.runner.run(Plan(flow=flow, parameters={"server": service.host}, at=moment.timestamp()))
        assert outcome.completed, outcome
        in_transaction(service.inventory, partial(work.record_done, kind=work.BACK_UP_SERVER, subject=subject))
    return bool(asked)


def test_a_level_with_backups_every_four_hours_has_them_and_its_neighbour_one_a_night(service: Service) -> None:
    service.only_server(service.host)
    often, daily = service.provision(), service.provision()

    def agree(session: Session) -> None:
        now = datetime.now(UTC)
        levels.ensure_level(session, "often", OFTEN)
        level_agreements.agree(
            session, often.name, "often", day_of(now), reason="a test", by="olga", now=now, state="BE"
        )

    in_transaction(service.inventory, agree)
    assert clock(service, at(11, 0))  # both are new
    assert [len(points_of(service, one)) for one in (often, daily)] == [1, 1]
    assert not clock(service, at(14, 29))
    assert clock(service, at(14, 31))
    assert not clock(service, at(15, 0))
    assert clock(service, at(18, 31))
    assert [len(points_of(service, one)) for one in (often, daily)] == [3, 1]
    assert {point.taken_at.astimezone(ZONE).date() for point in points_of(service, often)} == {at(0, 0).date()}
    assert clock(service, at(5, 0, later=1))  # the night is everybody's
    assert [len(points_of(service, one)) for one in (often, daily)] == [4, 2]
