"""The service calendar of a service level, with the days that operators closed and opened (P09, P40)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import select

from hosting.inventory.levels import terms_of
from hosting.inventory.models import DayOverride
from hosting.policy.business_hours import ServiceCalendar, ServiceHours
from hosting.policy.terms import TIME_ZONE

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy.orm import Session


def calendar_for(session: Session, service_level: str | None, holidays_state: str | None) -> ServiceCalendar:
    """The calendar by which a service level's setups are done.

    Args:
        session: to read the level and the days from.
        service_level: its name, None for the standard one.
        holidays_state: the German state whose public holidays are kept ("BE"), None for none.

    Raises:
        UnknownLevel: no level has this name.
        Refused: an unknown state.
    """
    hours = ServiceHours.of_terms(terms_of(session, service_level), ZoneInfo(TIME_ZONE))
    days = session.scalars(select(DayOverride)).all()
    closed = frozenset(row.day for row in days if not row.opened)
    opened = frozenset(row.day for row in days if row.opened)
    return ServiceCalendar(hours, holidays_state, closed, opened)


def override_day(session: Session, day: date, *, opened: bool, reason: str, by: str) -> None:
    """Close or open a day for service hours; the last word counts."""
    row = session.get(DayOverride, day)
    if row is None:
        row = DayOverride(day=day)
        session.add(row)
    row.opened, row.reason, row.by = opened, reason, by
    session.flush()
