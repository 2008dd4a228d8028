"""The rows of evacuations: what was ordered, found, frozen into facts, told (P12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import cases, deeds, instances, servers
from hosting.inventory.models import Evacuation
from hosting.policy.states import EvacuationState, InstanceState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.values import InstanceFacts

STILL = "evacuation stands still"
"""The kind of the case that an evacuation is which does not get on by itself."""


class NotEmptied(Refused):
    """Nobody empties this server."""


@dataclass(frozen=True)
class EvacuationOrder:
    """What an operator wants.

    Args:
        server: that is to be emptied.
        why: the reason, which customers' letters don't tell.
        emergency: without agreement, and without a fresh backup where there is none.
        parallel: moves at once.
        to: the servers that may take instances; all that take any, if none is named.
        successor: that answers under the name afterwards; the one with the most room, if none is named.
    """

    server: str
    why: str
    emergency: bool
    parallel: int
    to: tuple[str, ...] = ()
    successor: str = ""


@dataclass(frozen=True)
class EvacuationFacts:
    """A server that is emptied, as the inventory knows it."""

    id: int
    order: EvacuationOrder
    state: EvacuationState
    by: str
    begun_at: datetime
    resumed_at: datetime
    ended_at: datetime | None
    finding: str

    @property
    def work_subject(self) -> str:
        """What the work of bringing it to its end is called."""
        return f"{self.order.server}#{self.id}"


def settle_still(session: Session, facts: EvacuationFacts, by: str, why: str, now: datetime) -> None:
    """Whatever stood still does so no more."""
    for case in cases.cases_of(session, servers.subject_of(facts.order.server)):
        if case.kind == STILL and case.settled_at is None:
            cases.settle_case(session, case.id, by, why, now)


def record(  # noqa: PLR0917  # the columns of a deed, in their order
    session: Session, facts: EvacuationFacts, by: str, what: str, why: str, now: datetime, evidence: dict[str, object]
) -> None:
    """A deed about the server."""
    deeds.record(session, by, what, servers.subject_of(facts.order.server), why=why, evidence=evidence, now=now)


def open_row(session: Session, server: str) -> Evacuation | None:
    """The row of a server that is not done, locked."""
    query = select(Evacuation).where(Evacuation.server_name == server, Evacuation.state != EvacuationState.DONE)
    return session.scalars(query.with_for_update().execution_options(populate_existing=True)).first()


def instances_on(session: Session, server: str) -> list[InstanceFacts]:
    """What is on a server and hasn't ended."""
    found = instances.all_instances(session)
    return [one for one in found if one.server_name == server and one.state is not InstanceState.ENDED]


def facts_of(row: Evacuation) -> EvacuationFacts:
    """The row, frozen."""
    return EvacuationFacts(
        id=row.id,
        order=EvacuationOrder(
            row.server_name, row.why, row.emergency, row.parallel, tuple(row.targets),
            row.successor_name or "",
        ),
        state=EvacuationState(row.state),
        by=row.by,
        begun_at=row.begun_at,
        resumed_at=row.resumed_at,
        ended_at=row.ended_at,
        finding=row.finding,
    )  # fmt: skip
