"""When a move may begin so that no server has more of them at once than it bears (P12, P24).

A target takes in one instance at a time: it replicates one database (docs/decisions/0010). A source gives as many at
once as it is let. What an open offer holds is every one of its times: whichever its customer chooses, it is free then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hosting.policy.move_plan import Sizes, plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hosting.policy.values import ServerName

TURN = timedelta(minutes=15)
"""Moves begin on such moments, and none is given less: what was estimated is no promise."""

MARGIN = 1.5
"""A move is given so many times what it is estimated to take."""


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


def turn(source: ServerName, target: ServerName, begins: datetime, sizes: Sizes) -> Turn:
    """The time that a move is given which begins at a moment: whole turns, at least one."""
    needed = timedelta(seconds=plan(sizes, replicating=False).seconds * MARGIN)
    return Turn(source, target, begins, begins + max(1, -(-needed // TURN)) * TURN)


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
    parallel: int,
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
    """
    at = after
    while at < until:
        if is_free(turn(source, target, at, sizes), taken, parallel):
            return at
        at += TURN
    return None


def _most_at_once(turns: Sequence[Turn]) -> int:
    """How many of them are at the same time at most: the most is reached where one begins."""
    return max((sum(one.begins <= at.begins < one.ends for one in turns) for at in turns), default=0)
