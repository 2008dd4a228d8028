"""The rows of exports: everything of an instance on its way to the customer, and out of the store again (P41)."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  # as SQLAlchemy reads it
from typing import Any

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from hosting.inventory.models import Base
from hosting.policy.exports import ArchiveFacts, ExportFacts, ExportState


class Export(Base):
    """An export, by an operator's word or the customer's; outlives its runs."""

    __tablename__ = "exports"
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), index=True)
    state: Mapped[str] = mapped_column(index=True)
    only_user: Mapped[str]
    by: Mapped[str]
    why: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    archives: Mapped[dict[str, Any]]
    ready_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None] = mapped_column(index=True)
    fetched_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    finding: Mapped[str] = mapped_column(Text)


def facts_of(row: Export) -> ExportFacts:
    """The row, frozen."""
    return ExportFacts(
        id=row.id,
        instance=row.instance_name,
        state=ExportState(row.state),
        only_user=row.only_user,
        by=row.by,
        why=row.why,
        asked_at=row.asked_at,
        archives=tuple(ArchiveFacts(**one) for one in row.archives.get("made", [])),
        ready_at=row.ready_at,
        ends_at=row.ends_at,
        fetched_at=row.fetched_at,
        ended_at=row.ended_at,
        finding=row.finding,
    )
