"""The service clock: when setup is done, by when it is promised, and whether that promise will be kept (P08, P09).

Moments come in aware of their zone, whichever it is, and go out in UTC; service time is what passes while the service
is open. A naive moment raises ValueError everywhere. Worked examples: `docs/service-clock.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from holidays import PUBLIC
from holidays.countries.germany import Germany

from hosting.errors import Refused, ServiceError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from hosting.policy.terms import Terms

MIDNIGHT = time(0)
NO_TIME = timedelta(0)
ONE_DAY = timedelta(days=1)
WEEK = frozenset(range(7))
HORIZON_DAYS = 400
"""How far ahead an opening is looked for: longer than a year, so that whatever opens once a year is found."""


class NeverOpen(ServiceError):
    """The calendar has no opening within the horizon, so that nothing can be promised by it."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment
        super().__init__(
            f"The service calendar has no opening within {HORIZON_DAYS} days after {moment:%Y-%m-%d %H:%M} UTC.",
            "Check the service hours, their weekdays and the days entered as closed.",
        )


@dataclass(frozen=True)
class ServiceHours:
    """The hours of a service level, in the wall-clock time of its zone (P09, P40).

    Args:
        opens: the first moment that is open.
        closes: the first moment that is closed again; 00:00 is the end of the day (24:00).
        weekdays: Monday is 0.
        zone: a wall-clock time that the change to summer time leaves out is read with the offset before the change,
            one that comes twice in autumn is the first of the two.
        on_holidays: open on public holidays too.

    Raises:
        Refused: closing before opening, or a weekday that is none.
    """

    opens: time
    closes: time
    weekdays: frozenset[int]
    zone: ZoneInfo
    on_holidays: bool = False

    def __post_init__(self) -> None:
        """Refuse hours that can't be kept."""
        if self.opens >= self.closes != MIDNIGHT:
            raise Refused(
                f"Service hours from {self.opens:%H:%M} to {self.closes:%H:%M} close before they open.",
                "Let them open and close on the same day; 00:00 as closing time is the end of the day.",
            )
        if not self.weekdays <= WEEK:
            raise Refused(
                f"Service hours name weekdays that don't exist: {sorted(self.weekdays - WEEK)}.",
                "Number the weekdays from 0 (Monday) to 6 (Sunday).",
            )

    @classmethod
    def of_terms(cls, terms: Terms, zone: ZoneInfo) -> ServiceHours:
        """The setup hours that a contract's terms name (P40)."""
        weekdays = frozenset(terms.setup_weekdays)
        return cls(terms.setup_opens, terms.setup_closes, weekdays, zone, on_holidays=terms.setup_on_holidays)


