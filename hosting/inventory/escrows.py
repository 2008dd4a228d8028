"""Exports for the escrow key's holder: when one was made, and whether it still opens what was deleted since (P41)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from hosting.inventory.deeds import record
from hosting.inventory.ending_records import KEYS
from hosting.inventory.ending_rows import EndingRecord
from hosting.inventory.models import Deed

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

EXPORTED = "escrow exported"
SUBJECT = "escrow"


def record_exported(session: Session, generations: int, *, by: str, now: datetime) -> None:
    """A file is made that opens so many generations; whoever has older ones can destroy them."""
    record(session, by, EXPORTED, SUBJECT, evidence={"generations": generations}, now=now)


def outlived(session: Session) -> tuple[datetime, int] | None:
    """When the newest file was made, and how many deleted contracts' keys it holds still; None where it holds none."""
    made_at = session.scalar(select(func.max(Deed.at)).where(Deed.subject == SUBJECT, Deed.what == EXPORTED))
    if made_at is None:
        return None
    destroyed = EndingRecord.place == KEYS, EndingRecord.before_count > 0, EndingRecord.listed_at > made_at
    many = session.scalar(select(func.count()).select_from(EndingRecord).where(*destroyed)) or 0
    return (made_at, many) if many else None
