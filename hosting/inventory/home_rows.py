"""The rows of what servers that an instance has left still have to do, and of names that they pass on (P10, P24)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003  # as SQLAlchemy reads it
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Text, select
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.orm import Mapped, mapped_column

from hosting.inventory.models import Base

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class OwedAtHomes(Base):
    """What a move could not do on servers that its instance has left: they did not answer."""

    __tablename__ = "owed_at_homes"
    id: Mapped[int] = mapped_column(primary_key=True)
    move_id: Mapped[int] = mapped_column(ForeignKey("moves.id"), unique=True)
    since: Mapped[datetime]
    tried_at: Mapped[datetime]
    tries: Mapped[int]
    finding: Mapped[str] = mapped_column(Text)
    settled_at: Mapped[datetime | None] = mapped_column(index=True)


class PassedName(Base):
    """A name since its instance's last move: whether everybody comes to the right server, and who was told."""

    __tablename__ = "passed_names"
    id: Mapped[int] = mapped_column(primary_key=True)
    name_id: Mapped[int] = mapped_column(ForeignKey("names.id"))
    move_id: Mapped[int] = mapped_column(ForeignKey("moves.id"))
    looked_at: Mapped[datetime]
    finding: Mapped[str] = mapped_column(Text)
    quiet_since: Mapped[datetime | None]
    reminders: Mapped[int]
    reminded_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    __table_args__ = (Unique("name_id", "move_id"),)


@dataclass(frozen=True)
class Owed:
    """What a move still has to do on servers that its instance has left.

    Args:
        finding: why it could not be done, in one sentence.
    """

    move_id: int
    since: datetime
    tried_at: datetime
    tries: int
    finding: str
    settled_at: datetime | None


def owed_row(session: Session, move_id: int) -> OwedAtHomes | None:
    """What a move owes, locked."""
    query = select(OwedAtHomes).where(OwedAtHomes.move_id == move_id)
    return session.scalars(query.with_for_update().execution_options(populate_existing=True)).first()


def passed_row(session: Session, name_id: int, move_id: int) -> PassedName | None:
    """A name since a move."""
    query = select(PassedName).where(PassedName.name_id == name_id, PassedName.move_id == move_id)
    return session.scalars(query.execution_options(populate_existing=True)).first()


def owed_of(row: OwedAtHomes) -> Owed:
    """The row, frozen."""
    return Owed(row.move_id, row.since, row.tried_at, row.tries, row.finding, row.settled_at)
