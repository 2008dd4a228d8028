"""The rows of what probes saw, of days that are counted for good, of outages and of alarms about them (P11)."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003  # as SQLAlchemy reads it
from typing import Any

from sqlalchemy import JSON, Double, ForeignKey, Index, String, Text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.orm import Mapped, mapped_column

from hosting.inventory.models import LABEL, Base

WORD = 16
"""Characters of a vantage, an answer or a cause."""


class ProbeSpan(Base):
    """A run of equal results of an instance from one vantage."""

    __tablename__ = "probe_spans"
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"))
    vantage: Mapped[str] = mapped_column(String(WORD))
    answer: Mapped[str] = mapped_column(String(WORD))
    since: Mapped[datetime]
    until: Mapped[datetime] = mapped_column(index=True)  # what may still grow is found by it
    probes: Mapped[int]
    __table_args__ = (
        Unique("instance_name", "vantage", "since"),
        Index("ix_probe_spans_instance_name_until", "instance_name", "until"),
    )


class AvailabilityDay(Base):
    """A day of an instance, counted for good: it stays when the spans that it was counted from are gone."""

    __tablename__ = "availability_days"
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)  # of Berlin
    up_seconds: Mapped[float] = mapped_column(Double)
    down_seconds: Mapped[float] = mapped_column(Double)
    unmeasured_seconds: Mapped[float] = mapped_column(Double)
    counted_at: Mapped[datetime]


class OutageAlarm(Base):
    """What the operators are told of once: a server on which many instances are down, or one instance."""

    __tablename__ = "outage_alarms"
    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(LABEL, index=True)  # server:app1, instance:k3v9 or way-out:app1
    unreached: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))  # by a way out; else outages tell whom
    raised_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]  # when the letter went out
    told_over_at: Mapped[datetime | None] = mapped_column(index=True)


class Outage(Base):
    """A time in which an instance was not there for its customer."""

    __tablename__ = "outages"
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"))
    server_name: Mapped[str] = mapped_column(ForeignKey("servers.name"))  # that served it as it began
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    cause: Mapped[str] = mapped_column(String(WORD))
    cause_by: Mapped[str]  # who stated it; empty: found by itself, and found anew while that may change
    why: Mapped[str] = mapped_column(Text)  # what the cause was found from, or the person's reason
    alarm_id: Mapped[int | None] = mapped_column(ForeignKey("outage_alarms.id"), index=True)
    __table_args__ = (Unique("instance_name", "began_at"),)
