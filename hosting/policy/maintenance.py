"""Maintenance windows: when what slows an instance down, or closes it for a moment, is done (P15, P16).

Off-peak is each night and all of the weekend's days, by the clock on the wall of the service's zone; what touches is
one window. A level may agree on other hours, other days, or public holidays besides (P40). Each night has its window
once, also where the clock is changed: an opening in the hour that comes twice is the first of the two, as is a
closing; one in the hour that is missing is read with the offset before the change, and a window that the missing hour
would swallow keeps its length. Moments come in aware of their zone and go out in UTC; a naive one raises ValueError.

Whoever plans work asks `next_window`; whoever begins it asks `check_may_begin`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hosting.errors import Refused
from hosting.policy.business_hours import public_holidays
from hosting.policy.months import day_of, start_of
from hosting.policy.terms import STANDARD, TIME_ZONE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from hosting.policy.terms import Terms

ZONE = ZoneInfo(TIME_ZONE)
ONE_DAY = timedelta(days=1)

SEARCH_DAYS = 60
"""How far ahead a window is looked for; one without end is told as one to there."""

PAST_RUNS = 10
"""So many of the last runs tell how long the next one takes."""

MARGIN = 1.25
"""Work is expected to take so many times what the longest of them took."""


class NeverFits(Refused):
    """No off-peak window is long enough for this work."""

    def __init__(self, lasts: timedelta) -> None:
        self.lasts = lasts
        message = f"No off-peak window of the next {SEARCH_DAYS} days has room for work of {in_minutes(lasts)}."
        super().__init__(message, "Do less at a time, or say that it is urgent, with the reason.")


class OutsideWindow(Refused):
    """Work that isn't urgent is not begun now: it would not end inside of an off-peak window."""

    def __init__(self, lasts: timedelta, following: Window) -> None:
        self.lasts, self.following = lasts, following
        opens = following.opens.astimezone(ZONE)
        message = f"Work of {in_minutes(lasts)} would not end off-peak if it began now."
        super().__init__(
            message, f"It fits from {opens:%Y-%m-%d %H:%M %Z} on; if it can't wait, say so with the reason."
        )


class ReasonMissing(Refused):
    """Work that leaves the off-peak window says why."""

    def __init__(self) -> None:
        super().__init__("Urgent work leaves the off-peak window for a reason, and none is told.", "Tell the reason.")


@dataclass(frozen=True, order=True)
class Window:
    """A time in UTC: its opening moment belongs to it, its closing moment doesn't."""

    opens: datetime
    closes: datetime

    @property
    def lasts(self) -> timedelta:
        """Its length."""
        return self.closes - self.opens

    def holds(self, moment: datetime) -> bool:
        """Whether a moment lies in it."""
        return self.opens <= moment < self.closes


def off_peak_windows(after: datetime, terms: Terms = STANDARD, state: str | None = None) -> Iterator[Window]:
    """The off-peak windows that close after a moment, the first first; the first may have opened before it.

    Args:
        after: the moment.
        terms: of the service level.
        state: the German state whose public holidays are off-peak where the terms say so; None keeps none.
    """
    after = _utc(after)
    first = day_of(after) - ONE_DAY
    held: Window | None = None
    for ahead in range(SEARCH_DAYS + 2):
        for part in sorted(_parts(first + ahead * ONE_DAY, terms, state)):
            if held is not None and part.opens <= held.closes:
                held = Window(held.opens, max(held.closes, part.closes))
                continue
            if held is not None and held.closes > after:
                yield held
            held = part
    if held is not None and held.closes > after:
        yield held


def common_windows(after: datetime, levels: Collection[Terms], state: str | None = None) -> Iterator[Window]:
    """The windows that are off-peak for every one of these levels: of all whom the same work concerns.

    Raises:
        ValueError: no level is named.
    """
    if not levels:
        raise ValueError("windows of no service level")
    return reduce(_overlaps, (off_peak_windows(after, terms, state) for terms in set(levels)))


def is_off_peak_day(day: date, terms: Terms = STANDARD, state: str | None = None) -> bool:
    """Whether the whole of a day is off-peak; `state` as `off_peak_windows`."""
    holiday = terms.off_peak_on_holidays and state is not None and day in public_holidays(state, day.year)
    return holiday or day.weekday() in terms.off_peak_days


