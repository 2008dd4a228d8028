"""The rows of agreements on service levels: which contract has which level from which day on (P40)."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003  # as SQLAlchemy reads it

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from hosting.inventory.models import Base
from hosting.policy.service_levels import Agreement


class LevelAgreement(Base):
    """A level that was agreed on for a contract; rows are added and called off, never changed otherwise."""

    __tablename__ = "level_agreements"
    id: Mapped[int] = mapped_column(primary_key=True)
    contract_id: Mapped[int] = mapped_column(ForeignKey("contracts.id"), index=True)
    level: Mapped[str | None] = mapped_column(ForeignKey("service_levels.name"))  # none: the standard one
    from_day: Mapped[date]
    agreed_by: Mapped[str]
    agreed_at: Mapped[datetime] = mapped_column(index=True)
    reason: Mapped[str] = mapped_column(Text)
    called_off_at: Mapped[datetime | None]
    called_off_by: Mapped[str]
    called_off_why: Mapped[str] = mapped_column(Text)


def facts_of(row: LevelAgreement) -> Agreement:
    """The row, frozen."""
    return Agreement(
        id=row.id,
        contract_id=row.contract_id,
        level=row.level,
        from_day=row.from_day,
        agreed_by=row.agreed_by,
        agreed_at=row.agreed_at,
        reason=row.reason,
        called_off_at=row.called_off_at,
        called_off_by=row.called_off_by,
        called_off_why=row.called_off_why,
    )
