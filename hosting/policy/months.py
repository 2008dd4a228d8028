"""Days counted in months, as contracts count them (PROMISES.md, "months"; § 188 (3) BGB)."""

from __future__ import annotations

from calendar import monthrange
from datetime import date

MONTHS = 12


def months_after(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day where it is shorter.

    Always counted from the day itself, never step by step: 31 January + 1 month is 28 February, + 2 is 31 March.
    """
    years, month = divmod(day.month - 1 + months, MONTHS)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