def is_off_peak(moment: datetime, terms: Terms = STANDARD, state: str | None = None) -> bool:
    """Whether a moment lies in an off-peak window."""
    found = next(off_peak_windows(moment, terms, state), None)
    return found is not None and found.holds(_utc(moment))


def next_off_peak(moment: datetime, terms: Terms = STANDARD, state: str | None = None) -> datetime:
    """The first off-peak moment from here on, the moment itself if it is one."""
    return next_window(moment, timedelta(0), (terms,), state).opens


def next_window(
    after: datetime, lasts: timedelta, levels: Collection[Terms] = (STANDARD,), state: str | None = None
) -> Window:
    """The first time from a moment on in which work can begin and end off-peak: what is left of its window.

    Args:
        after: no sooner than this.
        lasts: how long the work takes, as expected.
        levels: the terms of all whom it concerns.
        state: as `off_peak_windows`.

    Raises:
        NeverFits: no window is long enough.
    """
    after = _utc(after)
    for window in common_windows(after, levels, state):
        left = Window(max(window.opens, after), window.closes)
        if left.lasts >= lasts:
            return left
    raise NeverFits(lasts)


def check_may_begin(
    now: datetime,
    lasts: timedelta,
    levels: Collection[Terms] = (STANDARD,),
    state: str | None = None,
    *,
    urgent: str | None = None,
) -> Window:
    """The time that work has which begins now: to the end of the off-peak window, or what it needs if it is urgent.

    Args:
        now: this moment.
        lasts: how long the work takes, as expected.
        levels: the terms of all whom it concerns.
        state: as `off_peak_windows`.
        urgent: why it leaves the window (P16, P17); None where it doesn't. Recorded by the caller.

    Raises:
        ReasonMissing: it is urgent, and nobody says why.
        OutsideWindow: it would not end off-peak; tells when it fits.
        NeverFits: it never does.
    """
    if urgent is not None and not urgent.strip():
        raise ReasonMissing
    now = _utc(now)
    if urgent is not None:
        return Window(now, now + lasts)
    found = next_window(now, lasts, levels, state)
    if found.opens > now:
        raise OutsideWindow(lasts, found)
    return found


def expected_duration(past: Sequence[timedelta], unknown: timedelta) -> timedelta:
    """How long work takes, judged by its own history: the longest of its last runs, with a margin.

    Args:
        past: how long it took before, the latest last.
        unknown: what is taken where it never ran.
    """
    return max(past[-PAST_RUNS:]) * MARGIN if past else unknown


def in_minutes(lasts: timedelta) -> str:
    """A duration as people say it: "90 min"."""
    return f"{lasts / timedelta(minutes=1):.0f} min"


def _parts(day: date, terms: Terms, state: str | None) -> Iterator[Window]:
    """What opens on a day: the day as a whole, and its night."""
    if is_off_peak_day(day, terms, state):
        yield Window(start_of(day), start_of(day + ONE_DAY))
    opens, closes = terms.off_peak_opens, terms.off_peak_closes
    last = day if opens < closes else day + ONE_DAY
    night = Window(_at(day, opens), _at(last, closes))
    if night.opens >= night.closes:  # the hour that is missing has swallowed it
        night = Window(night.opens, night.opens + (datetime.combine(last, closes) - datetime.combine(day, opens)))
    yield night


def _overlaps(one: Iterator[Window], other: Iterator[Window]) -> Iterator[Window]:
    """What two rows of windows have in common."""
    first, second = next(one, None), next(other, None)
    while first is not None and second is not None:
        both = Window(max(first.opens, second.opens), min(first.closes, second.closes))
        if both.opens < both.closes:
            yield both
        if first.closes <= second.closes:
            first = next(one, None)
        else:
            second = next(other, None)


def _at(day: date, at: time) -> datetime:
    """A time of a day on the wall, in UTC."""
    return datetime.combine(day, at, ZONE).astimezone(UTC)


def _utc(moment: datetime) -> datetime:
    """The moment in UTC; raises ValueError if it is naive."""
    if moment.utcoffset() is None:
        raise ValueError(f"a moment without a zone: {moment}")
    return moment.astimezone(UTC)
