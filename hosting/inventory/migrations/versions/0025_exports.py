"""Exports of everything of an instance.

Revision ID: 0025
Revises: 0024
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0025"
down_revision = "0024"
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
        "exports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_name", sa.String(length=191), nullable=False),
        sa.Column("state", sa.String(length=191), nullable=False),
        sa.Column("only_user", sa.String(length=191), nullable=False),
        sa.Column("by", sa.String(length=191), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("archives", sa.JSON(), nullable=False),
        sa.Column("ready_at", MOMENT, nullable=True),
        sa.Column("ends_at", MOMENT, nullable=True),
        sa.Column("fetched_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["instance_name"], ["instances.name"], name=op.f("fk_exports_instance_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
        **TABLE,
    )
    for column in ("instance_name", "state", "ends_at"):
        op.create_index(op.f(f"ix_exports_{column}"), "exports", [column])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("exports")
