"""A time zone as iCalendar tells it (RFC 5545, VTIMEZONE), from the system's own tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

FIRST_YEAR, LAST_YEAR = 1970, 2037
"""Between these the changes are listed; an event of another year has the offset of the nearest one."""

FALLBACK = "Europe/Berlin"
WEEK = 7
FEW = 3
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def zone_named(name: str) -> ZoneInfo:
    """A zone by its name, as PHP's settings have it; that of the service where there is none such."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(FALLBACK)


def changes(zone: ZoneInfo) -> list[tuple[datetime, timedelta, timedelta, str, bool]]:
    """When the offset changed: the moment (UTC), the offset before and after, the new name, whether it is summer's."""
    found = []
    at, end = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)
    while at < end:
        after = at + timedelta(days=7)
        if _offset(zone, at) != _offset(zone, after):
            moment = _change_between(zone, at, after)
            local = moment.astimezone(zone)
            is_summer = bool(local.dst())
            found.append(
                (
                    moment,
                    _offset(zone, moment - timedelta(seconds=1)),
                    _offset(zone, moment),
                    str(local.tzname()),
                    is_summer,
                )
            )
        at = after
    return found


def _change_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The second at which the offset changes, by halves."""
    old = _offset(zone, before)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=int((after - before).total_seconds()) // 2)
        before, after = (middle, after) if _offset(zone, middle) == old else (before, middle)
    return after


def vtimezone(zone: ZoneInfo) -> list[str]:
    """The lines of the zone: changes that follow a rule up to now by that rule, those of before one by one.

    Lists of dates would be shorter, but not every reader takes them.
    """
    begin = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    first = _offset(zone, begin)
    lines = ["BEGIN:VTIMEZONE", f"TZID:{zone.key}"]
    lines += _part("STANDARD", begin.replace(tzinfo=None), first, first, str(begin.astimezone(zone).tzname()))
    kinds = dict[tuple[timedelta, timedelta, str, bool], list[datetime]]()
    for moment, old, new, name, is_summer in changes(zone):
        kinds.setdefault((old, new, name, is_summer), []).append((moment + old).replace(tzinfo=None))
    for (old, new, name, is_summer), moments in kinds.items():
        kind, regular = "DAYLIGHT" if is_summer else "STANDARD", _regular(moments)
        for moment in moments[: len(moments) - len(regular)]:
            lines += _part(kind, moment, old, new, name)
        if regular:
            lines += _part(kind, regular[0], old, new, name, f"RRULE:{_rule(regular)}")
    return [*lines, "END:VTIMEZONE"]


def _part(kind: str, at: datetime, old: timedelta, new: timedelta, name: str, *rule: str) -> list[str]:
    """One change of the offset, or all of a rule."""
    return [
        f"BEGIN:{kind}", f"DTSTART:{at:%Y%m%dT%H%M%S}", *rule, f"TZOFFSETFROM:{_shown(old)}",
        f"TZOFFSETTO:{_shown(new)}", f"TZNAME:{name}", f"END:{kind}",
    ]  # fmt: skip


def _regular(moments: list[datetime]) -> list[datetime]:
    """The last moments of a change that come each year by one rule, to the end of the tables; none if they are few."""
    if moments[-1].year < LAST_YEAR:
        return []
    for begin in range(len(moments)):
        tail = moments[begin:]
        yearly = all(after.year - before.year == 1 for before, after in pairwise(tail))
        if yearly and len({(one.month, one.weekday(), one.time()) for one in tail}) == 1 and _places(tail):
            return tail if len(tail) >= FEW else []
    return []


def _places(moments: list[datetime]) -> set[int]:
    """The weeks of the month that all of them are in, counted from its begin, or (-1) from its end."""
    found = [
        {(one.day - 1) // WEEK + 1, *([-1] if (one + timedelta(days=WEEK)).month != one.month else [])}
        for one in moments
    ]
    return set.intersection(*found)


def _rule(moments: list[datetime]) -> str:
    """The rule of such moments."""
    place, one = min(_places(moments)), moments[0]
    return f"FREQ=YEARLY;BYMONTH={one.month};BYDAY={place}{DAYS[one.weekday()]}"


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    """The offset at a moment."""
    return at.astimezone(zone).utcoffset() or timedelta()


def _shown(offset: timedelta) -> str:
    """An offset as iCalendar writes it."""
    seconds = int(offset.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("+", seconds)
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    return f"{sign}{hours:02d}{minutes:02d}" + (f"{left:02d}" if left else "")
