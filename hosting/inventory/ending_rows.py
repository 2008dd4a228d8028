"""The rows of contracts that end, and of what their deletion found and left, place by place (P41)."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003  # as SQLAlchemy reads them
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, String, Text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.orm import Mapped, mapped_column

from hosting.inventory.models import Base


class Ending(Base):
    """A contract that was given notice of, and how far its instance is on the way out (P05, P41)."""

    __tablename__ = "endings"
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), index=True)
    contract_id: Mapped[int] = mapped_column(ForeignKey("contracts.id"), index=True)
    state: Mapped[str] = mapped_column(index=True)
    ends_on: Mapped[date]  # the first day on which it is not served any more
    kept_days: Mapped[int]
    was: Mapped[str]  # the instance's state before it ended, to which it goes back
    asked_by: Mapped[str]
    why: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    reminded: Mapped[list[Any]] = mapped_column(JSON)  # the days ahead for which a reminder was sent or passed over
    point_at: Mapped[datetime | None]  # when its last recovery point was taken
    ended_at: Mapped[datetime | None]
    names: Mapped[list[Any]] = mapped_column(JSON)  # what it had as names: kind, a_label, as_ordered
    hold_by: Mapped[str]  # empty: nobody keeps it from being deleted
    hold_why: Mapped[str] = mapped_column(Text)
    held_at: Mapped[datetime | None]
    deleting_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    called_off_at: Mapped[datetime | None]
    owed_since: Mapped[datetime | None]  # since when a place could not be cleared
    finding: Mapped[str] = mapped_column(Text)


class EndingRecord(Base):
    """What a deletion found in one place, and what was there after it: counts, bytes and a hash, no name."""

    __tablename__ = "ending_records"
    id: Mapped[int] = mapped_column(primary_key=True)
    ending_id: Mapped[int] = mapped_column(ForeignKey("endings.id"))
    contract_id: Mapped[int] = mapped_column(ForeignKey("contracts.id"), index=True)
    place: Mapped[str]  # e.g. server app1, database app1, store app1, zone, keys, inventory
    listed_at: Mapped[datetime]
    before_count: Mapped[int] = mapped_column(BigInteger)
    before_bytes: Mapped[int] = mapped_column(BigInteger)
    before_sha256: Mapped[str] = mapped_column(String(64))
    cleared_at: Mapped[datetime | None]
    after_count: Mapped[int | None] = mapped_column(BigInteger)
    after_bytes: Mapped[int | None] = mapped_column(BigInteger)
    after_sha256: Mapped[str] = mapped_column(String(64))
    finding: Mapped[str] = mapped_column(Text)
    __table_args__ = (Unique("ending_id", "place"),)
