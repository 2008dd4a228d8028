"""How long a server that an instance has left is asked to do its part, and passes the instance's names on (P10, P24).

Long-form addresses are passed on for the life of the contract. A name's passing on ends by itself: once everybody who
asks for it has come to the right server for a while.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from hosting.policy.terms import STANDARD

if TYPE_CHECKING:
    from datetime import datetime

    from hosting.policy.pointing import Pointing
    from hosting.policy.terms import Terms


class Next(StrEnum):
    """What is to be done about a name that servers which its instance has left pass on."""

    WAIT = "wait"
    REMIND = "remind"
    TELL = "tell"
    END = "end"


@dataclass(frozen=True)
class Passing:
    """A name that is passed on since its instance moved.

    Args:
        since: when the instance left.
        is_domain: the customer's own: he changes the DNS; else the zone is ours.
        quiet_since: since when everybody who asks comes to the right server; None where somebody does not.
        reminders: how often the customer was reminded.
        reminded_at: when he was last.
    """

    since: datetime
    is_domain: bool
    quiet_since: datetime | None = None
    reminders: int = 0
    reminded_at: datetime | None = None


def quiet_since(passing: Passing, found: Pointing, now: datetime) -> datetime | None:
    """Since when everybody comes to the right server, after another look; where nobody answers it stays as it was."""
    if not found.known:
        return passing.quiet_since
    return (passing.quiet_since or now) if found.points else None


def next_step(passing: Passing, now: datetime, terms: Terms = STANDARD) -> Next:
    """What is to be done about a name, after it was looked at.

    Args:
        passing: the name, with what was seen of it.
        now: this moment.
        terms: with the rest, and the days after the move on which a customer is reminded.
    """
    if passing.quiet_since is not None:
        return Next.END if now - passing.quiet_since >= terms.passed_on_rests else Next.WAIT
    days = terms.domain_reminder_days if passing.is_domain else ()
    if passing.reminders < len(days):
        return Next.REMIND if (now - passing.since).days >= days[passing.reminders] else Next.WAIT
    last = passing.reminded_at or passing.since
    return Next.TELL if (now - last).days >= terms.domain_told_after_days else Next.WAIT


def is_told(owed_since: datetime, now: datetime, terms: Terms = STANDARD) -> bool:
    """Whether a person is told of a server that has not answered for so long."""
    return (now - owed_since).days >= terms.home_silent_days
