"""The record of what was done: by whom, why, with what evidence; rows are added, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.inventory.models import Deed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

SERVICE = "service"
"""The name under which the program itself acts."""

SHOP = "shop"
"""The name under which the shop's events act."""


@dataclass(frozen=True)
class DeedFacts:
    """One deed as it was recorded."""

    id: int
    at: datetime
    by: str
    what: str
    subject: str
    why: str
    evidence: Mapping[str, Any]


def record(
    session: Session,
    by: str,
    what: str,
    subject: str,
    *,
    now: datetime,
    why: str = "",
    evidence: Mapping[str, Any] | None = None,
) -> None:
    """Add a deed.

    Args:
        session: of the transaction that the deed is part of.
        by: an operator's name, `SERVICE` or `SHOP`.
        what: the deed in the past tense, e.g. "instance reserved".
        subject: kind and name, e.g. "order:A-1001".
        now: the moment of the deed.
        why: the reason, if it isn't plain.
        evidence: facts as JSON holds them, no secrets.
    """
    session.add(Deed(by=by, what=what, subject=subject, why=why, evidence=dict(evidence or {}), at=now))
    session.flush()


def deeds_of(session: Session, subject: str) -> list[DeedFacts]:
    """What was done to a subject, in the order in which it was done."""
    return [_facts(row) for row in session.scalars(select(Deed).where(Deed.subject == subject).order_by(Deed.id))]


def deeds_called(session: Session, *what: str) -> list[DeedFacts]:
    """All deeds of these kinds, whatever their subjects, in the order in which they were done."""
    return [_facts(row) for row in session.scalars(select(Deed).where(Deed.what.in_(what)).order_by(Deed.id))]


def _facts(row: Deed) -> DeedFacts:
    """The row, frozen."""
    return DeedFacts(row.id, row.at, row.by, row.what, row.subject, row.why, row.evidence)
