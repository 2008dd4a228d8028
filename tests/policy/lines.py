"""Spans and timelines in few words, for tests of availability."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hosting.policy.availability import Standing, Stretch
from hosting.policy.availability_days import Owed
from hosting.policy.outage_causes import Cause
from hosting.policy.probe_spans import Answer, Span, Vantage
from hosting.policy.values import InstanceName

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NAME = InstanceName("k3v9q2")


def at(text: str) -> datetime:
    """A moment in UTC: "2026-03-01" or "2026-03-01 12:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def span(answer: str, since: datetime, until: datetime, vantage: str = "location") -> Span:
    return Span(NAME, Vantage(vantage), Answer(answer), since, until, 1 + (until - since) // MINUTE)


def down(since: datetime, length: timedelta, cause: Cause = Cause.UNKNOWN) -> Stretch:
    return Stretch(Standing.DOWN, since, since + length, cause, answer=Answer.UNREACHABLE)


def line(since: datetime, until: datetime, *others: Stretch) -> list[Stretch]:
    """Up all the time but for these."""
    found, begin = [], since
    for one in (*sorted(others, key=lambda one: one.since), Stretch(Standing.UP, until, until)):
        if begin < one.since:
            found.append(Stretch(Standing.UP, begin, one.since, answer=Answer.UP))
        if one.since < one.until:
            found.append(one)
        begin = one.until
    return found


def owed(since: datetime, until: datetime | None = None, percent: float = 99.6, level: str = "") -> Owed:
    return Owed(level, percent, since, until)
