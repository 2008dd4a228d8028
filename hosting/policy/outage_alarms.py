"""Outages as they are recorded, and which of them are an alarm: once, by server where several are down (P11)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from hosting.policy.availability import COUNTS_AS_UP, ZERO, Standing, outages_of
from hosting.policy.outage_causes import Cause
from hosting.policy.probe_spans import Answer, Vantage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from hosting.policy.availability import Stretch
    from hosting.policy.probe_spans import Span
    from hosting.policy.values import InstanceName, ServerName

WORK = frozenset({Cause.RESTORE, Cause.MOVE, Cause.IMPORT, Cause.UPDATE, Cause.PLANNED})
"""What is done by us: while it explains an outage nobody is called."""

WORK_MOST = timedelta(hours=1)
"""Work that keeps an instance closed for so long calls somebody all the same."""

MANY = 2
"""So many instances of a server that are down at once are an alarm about the server."""

WAY_OUT = "way-out:"
"""So the subject of an alarm begins that is about a server's way out."""

ONE_FALL = timedelta(minutes=10)
"""Who joins an alarm so soon after its letter fell with the others; who joins later is told of."""


@dataclass(frozen=True)
class FoundOutage:
    """An outage as a timeline shows it.

    Args:
        began_at: the first probe that failed, as far as was looked back.
        ended_at: the first one after it that was good, or the last moment of which something is known; None where it is
            not known to be over.
        cause: what was at work longest.
        note: of the cause.
    """

    instance: InstanceName
    server: ServerName
    began_at: datetime
    ended_at: datetime | None
    cause: Cause
    note: str = ""


@dataclass(frozen=True)
class Failing:
    """An instance that is down now.

    Args:
        since: the beginning of its outage.
        probes: so many failed in a row.
        cause: what is at work now.
        alarm: the number of the alarm that it is in; None where it is in none.
        way_out: it is up at its location and not reached from outside.
    """

    instance: InstanceName
    server: ServerName
    since: datetime
    probes: int
    cause: Cause
    alarm: int | None = None
    way_out: bool = False


@dataclass(frozen=True)
class OpenAlarm:
    """An alarm that is not over.

    Args:
        number: its own.
        told_at: when its latest letter was sent; None where one is due.
        instances: who was ever in it.
    """

    number: int
    told_at: datetime | None
    instances: tuple[InstanceName, ...] = ()


@dataclass(frozen=True)
class Raised:
    """An alarm to be raised, or one that is open already with who joins it.

    Args:
        subject: `server:app1`, `instance:k3v9`, or `way-out:app1`.
        instances: whom it is about; of an open one those who join.
        alarm: the number of the open one; None for a new one.
        again: of the open one another letter is due.
    """

    subject: str
    instances: tuple[InstanceName, ...]
    alarm: int | None = None
    again: bool = False


def found_in(instance: InstanceName, server: ServerName, line: Sequence[Stretch]) -> list[FoundOutage]:
    """The outages in an instance's timeline; one after which nothing is known yet is not known to be over."""
    found = []
    last_known = next((one for one in reversed(line) if one.standing is not Standing.UNMEASURED), None)
    for one in outages_of(line):
        over = one.parts[-1] is not last_known
        note = one.leading.note
        found.append(FoundOutage(instance, server, one.since, one.until if over else None, one.cause, note))
    return found


def failed_probes(spans: Sequence[Span], since: datetime) -> int:
    """So many probes failed in a row since the beginning of an outage: of the vantage that decides.

    That is the location's; where it has been silent since, the outside one, by its probes after that.
    """
    here = _failed(spans, Vantage.LOCATION, since)
    last = max((one.until for one in spans if one.vantage is Vantage.LOCATION), default=None)
    silent = since if last is None or last < since else last + timedelta(microseconds=1)
    return max(here, _failed(spans, Vantage.OUTSIDE, silent))


def way_out_failing(line: Sequence[Stretch], spans: Sequence[Span]) -> tuple[datetime, int] | None:
    """Since when an instance that is up at its location is not reached from outside, and by how many probes.

    None where it is reached, is down, or its own names lead elsewhere.
    """
    since = None
    for one in reversed(line):
        if not _is_astray(one):
            break
        since = one.since
    return None if since is None else (since, _failed(spans, Vantage.OUTSIDE, since))


