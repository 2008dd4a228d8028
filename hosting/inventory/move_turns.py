"""The times at which instances are on their way, or may be: agreed on, or offered and not answered yet (P12, P24)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.inventory import instances, measurements, moves
from hosting.inventory.evacuation_rows import open_row
from hosting.inventory.models import MoveOffer
from hosting.inventory.offer_rows import facts_of
from hosting.policy.evacuation import PARALLEL
from hosting.policy.move_plan import Sizes
from hosting.policy.move_turns import Turn, is_free, next_free, turn
from hosting.policy.states import MoveState, OfferState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

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
    """

    source: ServerName
    target: ServerName
    sizes: Sizes
    taken: tuple[Turn, ...]
    parallel: int

    def is_free(self, begins: datetime) -> bool:
        """Whether the move may begin at a moment."""
        return is_free(turn(self.source, self.target, begins, self.sizes), self.taken, self.parallel)

    def next_free(self, after: datetime, until: datetime) -> datetime | None:
        """The first moment between two at which it may begin."""
        return next_free(
            self.source, self.target, self.sizes, after=after, until=until, taken=self.taken, parallel=self.parallel
        )

    def next_within(self, opens: datetime, closes: datetime) -> datetime | None:
        """The first moment at which it may begin and is through, as estimated, before a window closes."""
        begins = self.next_free(opens, closes)
        in_time = begins is not None and turn(self.source, self.target, begins, self.sizes).ends <= closes
        return begins if in_time else None


def timetable(session: Session, instance: InstanceFacts, target: ServerName, now: datetime) -> Timetable:
    """What is agreed on and offered to all others, seen for one instance's move; read with all servers locked."""
    measured = measurements.all_last_measured(session)
    sizes = {name: Sizes(one.use.database_bytes, one.use.files_bytes, {}) for name, one in measured.items()}
    sources = {one.name: one.server_name for one in instances.all_instances(session) if one.name != instance.name}
    taken = []
    for move in moves.all_moves(session, *moves.BEFORE_SWITCH):
        if move.instance_name in sources:
            begins = move.due_at if move.state is MoveState.PLANNED else now
            taken.append(turn(move.source_name, move.target_name, begins, sizes.get(move.instance_name, UNKNOWN)))
    for row in session.scalars(select(MoveOffer).where(MoveOffer.state == OfferState.OFFERED)):
        offer = facts_of(row)
        if (source := sources.get(offer.instance_name)) is not None:
            size = sizes.get(offer.instance_name, UNKNOWN)
            taken += [turn(source, offer.target_name, one.opens, size) for one in offer.windows]
    evacuation = open_row(session, instance.server_name)
    parallel = evacuation.parallel if evacuation else PARALLEL
    return Timetable(instance.server_name, target, sizes.get(instance.name, UNKNOWN), tuple(taken), parallel)
