"""When a move may begin so that no server has more of them at once than it bears (P12, P24).

A target takes in one instance at a time: it replicates one database (docs/decisions/0010). A source gives as many at
once as it is let. What an open offer holds is every one of its times: whichever its customer chooses, it is free then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hosting.errors import Refused
from hosting.policy.move_plan import Sizes, plan
from hosting.policy.terms import TIME_ZONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hosting.policy.maintenance import Window
    from hosting.policy.values import ServerName

TURN = timedelta(minutes=15)
"""Moves begin on such moments, and none is given less: what was estimated is no promise."""

MARGIN = 1.5
"""A move is given so many times what it is estimated to take."""


class CopiedTooLate(Refused):
    """The copying of an instance takes so long that it can't be through in the time that is wanted."""

    def __init__(self, needed: timedelta, now: datetime, ahead: timedelta) -> None:
        soonest = next_turn(now + TURN) + ahead  # who reads this takes a moment to say so
        at = f"{soonest.astimezone(ZoneInfo(TIME_ZONE)):%Y-%m-%d %H:%M}"
        message = f"The copying may take {needed / timedelta(hours=1):.1f} h, while the customer works."
        super().__init__(message, f"Take a time that begins at {at} or later.")


@dataclass(frozen=True)
class Turn:
    """A time in which an instance is on its way, or may be.

    Args:
        source: the server that it leaves.
        target: the server that it goes to.
        begins: the first moment.
        ends: the first moment after it.
    """

    source: ServerName
    target: ServerName
    begins: datetime
    ends: datetime


def turn(source: ServerName, target: ServerName, begins: datetime, sizes: Sizes, pace: float = 1.0) -> Turn:
    """The time that a move is given which begins at a moment: whole turns, at least one."""
    return Turn(source, target, begins, begins + time_for(sizes, pace))


def next_turn(at: datetime) -> datetime:
    """A moment, or the first one after it on which moves begin."""
    return at + (datetime.min.replace(tzinfo=at.tzinfo) - at) % TURN


def time_for(sizes: Sizes, pace: float = 1.0) -> timedelta:
    """How long a move may take: whole turns, at least one, and more than is estimated."""
    return _whole_turns(plan(sizes, replicating=False, pace=pace).seconds * MARGIN)


def estimated_for(sizes: Sizes, pace: float = 1.0) -> timedelta:
    """How long a move takes as estimated, with nothing over: whole turns, at least one."""
    return _whole_turns(plan(sizes, replicating=False, pace=pace).seconds)


def begins_for(window: Window, needed: timedelta) -> datetime:
    """When a move begins that is to be through in a window: as it opens, or before, where the copying takes longer.

    The customer works while it is copied; only the stop has to be in the window.
    """
    return min(window.opens, window.closes - needed)


def is_free(wanted: Turn, taken: Sequence[Turn], parallel: int) -> bool:
    """Whether a move may have a time beside all others: the target is nobody else's, the source gives not too many.

    Args:
        wanted: the time.
        taken: those of other instances.
        parallel: how many moves at once leave the source.
    """
    beside = [one for one in taken if one.begins < wanted.ends and wanted.begins < one.ends]
    leaving = [one for one in beside if one.source == wanted.source]
    return all(one.target != wanted.target for one in beside) and _most_at_once(leaving) < parallel


def next_free(  # what a time is, and what it has to keep
    source: ServerName, target: ServerName, sizes: Sizes, *, after: datetime, until: datetime, taken: Sequence[Turn],
    parallel: int, pace: float = 1.0,
) -> datetime | None:  # fmt: skip
    """The first moment on which a move may begin; None: there is none.

    Args:
        source: the server that it leaves.
        target: the server that it goes to.
        sizes: of the instance.
        after: not before this.
        until: before this.
        taken: the times of other instances.
        parallel: how many moves at once leave the source.
        pace: so many times the usual time does it take.
    """
    at = after
    while at < until:
        if is_free(turn(source, target, at, sizes, pace), taken, parallel):
            return at
        at += TURN
    return None


def _whole_turns(seconds: float) -> timedelta:
    """The turns in which so many seconds lie."""
    return max(1, -(-timedelta(seconds=seconds) // TURN)) * TURN


def _most_at_once(turns: Sequence[Turn]) -> int:
    """How many of them are at the same time at most: the most is reached where one begins."""
    return max((sum(one.begins <= at.begins < one.ends for one in turns) for at in turns), default=0)
