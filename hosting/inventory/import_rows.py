"""The rows of imports: an old installation on its way into an instance (P33 to P39)."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  # as SQLAlchemy reads it
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from hosting.inventory.models import Base
from hosting.policy.imports import ImportFacts, ImportState


class Import(Base):
    """An import, by a person's word; outlives its runs."""

    __tablename__ = "imports"
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), index=True)
    server_name: Mapped[str] = mapped_column(ForeignKey("servers.name"))
    state: Mapped[str] = mapped_column(index=True)
    only_check: Mapped[bool]
    sealed_source: Mapped[str] = mapped_column(Text)  # URL and passwords; empty once nobody needs them
    shown_url: Mapped[str] = mapped_column(Text)
    declared: Mapped[dict[str, Any]]
    told_sha256: Mapped[str]
    by: Mapped[str]
    why: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    sha256: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    release_id: Mapped[str]
    stamp: Mapped[str]
    report: Mapped[dict[str, Any]]
    finding: Mapped[str] = mapped_column(Text)
    evidence: Mapped[dict[str, Any]]
    approved_by: Mapped[str]
    live_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    aside_gone_at: Mapped[datetime | None]


def facts_of(row: Import) -> ImportFacts:
    """The row, frozen; what is sealed stays there."""
    return ImportFacts(
        id=row.id,
        instance=row.instance_name,
        server=row.server_name,
        state=ImportState(row.state),
        only_check=row.only_check,
        shown_url=row.shown_url,
        modifications=tuple(row.declared["modifications"]),
        told_sha256=row.told_sha256,
        by=row.by,
        why=row.why,
        asked_at=row.asked_at,
        sha256=row.sha256,
        bytes=row.bytes,
        release_id=row.release_id,
        stamp=row.stamp,
        report=row.report,
        finding=row.finding,
        evidence=row.evidence,
        approved_by=row.approved_by,
        live_at=row.live_at,
        ended_at=row.ended_at,
        aside_gone_at=row.aside_gone_at,
    )
