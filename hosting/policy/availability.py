"""What probes of an instance saw, told as one line of time: up, down with its cause, not measured, not owed (P11).

The location's prober decides, since the promise is measured there. Where it has no result the outside probe does: an
answer of up is up, anything else is down. Where both have none, nothing is known, and nothing is taken for up. An
instance that is up at its location and not reached from outside is up; what kept it from being reached is noted, and so
is that it is reached and its customer's own domain does not lead to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from hosting.policy.outage_causes import Cause, Labelled, covers, explaining, rank
from hosting.policy.probe_spans import LONGEST_GAP, Answer, Vantage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from hosting.policy.probe_spans import Span

ZERO = timedelta(0)


class Standing(StrEnum):
    """How an instance stood at a moment."""

    UP = "up"
    OUTSIDE_FAILS = "outside_fails"  # up at its location; it counts as up
    DOWN = "down"
    UNMEASURED = "unmeasured"
    NOT_OWED = "not_owed"


BY_DOMAIN = "by its own domain"
"""The note of a time in which an instance was reached by its long form and not by its customer's domain."""

COUNTS_AS_UP = frozenset({Standing.UP, Standing.OUTSIDE_FAILS})


@dataclass(frozen=True)
class Stretch:
    """A time in which one thing was so, from `since` up to `until`, which is not in it.

    Args:
        standing: how the instance stood.
        since: its beginning.
        until: its end.
        cause: of what is down, or not reached from outside; None else.
        note: of the cause.
        answer: the probes that decided; None where there is none.
    """

    standing: Standing
    since: datetime
    until: datetime
    cause: Cause | None = None
    note: str = ""
    answer: Answer | None = None

    @property
    def length(self) -> timedelta:
        """How long it took."""
        return self.until - self.since


@dataclass(frozen=True)
class Outage:
    """Time without a break in which an instance was down, in parts by what was at work.

    Args:
        parts: one after the other; one at least.
        ongoing: it lasts until the end of what was looked at.
    """

    parts: tuple[Stretch, ...]
    ongoing: bool = False

    @property
    def since(self) -> datetime:
        """Its beginning: the first probe that failed."""
        return self.parts[0].since

    @property
    def until(self) -> datetime:
        """Its end: the first probe that was answered again, or the last moment of which anything is known."""
        return self.parts[-1].until

    @property
    def length(self) -> timedelta:
        """How long it took."""
        return self.until - self.since

    @property
    def leading(self) -> Stretch:
        """The part whose cause was at work longest; of equal ones the cause that goes before."""
        return max(self.parts, key=lambda one: (self._worked(one.cause), -rank(one.cause), one.length))

    @property
    def cause(self) -> Cause:
        """What was at work longest."""
        return self.leading.cause or Cause.UNKNOWN

    def _worked(self, cause: Cause | None) -> timedelta:
        """How long one cause was at work."""
        return sum((one.length for one in self.parts if one.cause is cause), ZERO)


@dataclass(frozen=True)
class _Held:
    """An answer and the time for which it holds."""

    answer: Answer
    since: datetime
    until: datetime


def timeline(
    spans: Iterable[Span], causes: Iterable[Labelled], since: datetime, until: datetime, interval: timedelta
) -> tuple[Stretch, ...]:
    """How an instance stood in a time, without gaps and overlaps, from its beginning to its end.

    An answer holds until the next probe of its vantage, if that came within `LONGEST_GAP` intervals. Else an answer of
    up ends with its probe, and a failure counts for one interval: what nobody saw is not taken for up.

    Args:
        spans: of this instance alone, of all vantages, in any order.
        causes: what was going on, in any order; they may overlap.
        since: the beginning.
        until: the end; this moment at the latest.
        interval: between two probes.
    """
    if since >= until:
        return ()
    known, labels = list(spans), [one for one in causes if one.since < until and (one.until or until) > since]
    here = _held([one for one in known if one.vantage is Vantage.LOCATION], until, interval)
    outside = _held([one for one in known if one.vantage is Vantage.OUTSIDE], until, interval)
    domain = _held([one for one in known if one.vantage is Vantage.DOMAIN], until, interval)
    moments = {moment for one in (*here, *outside, *domain) for moment in (one.since, one.until)}
    moments |= {moment for one in labels for moment in (one.since, one.until or until)}
    bounds = sorted({since, until, *(moment for moment in moments if since < moment < until)})
    answers = zip(*(_at(bounds, held) for held in (here, outside, domain)), strict=True)
    return joined(_stretch(*cell, said, labels) for cell, said in zip(pairwise(bounds), answers, strict=True))


