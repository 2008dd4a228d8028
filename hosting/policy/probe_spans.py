"""What probes of an instance answered, kept compactly: runs of equal results (P11).

A span says what its probes saw, and nothing of the time in which nobody looked: it ends with its last probe.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from hosting.policy.values import InstanceName

LONGEST_GAP = 2
"""A run of results has no gap longer than so many intervals: what was not measured is in no span."""


class Vantage(StrEnum):
    """Where a probe stands: on another machine of the server's location, or outside of it; by which name it comes."""

    LOCATION = "location"
    OUTSIDE = "outside"
    DOMAIN = "domain"  # outside, by the customer's own domain: that decides nothing, and is noted


class Answer(StrEnum):
    """What a probe was told; everything but `up` is down."""

    UP = "up"  # 401: the API asks who one is, with the product and its database alive
    OFFLINE = "offline"  # 503: closed by its operator or by us
    BROKEN = "broken"  # 500, or any other status
    UNREACHABLE = "unreachable"  # no connection, or no answer in time
    UNTRUSTED = "untrusted"  # the certificate is not good

    @classmethod
    def of(cls, status: int) -> Answer:
        """What the status of the instance's API says of it (`phlymail.md` §7)."""
        if status == HTTPStatus.UNAUTHORIZED:
            return cls.UP
        return cls.OFFLINE if status == HTTPStatus.SERVICE_UNAVAILABLE else cls.BROKEN


@dataclass(frozen=True)
class Probe:
    """One look at one instance."""

    instance: InstanceName
    vantage: Vantage
    answer: Answer
    at: datetime


@dataclass(frozen=True)
class Span:
    """Equal results of one instance from one vantage, with no gap longer than `LONGEST_GAP` intervals.

    Args:
        instance: that was probed.
        vantage: from where.
        answer: of each of its probes.
        since: the moment of the first one.
        until: the moment of the last one; the same as `since` if there was one.
        probes: how many there were.
    """

    instance: InstanceName
    vantage: Vantage
    answer: Answer
    since: datetime
    until: datetime
    probes: int = 1


def with_probe(last: Span | None, probe: Probe, interval: timedelta) -> Span:
    """The span that a probe belongs to: the last one of its instance and vantage grown by it, or a new one.

    Args:
        last: the latest span of the probe's instance and vantage.
        probe: later than that; one that is not later (a round that was written twice) changes nothing.
        interval: between two probes of this instance.
    """
    if last is None:
        return Span(probe.instance, probe.vantage, probe.answer, probe.at, probe.at)
    if probe.at <= last.until:
        return last
    if probe.answer == last.answer and probe.at - last.until <= LONGEST_GAP * interval:
        return replace(last, until=probe.at, probes=last.probes + 1)
    return Span(probe.instance, probe.vantage, probe.answer, probe.at, probe.at)


def extended(spans: Sequence[Span], probe: Probe, interval: timedelta) -> tuple[Span, ...]:
    """Spans in the order of their time, extended by one probe; those of others are left as they are."""
    mine = [one for one in spans if (one.instance, one.vantage) == (probe.instance, probe.vantage)]
    last = mine[-1] if mine else None
    grown = with_probe(last, probe, interval)
    if last is not None and grown.since == last.since:
        return tuple(grown if one is last else one for one in spans)
    return (*spans, grown)


def spans_of(probes: Iterable[Probe], interval: timedelta) -> tuple[Span, ...]:
    """The spans of probes in any order, by their beginning."""
    last: dict[tuple[InstanceName, Vantage], Span] = {}
    closed: list[Span] = []
    for probe in sorted(probes, key=lambda one: one.at):
        key = (probe.instance, probe.vantage)
        before, grown = last.get(key), with_probe(last.get(key), probe, interval)
        if before is not None and grown.since != before.since:
            closed.append(before)
        last[key] = grown
    return tuple(sorted((*closed, *last.values()), key=lambda one: (one.since, one.instance, one.vantage)))