@dataclass(frozen=True)
class ServiceCalendar:
    """The days and hours on which the service works: hours, less public holidays, with the operator's overrides (P09).

    Args:
        hours: of the service level.
        holidays_state: the German state whose public holidays are kept, by its code ("BE"); None keeps none.
            Holidays of only a part of the state are entered as closed days.
        closed: days on which the service is closed besides.
        opened: days on which it is open besides, in the same hours: a Saturday, a public holiday.

    Raises:
        Refused: an unknown state, or a day entered both as closed and as opened.
    """

    hours: ServiceHours
    holidays_state: str | None
    closed: frozenset[date] = field(default_factory=frozenset)
    opened: frozenset[date] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        """Refuse a calendar that contradicts itself."""
        if self.holidays_state is not None and self.holidays_state not in Germany.subdivisions:
            raise Refused(
                f"The holiday state {self.holidays_state!r} is no German state.",
                f"Set one of: {', '.join(Germany.subdivisions)}.",
            )
        if both := sorted(self.closed & self.opened):
            raise Refused(
                f"The service calendar has days both closed and opened: {', '.join(map(str, both))}.",
                "Take each of them out of one list.",
            )

    def opens_on(self, day: date) -> bool:
        """Whether the service works on this day of its zone; overrides win over weekdays and holidays."""
        if day in self.opened:
            return True
        if day in self.closed or day.weekday() not in self.hours.weekdays:
            return False
        if self.hours.on_holidays or self.holidays_state is None:
            return True
        return day not in public_holidays(self.holidays_state, day.year)

    def is_open(self, moment: datetime) -> bool:
        """Whether the moment lies inside service hours: the opening moment does, the closing moment doesn't."""
        window = self._window(self._day(moment))
        return window is not None and window[0] <= _utc(moment) < window[1]

    def next_open(self, moment: datetime) -> datetime:
        """The first moment inside service hours from here on, the moment itself if it is open.

        Raises:
            NeverOpen: nothing opens within the horizon.
        """
        return self._next_window(moment)[0]

    def closes_after(self, moment: datetime) -> datetime:
        """The end of the open time that holds this moment; midnight between two open days doesn't end it.

        Hours that never close answer with the end of the horizon.

        Raises:
            ValueError: the service is closed at this moment (ask `next_open` first).
        """
        today = self._day(moment)
        window = self._window(today)
        if window is None or not window[0] <= _utc(moment) < window[1]:
            raise ValueError(f"the service is closed at {moment}")
        closes = window[1]
        for ahead in range(1, HORIZON_DAYS + 1):
            following = self._window(today + ahead * ONE_DAY)
            if following is None or following[0] > closes:
                break
            closes = following[1]
        return closes

    def add(self, moment: datetime, duration: timedelta) -> datetime:
        """The first moment at which that much service time has passed: eight hours can end at closing time itself.

        Raises:
            ValueError: the duration is negative.
            NeverOpen: nothing opens within the horizon.
        """
        reached = _utc(moment)
        if duration < NO_TIME:
            raise ValueError(f"service time can't be added backwards: {duration}")
        while duration > NO_TIME:  # each round uses up a day's open time, or raises
            opens, closes = self._next_window(reached)
            reached = min(closes, opens + duration)
            duration -= reached - opens
        return reached

    def between(self, start: datetime, end: datetime) -> timedelta:
        """The service time from start to end, negative if the end comes first."""
        start, end = _utc(start), _utc(end)
        if end < start:
            return -self.between(end, start)
        first = self._day(start)
        days = (self._day(end) - first).days
        windows = (self._window(first + ahead * ONE_DAY) for ahead in range(days + 1))
        open_times = (min(window[1], end) - max(window[0], start) for window in windows if window is not None)
        return sum((open_time for open_time in open_times if open_time > NO_TIME), NO_TIME)

    def time_left(self, now: datetime, promised_by: datetime) -> timedelta:
        """The service time left until a promise is due; negative by the service time that has passed since.

        In the first closed hours after a missed promise it is zero: whether it is missed, the moments themselves say.
        """
        return self.between(now, promised_by)

    def next_start(self, moment: datetime, duration: timedelta) -> datetime:
        """The first moment from here on at which work of this length can start and end before closing time.

        Work that would leave the hours waits for the next opening; work longer than the hours starts when they open.

        Raises:
            NeverOpen: nothing opens within the horizon.
        """
        first = self.next_open(moment)
        closes = self.closes_after(first)
        if first + duration <= closes:
            return first
        opening = self.next_open(closes)
        return opening if opening + duration <= self.closes_after(opening) else first

    def _day(self, moment: datetime) -> date:
        """The day of the zone on which the moment lies."""
        return _utc(moment).astimezone(self.hours.zone).date()

    def _next_window(self, moment: datetime) -> tuple[datetime, datetime]:
        """What is left of the day's open time, else the next day's that opens; raises NeverOpen."""
        moment = _utc(moment)
        today = self._day(moment)
        for ahead in range(HORIZON_DAYS + 1):
            window = self._window(today + ahead * ONE_DAY)
            if window is not None and moment < window[1]:
                return max(window[0], moment), window[1]
        raise NeverOpen(moment)

    def _window(self, day: date) -> tuple[datetime, datetime] | None:
        """The day's opening and closing moment in UTC, None on a day that stays closed."""
        if not self.opens_on(day):
            return None
        last = day + ONE_DAY if self.hours.closes == MIDNIGHT else day
        ends = ((day, self.hours.opens), (last, self.hours.closes))
        opens, closes = (datetime.combine(on, at, self.hours.zone).astimezone(UTC) for on, at in ends)
        return (opens, closes) if opens < closes else None


@dataclass(frozen=True)
class SetupForecast:
    """When an order's setup starts and is ready, beside what was promised (P08); `spare` is service time."""

    starts_at: datetime
    ready_at: datetime
    promised_by: datetime
    spare: timedelta

    @property
    def misses(self) -> bool:
        """Whether the order will miss its promise: at `promised_by` it won't be ready."""
        return self.ready_at > self.promised_by


def promised_by(paid_at: datetime, calendar: ServiceCalendar, within: timedelta) -> datetime:
    """The moment by which a paid order's instance is promised: so much service time after the payment (P08).

    Args:
        paid_at: the payment's arrival, the completing one with part payments.
        calendar: of the order's service level.
        within: service time, `setup_within` of the order's terms.
    """
    return calendar.add(paid_at, within)


def forecast_setup(
    paid_at: datetime,
    now: datetime,
    expected_duration: timedelta,
    calendar: ServiceCalendar,
    within: timedelta,
    *,
    started_at: datetime | None = None,
    work_ahead: timedelta = NO_TIME,
) -> SetupForecast:
    """When a paid order that isn't ready yet will be, as things stand now (P08, P09).

    Args:
        paid_at: the payment's arrival.
        now: the moment of the forecast.
        expected_duration: of the setup itself.
        calendar: of the order's service level.
        within: service time, `setup_within` of the order's terms.
        started_at: when its setup started, if it is under way; it then goes on to its end, whatever the hours.
        work_ahead: service time that other setups take before this one's turn.
    """
    promised = promised_by(paid_at, calendar, within)
    if started_at is None:
        turn = calendar.add(max(_utc(paid_at), _utc(now)), work_ahead)
        starts = calendar.next_start(turn, expected_duration)
        ready = calendar.add(starts, expected_duration)
    else:
        starts = _utc(started_at)
        ready = max(_utc(now), starts + expected_duration)
    return SetupForecast(starts, ready, promised, calendar.between(ready, promised))


@lru_cache(maxsize=256)
def public_holidays(state: str, year: int) -> frozenset[date]:
    """A German state's public holidays of one year: those of the whole state, one-off ones included (P09)."""
    return frozenset(Germany(years=year, subdiv=state, categories=PUBLIC, observed=False))


def _utc(moment: datetime) -> datetime:
    """The moment in UTC; raises ValueError if it is naive."""
    if moment.utcoffset() is None:
        raise ValueError(f"a moment without a zone: {moment}")
    return moment.astimezone(UTC)
