"""Operators' logins to the board.

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")

# MariaDB: names are told apart as SQLite and PostgreSQL do, by every character and case.
OPTIONS = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}
TABLE: dict[str, Any] = {
    f"{dialect}_{name}": value for dialect in ("mysql", "mariadb") for name, value in OPTIONS.items()
}


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "operator_logins",
        sa.Column("operator_name", sa.String(length=191), nullable=False),
        sa.Column("password_hash", sa.String(length=191), nullable=False),
        sa.Column("set_at", MOMENT, nullable=False),
        sa.Column("sessions_since", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["operator_name"], ["operators.name"], name=op.f("fk_operator_logins_operator_name")),
        sa.PrimaryKeyConstraint("operator_name", name=op.f("pk_operator_logins")),
        **TABLE,
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("operator_logins")
