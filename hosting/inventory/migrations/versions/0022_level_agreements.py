"""Agreements on service levels.

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0022"
down_revision = "0021"
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
        "level_agreements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("level", sa.String(length=191), nullable=True),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("agreed_by", sa.String(length=191), nullable=False),
        sa.Column("agreed_at", MOMENT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("called_off_at", MOMENT, nullable=True),
        sa.Column("called_off_by", sa.String(length=191), nullable=False),
        sa.Column("called_off_why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name=op.f("fk_level_agreements_contract_id")),
        sa.ForeignKeyConstraint(["level"], ["service_levels.name"], name=op.f("fk_level_agreements_level")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_level_agreements")),
        **TABLE,
    )
    for column in ("contract_id", "agreed_at"):
        op.create_index(op.f(f"ix_level_agreements_{column}"), "level_agreements", [column])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("level_agreements")
