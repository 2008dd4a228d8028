"""Days counted in months, as contracts count them (PROMISES.md, "months"; § 188 (3) BGB)."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from hosting.policy.terms import TIME_ZONE

MONTHS = 12


def months_after(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day where it is shorter.

    Always counted from the day itself, never step by step: 31 January + 1 month is 28 February, + 2 is 31 March.
    """
    years, month = divmod(day.month - 1 + months, MONTHS)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def day_of(moment: datetime) -> date:
    """The day of the service's zone on which a moment lies; raises ValueError if it is naive."""
    if moment.utcoffset() is None:
        raise ValueError(f"a moment without a zone: {moment}")
    return moment.astimezone(ZoneInfo(TIME_ZONE)).date()


def start_of(day: date) -> datetime:
    """The moment in UTC at which a day of the service's zone begins."""
    return datetime.combine(day, time(), ZoneInfo(TIME_ZONE)).astimezone(UTC)
