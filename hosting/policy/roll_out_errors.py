"""Whether instances answer worse since a release has come to them, by what the probers were told (P17).

A release may come through its proof and break what customers do later: its ring's updated instances are watched on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.policy.probe_spans import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from hosting.policy.probe_spans import Span

ERRORS = frozenset({Answer.BROKEN, Answer.UNREACHABLE, Answer.UNTRUSTED})
"""What a release may be to blame for; what is offline was closed by its operator, or by us."""

ERRORS_LEAST = 3
"""Fewer in a ring may be a hiccup on the way to it."""


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
    """An instance that has the release: its ring, and what was asked of it before its update and since."""

    ring: int
    before: Asked
    since: Asked


def asked(spans: Iterable[Span], since: datetime, until: datetime) -> Asked:
    """The probes of an instance in a time; those of a span are spread over it evenly."""
    found = [(one.answer in ERRORS, _probes(one, since, until)) for one in spans]
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


def _total(found: Iterable[Asked]) -> Asked:
    """All of them together."""
    every = list(found)
    return Asked(sum(one.probes for one in every), sum(one.errors for one in every))


def _probes(span: Span, since: datetime, until: datetime) -> int:
    """How many of a span's probes were in a time."""
    step = (span.until - span.since) / max(span.probes - 1, 1)
    return sum(since <= span.since + number * step <= until for number in range(span.probes))
