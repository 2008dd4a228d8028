"""Whether instances answer worse since a release has come to them, by what the probers were told (P17).

A release may come through its proof and break what customers do later: its ring's updated instances are watched on.
What the records explain otherwise, a server's own update or reboot above all, is not the release's. A ring that was
probed before is at its end once it was asked often enough since, or the time for that is over: then the record says
that it was not judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.policy.outage_causes import Cause, covers
from hosting.policy.probe_spans import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from hosting.policy.outage_causes import Labelled
    from hosting.policy.probe_spans import Span

ERRORS = frozenset({Answer.BROKEN, Answer.UNREACHABLE, Answer.UNTRUSTED})
"""What a release may be to blame for; what is offline was closed by its operator, or by us."""

ERRORS_LEAST = 3
"""Fewer in a ring may be a hiccup on the way to it. By fewer probes it can't be judged: they are waited for."""

OTHER_WORK = frozenset({Cause.SUSPENDED, Cause.RESTORE, Cause.MOVE, Cause.IMPORT, Cause.PLANNED})
"""What keeps an instance from answering, and has nothing to do with its release."""


@dataclass(frozen=True)
class Asked:
    """So many probes, and so many of them answered by an error."""

    probes: int = 0
    errors: int = 0

    @property
    def percent(self) -> float:
        """The share of errors; none where nothing was asked."""
        return 100 * self.errors / self.probes if self.probes else 0.0


@dataclass(frozen=True)
class Updated:
    """An instance that has the release.

    Args:
        ring: its ring.
        before: what was asked of it in the time before its update.
        since: what was asked of it since.
        asked_until: until when its ring waits for its probes.
    """

    ring: int
    before: Asked
    since: Asked
    asked_until: datetime


def asked(spans: Iterable[Span], since: datetime, until: datetime, going_on: Sequence[Labelled] = ()) -> Asked:
    """The probes of an instance in a time; those of a span are spread over it evenly.

    Args:
        spans: what its probes were told.
        since: from when on.
        until: to when.
        going_on: what the records say of that time; probes that fell into other work than the release's don't count.
    """
    others = [one for one in going_on if one.cause in OTHER_WORK]
    found = [(one.answer in ERRORS, _probes(one, since, until, others)) for one in spans]
    return Asked(sum(number for _, number in found), sum(number for is_error, number in found if is_error))


def error_halt(updated: Sequence[Updated], most_percent: float) -> str:
    """Why a roll-out has to halt, in a sentence; empty where it goes on.

    Args:
        updated: the instances that have the release.
        most_percent: by so much the share of errors may be higher than before in a ring.
    """
    for ring in sorted({one.ring for one in updated}):
        before = _total(one.before for one in updated if one.ring == ring)
        since = _total(one.since for one in updated if one.ring == ring)
        if since.errors >= ERRORS_LEAST and since.percent - before.percent > most_percent:
            return (
                f"{since.percent:.0f} % of the probes of ring {ring} fail since its update, {before.percent:.0f} % did "
                f"before; {most_percent:g} % more are borne."
            )
    return ""


def is_judged(updated: Sequence[Updated], ring: int) -> bool:
    """Whether a ring's updated instances were asked so often since that errors could have halted the roll-out."""
    mine = [one for one in updated if one.ring == ring]
    return _total(one.since for one in mine).probes >= ERRORS_LEAST and all(
        one.since.probes for one in mine if one.before.probes
    )


def waits(updated: Sequence[Updated], ring: int, now: datetime) -> bool:
    """Whether a ring is still to be asked before the next one begins: it was probed before, and will be soon."""
    mine = [one for one in updated if one.ring == ring]
    return not is_judged(updated, ring) and any(one.before.probes and now < one.asked_until for one in mine)


def _total(found: Iterable[Asked]) -> Asked:
    """All of them together."""
    every = list(found)
    return Asked(sum(one.probes for one in every), sum(one.errors for one in every))


def _probes(span: Span, since: datetime, until: datetime, others: Sequence[Labelled]) -> int:
    """How many of a span's probes were in a time, and in none of other work."""
    lasts, steps = span.until - span.since, max(span.probes - 1, 1)
    moments = (span.since + lasts * number / steps for number in range(span.probes))  # the last one falls on its end
    return sum(since <= at <= until and not any(covers(one, at) for one in others) for at in moments)
