"""The rows of what inspections of the fleet have found: seen first and last, gone, or silenced by a person (P18)."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  # as SQLAlchemy reads it
from typing import Any

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from hosting.inventory.models import LABEL, Base


class Finding(Base):
    """One thing that an inspection found, under its key for good: one that comes back keeps its first day."""

    __tablename__ = "findings"
    key: Mapped[str] = mapped_column(LABEL, primary_key=True)  # e.g. app1:raid:md2
    server_name: Mapped[str] = mapped_column(index=True)  # on which was looked; empty: the service as a whole
    kind: Mapped[str]  # which look it belongs to, e.g. raid
    subject: Mapped[str] = mapped_column(LABEL)  # e.g. server:app1
    severity: Mapped[str]
    sentence: Mapped[str] = mapped_column(Text)
    do: Mapped[str] = mapped_column(Text)
    mend: Mapped[dict[str, Any]]  # how it is mended by an operator's word; empty: by hand alone
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]
    gone_at: Mapped[datetime | None] = mapped_column(index=True)
    told_at: Mapped[datetime | None]  # when the operators got a letter about it; empty again once it is news
    silenced_until: Mapped[datetime | None]
    silenced_by: Mapped[str] = mapped_column(default="")
    silenced_because: Mapped[str] = mapped_column(Text, default="")


class LookMade(Base):
    """When a look of one kind was last made at a server, whatever it found."""

    __tablename__ = "looks_made"
    server_name: Mapped[str] = mapped_column(primary_key=True)  # empty: the service as a whole
    kind: Mapped[str] = mapped_column(primary_key=True)  # e.g. raid
    at: Mapped[datetime]
