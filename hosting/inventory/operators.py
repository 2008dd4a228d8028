"""People who may act on the service; a run names one as stated, not proven."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.inventory.models import Operator

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


def ensure_operator(session: Session, name: str, now: datetime, full_name: str = "", email: str = "") -> str:
    """Have an operator of this name; what is told of the person is kept, what isn't stays as it was."""
    row = session.get(Operator, name)
    if row is None:
        row = Operator(name=name, full_name="", email="", added_at=now)
        session.add(row)
    row.full_name, row.email = full_name or row.full_name, email or row.email
    session.flush()
    return row.name


def operator_names(session: Session) -> list[str]:
    """The names of all operators."""
    return list(session.scalars(select(Operator.name).order_by(Operator.name)))
