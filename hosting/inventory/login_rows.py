"""The rows of operators' logins to the board: never the password, only what proves it."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  # as SQLAlchemy reads it

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from hosting.inventory.models import Base


class OperatorLogin(Base):
    """An operator who may look at the board."""

    __tablename__ = "operator_logins"
    operator_name: Mapped[str] = mapped_column(ForeignKey("operators.name"), primary_key=True)
    password_hash: Mapped[str]
    set_at: Mapped[datetime]
    sessions_since: Mapped[datetime]  # what was begun before has ended, on all devices
