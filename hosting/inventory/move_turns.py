"""The times at which instances are on their way, or may be: agreed on, or offered and not answered yet (P12, P24)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.inventory import instances, measurements, moves
from hosting.inventory.evacuation_rows import open_row
from hosting.inventory.levels import terms_of_instance
from hosting.inventory.models import MoveOffer
from hosting.inventory.move_paces import paces
from hosting.inventory.offer_rows import facts_of
from hosting.policy.evacuation import PARALLEL
from hosting.policy.move_plan import Sizes
from hosting.policy.move_turns import CopiedTooLate, Turn, begins_for, estimated_for, is_free, next_free, time_for, turn
from hosting.policy.states import MoveState, OfferState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.maintenance import Window
    from hosting.policy.values import InstanceFacts, ServerName

UNKNOWN = Sizes(0, 0, {})
"""Of an instance that was never measured."""


@dataclass(frozen=True)
class Timetable:
    """What an instance's move to a server has to make room for, and is to be given.

    Args:
        source: the server that it leaves.
        target: the server that it goes to.
        sizes: of the instance, as they were measured last.
        taken: the times of all other instances.
        parallel: how many moves at once leave the source.
        pace: so many times the usual time do copies take between both servers.
        window: how long the windows are that its customer is offered.
    """

    source: ServerName
    target: ServerName
    sizes: Sizes
    taken: tuple[Turn, ...]
    parallel: int
    pace: float
    window: timedelta

    @property
    def needed(self) -> timedelta:
        """How long the move may take."""
        return time_for(self.sizes, self.pace)

    @property
    def ahead(self) -> timedelta:
        """So long before its window opens does the copying begin."""
        return max(timedelta(0), self.needed - self.window)

    def is_free(self, opens: datetime) -> bool:
        """Whether the move may be in the window that opens at a moment."""
        begins = turn(self.source, self.target, opens - self.ahead, self.sizes, self.pace)
        return is_free(begins, self.taken, self.parallel)

    def begins(self, window: Window, now: datetime) -> datetime:
        """When the move begins, whoever else moves: as its window opens, or so much before as its copying needs."""
        return min(window.opens, max(now, begins_for(window, self.needed)))

    def check_in_time(self, window: Window, now: datetime) -> None:
        """See that the copying is through in a window if it begins at once.

        Raises:
            CopiedTooLate: it is not, as estimated.
        """
        if now + self.needed > window.closes:
            raise CopiedTooLate(self.needed, now, self.ahead)

    def next_within(self, window: Window, now: datetime) -> datetime | None:
        """The first moment at which it may begin so that it has its time before a window closes."""
        return self._next(self.begins(window, now), window.closes - self.needed)

    def next_from(self, after: datetime, closes: datetime) -> datetime | None:
        """The first moment from one on at which a move that can't begin at its own is through, as estimated, in time.

        What it was given beyond that is for this: it began so early that there is some.
        """
        return self._next(after, closes - estimated_for(self.sizes, self.pace))

    def _next(self, after: datetime, last: datetime) -> datetime | None:
        """The first free moment from one on, until the last one."""
        return next_free(
            self.source, self.target, self.sizes, after=after, until=last + timedelta.resolution, taken=self.taken,
            parallel=self.parallel, pace=self.pace,
        )  # fmt: skip


def timetable(session: Session, instance: InstanceFacts, target: ServerName, now: datetime) -> Timetable:
    """What is agreed on and offered to all others, seen for one instance's move; read with all servers locked."""
    measured = measurements.all_last_measured(session)
    sizes = {name: Sizes(one.use.database_bytes, one.use.files_bytes, {}) for name, one in measured.items()}
    sources = {one.name: one.server_name for one in instances.all_instances(session) if one.name != instance.name}
    taken, pace = list[Turn](), paces(session)

    def turn_of(name: str, source: ServerName, to: ServerName, begins: datetime) -> Turn:
        return turn(source, to, begins, sizes.get(name, UNKNOWN), pace(source, to))

    for move in moves.all_moves(session, *moves.BEFORE_SWITCH):
        if move.instance_name in sources:
            begins = move.begins if move.state is MoveState.PLANNED else now
            taken.append(turn_of(move.instance_name, move.source_name, move.target_name, begins))
    for row in session.scalars(select(MoveOffer).where(MoveOffer.state == OfferState.OFFERED)):
        offer = facts_of(row)
        if (source := sources.get(offer.instance_name)) is not None:
            for one in offer.windows:
                needed = time_for(sizes.get(offer.instance_name, UNKNOWN), pace(source, offer.target_name))
                begins = begins_for(one, needed)
                taken.append(turn_of(offer.instance_name, source, offer.target_name, begins))
    evacuation = open_row(session, instance.server_name)
    return Timetable(
        instance.server_name,
        target,
        sizes.get(instance.name, UNKNOWN),
        tuple(taken),
        evacuation.parallel if evacuation else PARALLEL,
        pace(instance.server_name, target),
        terms_of_instance(session, instance.name, now).move_window,
    )
