"""What a service level comes to: when the next backup is due, how many there are, what room they take (P40)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from statistics import fmean
from typing import TYPE_CHECKING

from hosting.policy.announcements import earliest_planned
from hosting.policy.backup_times import ONE_DAY, WEEKDAYS, next_slot
from hosting.policy.maintenance import NeverFits, next_window
from hosting.policy.values import PointKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hosting.policy.maintenance import Window
    from hosting.policy.terms import Terms
    from hosting.policy.values import PointFacts

UPDATE_LASTS = timedelta(minutes=10)
"""What a product update of an instance is given in its window, as long as nobody knows better."""

TOLD_STOP_SECONDS = 3600.0
"""An update that is told: its notice counts."""


@dataclass(frozen=True)
class Consequences:
    """What terms come to for one instance from a moment on.

    Args:
        next_backup: when the next backup is due.
        backups_a_day: how many become due on each day.
        points_kept: how many points are kept at most.
        backup_bytes: what they take in the store, if each is as large as those so far; None where there is none yet.
        update: the first window in which an update may be made that is announced now; None where none ever fits.
    """

    next_backup: datetime
    backups_a_day: int
    points_kept: int
    backup_bytes: int | None
    update: Window | None


def consequences(terms: Terms, at: datetime, points: Sequence[PointFacts], state: str | None = None) -> Consequences:
    """What terms come to.

    A generation is kept until its last point is `backup_weeks_kept` old, so that one more week than that is there.

    Args:
        terms: by which the instance is served.
        at: from this moment on.
        points: the recovery points so far, by which the next ones' size is judged.
        state: whose public holidays are kept, None for none.
    """
    a_day = backups_a_day(terms)
    weeks = terms.backup_weeks_kept + 1
    full, incremental = (_usual(points, kind) for kind in (PointKind.FULL, PointKind.INCREMENTAL))
    further = a_day * WEEKDAYS - 1
    room = None if full is None else round(weeks * (full + further * (incremental or 0)))
    try:
        update = next_window(earliest_planned(at, TOLD_STOP_SECONDS, terms), UPDATE_LASTS, (terms,), state)
    except NeverFits:
        update = None
    return Consequences(next_slot(at, terms), a_day, weeks * (further + 1), room, update)


def backups_a_day(terms: Terms) -> int:
    """How many backups become due on each day; one at least."""
    return max(1, ceil(ONE_DAY / terms.backup_every))


def _usual(points: Sequence[PointFacts], kind: PointKind) -> float | None:
    """What a point of a kind added to the store on the mean; None where there is none."""
    added = [point.bytes_added for point in points if point.kind is kind and not point.damaged]
    return fmean(added) if added else None
