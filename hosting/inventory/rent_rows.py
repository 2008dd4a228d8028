"""The rows of rents that were not paid in time, and of instances that are suspended (the shop's notices, P41)."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003  # as SQLAlchemy reads it

from sqlalchemy import BigInteger, ForeignKey, String, Text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.orm import Mapped, mapped_column

from hosting.inventory.models import Base


class Rent(Base):
    """One rent of an order, by its day: what the shop said of it, in whichever order it came."""

    __tablename__ = "rents"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_reference: Mapped[str] = mapped_column(index=True)  # the order may still be unknown
    due_on: Mapped[date]
    cents: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    overdue_at: Mapped[datetime | None]  # when we were told
    settled_at: Mapped[datetime | None]  # likewise
    __table_args__ = (Unique("order_reference", "due_on"),)


class Arrears(Base):
    """A time in which an order's rent is overdue: how far its customer was warned, from the first rent to the last."""

    __tablename__ = "arrears"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_reference: Mapped[str] = mapped_column(ForeignKey("orders.reference"), index=True)
    begun_at: Mapped[datetime]
    reminded_at: Mapped[datetime | None]
    reminded_again_at: Mapped[datetime | None]
    announced_at: Mapped[datetime | None]
    suspends_at: Mapped[datetime | None]  # the moment that was announced
    announcements: Mapped[int]  # how often one was made: each has a letter of its own
    held_until: Mapped[date | None]  # the first day on which it goes on
    held_by: Mapped[str]
    held_why: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    ended_why: Mapped[str] = mapped_column(Text)


class Suspension(Base):
    """A time in which an instance is closed for its users while its data stay, by the rent's or a person's cause."""

    __tablename__ = "suspensions"
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), index=True)
    cause: Mapped[str]  # rent | operator
    arrears_id: Mapped[int | None] = mapped_column(ForeignKey("arrears.id"))
    because: Mapped[str] = mapped_column(Text)
    by: Mapped[str]
    asked_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]  # since when nobody is let in
    ends_asked_at: Mapped[datetime | None] = mapped_column(index=True)  # from here on it is wanted no more
    ends_by: Mapped[str]
    ends_why: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime | None]  # since when it is over
