"""The rows of roll-outs: a release on its way to instances, and how far each of them is (P17)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003  # as SQLAlchemy reads it
from typing import TYPE_CHECKING, Any

from sqlalchemy import Double, ForeignKey, Text, select
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.orm import Mapped, mapped_column

from hosting.errors import Refused
from hosting.inventory.models import Base, Release
from hosting.inventory.releases import facts_of as release_of
from hosting.policy.roll_outs import FAILURES_MOST, PARALLEL, Place, RollOutState, UpdateState
from hosting.policy.way_back import STOP_MOST_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from hosting.policy.values import ReleaseFacts


class RollOut(Base):
    """A release that is brought to instances, by an operator's word; outlives its runs."""

    __tablename__ = "roll_outs"
    id: Mapped[int] = mapped_column(primary_key=True)
    release_id: Mapped[str] = mapped_column(ForeignKey("releases.id"))
    state: Mapped[str] = mapped_column(index=True)
    why: Mapped[str] = mapped_column(Text)
    urgent: Mapped[bool]
    by: Mapped[str]
    parallel: Mapped[int]  # instances of a server at once
    failures_most: Mapped[int]  # in a ring
    stop_most_seconds: Mapped[float] = mapped_column(Double)
    begun_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    finding: Mapped[str] = mapped_column(Text)


class InstanceUpdate(Base):
    """An instance in a roll-out."""

    __tablename__ = "instance_updates"
    id: Mapped[int] = mapped_column(primary_key=True)
    roll_out_id: Mapped[int] = mapped_column(ForeignKey("roll_outs.id"), index=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), index=True)
    server_name: Mapped[str] = mapped_column(ForeignKey("servers.name"))  # as it was when the rings were made
    from_release_id: Mapped[str] = mapped_column(ForeignKey("releases.id"))
    ring: Mapped[int]
    state: Mapped[str] = mapped_column(index=True)
    forgiven: Mapped[bool]  # an operator let the roll-out go on, whatever had come of it
    attempts: Mapped[int]
    begun_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outage_seconds: Mapped[float | None] = mapped_column(Double)  # as the probe from outside saw it
    finding: Mapped[str] = mapped_column(Text)
    evidence: Mapped[dict[str, Any]]
    __table_args__ = (Unique("roll_out_id", "instance_name"),)


class UnknownRollOut(Refused):
    """No roll-out has this number, or the instance is not in it."""


@dataclass(frozen=True)
class RollOutOrder:
    """What an operator wants.

    Args:
        release: the id of the registered release.
        why: the reason.
        urgent: it does not wait for off-peak hours (P17).
        servers: only what is on these; none: on all.
        only: only these instances; none: all.
        canaries: instances or servers that go first; none: the smallest.
        parallel: instances of a server at once.
        failures_most: so many failures in a ring are borne.
        stop_most_seconds: no instance is closed for longer, by estimate.
    """

    release: str
    why: str
    urgent: bool = False
    servers: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    canaries: tuple[str, ...] = ()
    parallel: int = PARALLEL
    failures_most: int = FAILURES_MOST
    stop_most_seconds: float = STOP_MOST_SECONDS


@dataclass(frozen=True)
class RollOutFacts:
    """A roll-out as the inventory knows it."""

    id: int
    release: ReleaseFacts
    state: RollOutState
    why: str
    urgent: bool
    by: str
    parallel: int
    failures_most: int
    stop_most_seconds: float
    begun_at: datetime
    ended_at: datetime | None
    finding: str


@dataclass(frozen=True)
class UpdateFacts:
    """An instance's update as the inventory knows it; its evidence tells the way back while it is under way."""

    roll_out: int
    instance: str
    server: str
    from_release: ReleaseFacts
    ring: int
    state: UpdateState
    forgiven: bool
    attempts: int
    begun_at: datetime | None
    ended_at: datetime | None
    outage_seconds: float | None
    finding: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Its place in the roll-out."""
        return Place(self.instance, self.server, self.ring, self.state)


def subject_of(number: int) -> str:
    """How deeds and cases name a roll-out."""
    return f"roll-out:{number}"


def locked(session: Session, number: int) -> RollOut:
    """The row of a number, locked.

    Raises:
        UnknownRollOut: there is none.
    """
    row = session.get(RollOut, number, with_for_update=True, populate_existing=True)
    if row is None:
        raise UnknownRollOut(f"There is no roll-out {number}.", "List them: phm update status.")
    return row


def update_row(session: Session, number: int, instance: str) -> InstanceUpdate:
    """The row of an instance in a roll-out, locked.

    Raises:
        UnknownRollOut: it is not in it.
    """
    query = select(InstanceUpdate).where(InstanceUpdate.roll_out_id == number, InstanceUpdate.instance_name == instance)
    row = session.scalars(query.with_for_update().execution_options(populate_existing=True)).first()
    if row is None:
        message = f"{instance} is not in the roll-out {number}."
        raise UnknownRollOut(message, f"Look who is: phm update status {number}.")
    return row


def rows_in(session: Session, number: int) -> list[InstanceUpdate]:
    """The rows of a roll-out, by ring and number."""
    query = select(InstanceUpdate).where(InstanceUpdate.roll_out_id == number)
    return list(session.scalars(query.order_by(InstanceUpdate.ring, InstanceUpdate.id)))


def facts_of(session: Session, row: RollOut) -> RollOutFacts:
    """The row, frozen."""
    return RollOutFacts(
        id=row.id,
        release=release_of(session.get_one(Release, row.release_id)),
        state=RollOutState(row.state),
        why=row.why,
        urgent=row.urgent,
        by=row.by,
        parallel=row.parallel,
        failures_most=row.failures_most,
        stop_most_seconds=row.stop_most_seconds,
        begun_at=row.begun_at,
        ended_at=row.ended_at,
        finding=row.finding,
    )


def update_of(session: Session, row: InstanceUpdate) -> UpdateFacts:
    """The row of an instance, frozen."""
    return UpdateFacts(
        roll_out=row.roll_out_id,
        instance=row.instance_name,
        server=row.server_name,
        from_release=release_of(session.get_one(Release, row.from_release_id)),
        ring=row.ring,
        state=UpdateState(row.state),
        forgiven=row.forgiven,
        attempts=row.attempts,
        begun_at=row.begun_at,
        ended_at=row.ended_at,
        outage_seconds=row.outage_seconds,
        finding=row.finding,
        evidence=row.evidence,
    )
