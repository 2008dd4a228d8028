"""Off-peak times: when what slows an instance down is done (P15)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hosting.policy.terms import STANDARD, TIME_ZONE

if TYPE_CHECKING:
    from hosting.policy.terms import Terms


def is_off_peak(moment: datetime, terms: Terms = STANDARD) -> bool:
    """Whether a moment is off-peak by the clock on the wall: at night, and all of the weekend's days.

    A public holiday by itself is not.

    Raises:
        ValueError: the moment is naive.
    """
    if moment.utcoffset() is None:
        raise ValueError(f"a moment without a zone: {moment}")
    local = moment.astimezone(ZoneInfo(TIME_ZONE))
    at_night = local.time() >= terms.off_peak_opens or local.time() < terms.off_peak_closes
    return at_night or local.weekday() in terms.off_peak_days


def next_off_peak(moment: datetime, terms: Terms = STANDARD) -> datetime:
    """The first off-peak moment from here on in UTC, the moment itself if it is one; raises as `is_off_peak`."""
    if is_off_peak(moment, terms):
        return moment.astimezone(UTC)
    local = moment.astimezone(ZoneInfo(TIME_ZONE))
    days = [local.date() + timedelta(days=ahead) for ahead in (0, 1)]
    openings = [datetime.combine(day, terms.off_peak_opens, ZoneInfo(TIME_ZONE)) for day in days]
    midnights = [datetime.combine(days[1], datetime.min.time(), ZoneInfo(TIME_ZONE))]
    found = (one for one in sorted(openings + midnights) if one > local and is_off_peak(one, terms))
    return next(found).astimezone(UTC)