def returned(line: Iterable[Stretch], since: datetime, steady: timedelta) -> bool:
    """Whether an instance was up for so long at a stretch after a moment, or was not owed."""
    run = ZERO
    for one in line:
        if one.standing is Standing.NOT_OWED and one.until > since:
            return True
        run = run + max(ZERO, one.until - max(one.since, since)) if one.standing in COUNTS_AS_UP else ZERO
        if run and run >= steady:
            return True
    return False


def is_reached(line: Sequence[Stretch], steady: timedelta) -> bool:
    """Whether the way out to an instance is no reason for an alarm: reached for so long, or down by itself."""
    failed = [number for number, one in enumerate(line) if _is_astray(one)]
    after = line[failed[-1] + 1 :] if failed else ()
    if not failed or any(one.standing in {Standing.DOWN, Standing.NOT_OWED} for one in after):
        return True
    up = [one.length for one in after if one.standing is not Standing.UNMEASURED]
    return bool(up) and sum(up, ZERO) >= steady


def is_back(line: Sequence[Stretch], steady: timedelta) -> bool:
    """Whether an instance has been up for so long, or is not owed any more: then its alarm is over."""
    last = line[-1] if line else None
    if last is None or last.standing not in {*COUNTS_AS_UP, Standing.NOT_OWED}:
        return False
    tail = timedelta(0)
    for one in reversed(line):
        if one.standing not in COUNTS_AS_UP:
            break
        tail += one.length
    return last.standing is Standing.NOT_OWED or tail >= steady


def alarms(
    failing: Sequence[Failing], open_subjects: Mapping[str, OpenAlarm], after: int, now: datetime
) -> list[Raised]:
    """The alarms that are due: for who has failed often enough, with all who are down on the same server.

    Who is down by our own work calls nobody, unless it takes too long. Who is in an alarm that is open stays there;
    whoever else fails on a server that has one open joins it, and is told of where that is no part of the same fall.
    Who is up at its location and not reached from outside is in an alarm about the server's way out.

    Args:
        failing: all who are down now, or not reached.
        open_subjects: the alarms that are open, by subject.
        after: so many failed probes are an alarm.
        now: this moment.
    """
    there: defaultdict[tuple[ServerName, bool], list[Failing]] = defaultdict(list)
    for one in failing:
        if one.alarm is None and (one.cause not in WORK or now - one.since >= WORK_MOST):
            there[one.server, one.way_out].append(one)
    found = []
    for (server, way_out), down in sorted(there.items()):
        if not any(one.probes >= after for one in down):
            continue
        names = tuple(sorted(one.instance for one in down))
        subject = f"{WAY_OUT}{server}" if way_out else f"server:{server}"
        if subject not in open_subjects and not way_out and len(names) < MANY:
            subject = f"instance:{names[0]}"
        known = open_subjects.get(subject)
        if known is None:
            found.append(Raised(subject, names))
        elif not way_out:
            found.append(Raised(subject, names, known.number, _told_again(known, failing, now)))
    return found


def _told_again(alarm: OpenAlarm, failing: Iterable[Failing], now: datetime) -> bool:
    """Whether who joins an alarm is told of: some of it are back, or its letter is too old to speak of them."""
    down = {one.instance for one in failing if one.alarm == alarm.number}
    return not down.issuperset(alarm.instances) or (alarm.told_at is not None and now - alarm.told_at >= ONE_FALL)


def _is_astray(one: Stretch) -> bool:
    """Whether it was up at its location and our way out did not reach it."""
    return one.standing is Standing.OUTSIDE_FAILS and one.cause is Cause.WAY_OUT


def _failed(spans: Iterable[Span], vantage: Vantage, since: datetime) -> int:
    """So many of a vantage's probes failed in a row at last, none before a moment counted."""
    count = 0
    for one in sorted(spans, key=lambda one: one.since):
        if one.vantage is vantage and one.until >= since:
            count = 0 if one.answer is Answer.UP else count + _probes_from(one, since)
    return count


def _probes_from(span: Span, since: datetime) -> int:
    """How many probes of a span were at a moment or later; between its first and its last they were even."""
    if span.since >= since or span.probes == 1:
        return span.probes
    return 1 + int((span.until - since) / ((span.until - span.since) / (span.probes - 1)))
