"""When backups become due: times of the day, the weekly night, the night's window (P21, P22).

A day's backups are due at `backup_opens` and, at levels that agreed on more, every `backup_every` from there on until
the next day's. Opening, closing and weekday are told in Berlin's wall-clock time; moments go out in UTC. A naive
moment raises ValueError everywhere.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hosting.errors import Refused
from hosting.policy.terms import TIME_ZONE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from hosting.policy.terms import Terms

ZONE = ZoneInfo(TIME_ZONE)
ONE_DAY = timedelta(days=1)
SHORTEST = timedelta(hours=1)
"""Backups that follow each other faster would only wait for one another."""

WEEKDAYS = 7


def check_backup_terms(terms: Terms) -> None:
    """Refuse numbers by which no backup could be planned (P40).

    Raises:
        Refused: backups closer together than an hour, a weekday that is none, or nothing kept or rehearsed.
    """
    if terms.backup_every < SHORTEST:
        raise Refused(f"Backups every {in_hours(terms.backup_every)} follow too fast.", "Set one hour or more.")
    if terms.backup_full_weekday not in range(WEEKDAYS):
        message = f"The full backup's weekday is {terms.backup_full_weekday}, which is none."
        raise Refused(message, "Number the weekdays from 0 (Monday) to 6 (Sunday).")
    if min(terms.backup_weeks_kept, terms.rehearse_within_days) < 1:
        message = "Backups would be kept for no week, or rehearsed within no day."
        raise Refused(message, "Set backup_weeks_kept and rehearse_within_days to 1 or more.")


def next_slot(after: datetime, terms: Terms) -> datetime:
    """The first moment after this one at which a backup becomes due: at least one on each day (P22)."""
    after = in_utc(after)
    first = after.astimezone(ZONE).date() - ONE_DAY
    openings = [_opening(first + ahead * ONE_DAY, terms) for ahead in range(4)]
    return next(slot for day in pairwise(openings) for slot in _slots(*day, terms.backup_every) if slot > after)


def next_full(after: datetime, terms: Terms) -> datetime:
    """The first moment after this one at which a weekly full backup becomes due (P21)."""
    after = in_utc(after)
    first = after.astimezone(ZONE).date()
    days = (first + ahead * ONE_DAY for ahead in range(WEEKDAYS + 1))
    openings = (_opening(day, terms) for day in days if day.weekday() == terms.backup_full_weekday)
    return next(moment for moment in openings if moment > after)


def night_window(now: datetime, terms: Terms) -> tuple[datetime, datetime]:
    """Opening and closing of the nightly window that holds this moment, else of the next one."""
    now = in_utc(now)
    first = now.astimezone(ZONE).date() - ONE_DAY
    windows = (_window(first + ahead * ONE_DAY, terms) for ahead in range(4))
    return next(window for window in windows if now < window[1])


def in_hours(duration: timedelta) -> str:
    """A duration as people say it: "6 h"."""
    return f"{duration / timedelta(hours=1):g} h"


def in_utc(moment: datetime) -> datetime:
    """The moment in UTC; raises ValueError if it is naive."""
    if moment.utcoffset() is None:
        raise ValueError(f"a moment without a zone: {moment}")
    return moment.astimezone(UTC)


def _opening(day: date, terms: Terms) -> datetime:
    """When the day's backups become due."""
    return datetime.combine(day, terms.backup_opens, ZONE).astimezone(UTC)


def _window(day: date, terms: Terms) -> tuple[datetime, datetime]:
    """The window that opens on this day; it closes on the next one where the hours say so."""
    last = day if terms.backup_opens < terms.backup_closes else day + ONE_DAY
    return _opening(day, terms), datetime.combine(last, terms.backup_closes, ZONE).astimezone(UTC)


def _slots(opens: datetime, following: datetime, every: timedelta) -> Iterator[datetime]:
    """The moments at which backups become due between a day's opening and the next; no odd one in a 25-hour day."""
    slots = (opens + place * every for place in range(ceil(ONE_DAY / every)))
    return (slot for slot in slots if slot < following)
