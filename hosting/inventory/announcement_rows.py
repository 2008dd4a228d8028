"""The rows of updates that customers are told of: the update, and its times for each instance (P15, P16, P17)."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  # as SQLAlchemy reads it

from sqlalchemy import Double, ForeignKey, Text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.orm import Mapped, mapped_column

from hosting.inventory.models import LABEL, Base
from hosting.policy.announcements import Announced, Times, Update, UpdateKind, UpdateLetter, UpdateReason
from hosting.policy.maintenance import Window
from hosting.policy.values import InstanceName


class Announcement(Base):
    """An update of many instances, for one reason."""

    __tablename__ = "announcements"
    id: Mapped[int] = mapped_column(primary_key=True)
    update_key: Mapped[str] = mapped_column(LABEL, unique=True)
    kind: Mapped[str]  # server | product
    why: Mapped[str]  # security | current | bug, as customers are told
    detail: Mapped[str]
    urgent: Mapped[bool]
    made_at: Mapped[datetime]
    made_by: Mapped[str]
    reason: Mapped[str] = mapped_column(Text)  # of the operator, on record


class AnnouncedInstance(Base):
    """When an instance has its turn in an update, what its customer was told, and what came of it."""

    __tablename__ = "announced_instances"
    id: Mapped[int] = mapped_column(primary_key=True)
    announcement_id: Mapped[int] = mapped_column(ForeignKey("announcements.id"), index=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), index=True)
    opens: Mapped[datetime]
    closes: Mapped[datetime]
    stop_seconds: Mapped[float] = mapped_column(Double)  # estimated
    version: Mapped[int]
    silent: Mapped[bool]
    told_opens: Mapped[datetime | None]
    told_closes: Mapped[datetime | None]
    told_stop_seconds: Mapped[float | None] = mapped_column(Double)
    told_version: Mapped[int]
    told_at: Mapped[datetime | None]
    called_off_at: Mapped[datetime | None]
    begun_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    stopped_seconds: Mapped[float] = mapped_column(Double)  # measured
    last_word: Mapped[str]  # the letter that said how it ended; empty before
    __table_args__ = (Unique("announcement_id", "instance_name"),)


def new_row(announcement: Announcement, instance: str, times: Times, *, silent: bool) -> AnnouncedInstance:
    """An instance's turn, of which nobody was told yet."""
    row = AnnouncedInstance(
        announcement_id=announcement.id, instance_name=instance, version=0, silent=silent, told_version=0,
        stopped_seconds=0.0, last_word="",
    )  # fmt: skip
    set_times(row, times)
    return row


def set_times(row: AnnouncedInstance, times: Times) -> None:
    """Other times than before."""
    row.opens, row.closes, row.stop_seconds = times.window.opens, times.window.closes, times.stop_seconds
    row.version += 1


def update_of(row: Announcement) -> Update:
    """The update, frozen."""
    return Update(row.update_key, UpdateKind(row.kind), UpdateReason(row.why), row.detail, row.urgent)


def facts_of(row: AnnouncedInstance, announcement: Announcement) -> Announced:
    """The row of an instance, frozen."""
    told = None
    if row.told_opens is not None and row.told_closes is not None:
        told = Times(Window(row.told_opens, row.told_closes), row.told_stop_seconds or 0.0)
    return Announced(
        id=row.id,
        update=update_of(announcement),
        instance_name=InstanceName(row.instance_name),
        times=Times(Window(row.opens, row.closes), row.stop_seconds),
        version=row.version,
        silent=row.silent,
        told=told,
        told_version=row.told_version,
        told_at=row.told_at,
        called_off_at=row.called_off_at,
        begun_at=row.begun_at,
        ended_at=row.ended_at,
        stopped_seconds=row.stopped_seconds,
        last_word=UpdateLetter(row.last_word) if row.last_word else None,
    )