def outages_of(stretches: Sequence[Stretch]) -> tuple[Outage, ...]:
    """The outages in a timeline, the first one first."""
    found = []
    for down, run in groupby(stretches, key=lambda one: one.standing is Standing.DOWN):
        if down:
            parts = tuple(run)
            found.append(Outage(parts, ongoing=parts[-1] is stretches[-1]))
    return tuple(found)


def unmeasured_in(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """The stretches of a timeline of which nothing is known, the first one first."""
    return tuple(one for one in stretches if one.standing is Standing.UNMEASURED)


def noted_in(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Those in which an instance was up at its location and not reached from outside, the first one first."""
    return tuple(one for one in stretches if one.standing is Standing.OUTSIDE_FAILS)


def server_faults(lines: Sequence[Sequence[Stretch]]) -> tuple[Labelled, ...]:
    """The times in which nothing that was measured on a server was up: its own fault, if nothing else explains it.

    Args:
        lines: of all instances on the server, two at least; of one alone it can't be told.
    """
    if len(lines) < 2:  # noqa: PLR2004  # two witnesses
        return ()
    changes: dict[datetime, list[int]] = {}
    for one in (one for line in lines for one in line):
        kind = 0 if one.standing is Standing.DOWN else 1 if one.standing in COUNTS_AS_UP else None
        if kind is not None:
            changes.setdefault(one.since, [0, 0])[kind] += 1
            changes.setdefault(one.until, [0, 0])[kind] -= 1
    down = up = 0
    found: list[Labelled] = []
    for moment in sorted(changes):
        at_fault = down > 1 and not up
        down, up = down + changes[moment][0], up + changes[moment][1]
        if down > 1 and not up and not at_fault:
            found.append(Labelled(Cause.OURS, moment, None, "nothing on the server was reached"))
        elif at_fault and not (down > 1 and not up):
            found[-1] = replace(found[-1], until=moment)
    return tuple(found)


def joined(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Stretches that follow each other, those that say the same as one."""
    found: list[Stretch] = []
    for one in stretches:
        last = found[-1] if found else None
        if last is not None and last.until == one.since and replace(last, since=one.since, until=one.until) == one:
            found[-1] = replace(last, until=one.until)
        else:
            found.append(one)
    return tuple(found)


def _held(spans: Sequence[Span], until: datetime, interval: timedelta) -> list[_Held]:
    """What one vantage knows, for which time; in order, without overlaps."""
    ordered = sorted(spans, key=lambda one: one.since)
    nexts = [*(one.since for one in ordered), until][1:]
    found = []
    for span, following in zip(ordered, nexts, strict=False):
        close = following - span.until <= LONGEST_GAP * interval
        alone = span.until if span.answer is Answer.UP else min(span.until + interval, following)
        end = following if close else alone
        if end > span.since:
            found.append(_Held(span.answer, span.since, end))
    return found


def _at(bounds: Sequence[datetime], held: Sequence[_Held]) -> list[Answer | None]:
    """What one vantage says of the time between each two bounds."""
    found: list[Answer | None] = []
    place = 0
    for begin in bounds[:-1]:
        while place < len(held) and held[place].until <= begin:
            place += 1
        here = place < len(held) and held[place].since <= begin
        found.append(held[place].answer if here else None)
    return found


def _stretch(since: datetime, until: datetime, said: Sequence[Answer | None], labels: Sequence[Labelled]) -> Stretch:
    """How an instance stood in a time in which nothing changed, by what was said there, from outside, by its domain."""
    own, other, named = said
    if any(one.cause is Cause.SUSPENDED and covers(one, since) for one in labels):
        return Stretch(Standing.NOT_OWED, since, until, Cause.SUSPENDED)
    deciding = other if own is None else own
    if deciding is None:
        return Stretch(Standing.UNMEASURED, since, until)
    if deciding is not Answer.UP:
        label = explaining(labels, since)
        return Stretch(Standing.DOWN, since, until, label.cause, label.note, deciding)
    if other in {None, Answer.UP}:
        if other is None or named in {None, Answer.UP}:
            return Stretch(Standing.UP, since, until, answer=Answer.UP)
        return Stretch(Standing.OUTSIDE_FAILS, since, until, Cause.CUSTOMERS_DNS, BY_DOMAIN, named)
    astray = [one for one in labels if one.cause is Cause.CUSTOMERS_DNS and covers(one, since)]
    cause = Cause.CUSTOMERS_DNS if astray else Cause.WAY_OUT
    return Stretch(Standing.OUTSIDE_FAILS, since, until, cause, astray[0].note if astray else "", other)
