"""Moves of instances between servers.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")

# MariaDB: names are told apart as SQLite and PostgreSQL do, by every character and case.
OPTIONS = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}
TABLE: dict[str, Any] = {
    f"{dialect}_{name}": value for dialect in ("mysql", "mariadb") for name, value in OPTIONS.items()
}


def text(name: str, length: int = 191) -> sa.Column[str]:
    """A text that is always there."""
    return sa.Column(name, sa.String(length=length), nullable=False)


def refers(column: str, to: str) -> sa.ForeignKeyConstraint:
    """A column that names a row of another table."""
    return sa.ForeignKeyConstraint([column], [to], name=op.f(f"fk_moves_{column}"))


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "moves",
        sa.Column("id", sa.Integer(), nullable=False),
        text("instance_name"),
        text("source_name"),
        text("target_name"),
        text("state"),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("without_backup", sa.Boolean(), nullable=False),
        sa.Column("agreed_at", MOMENT, nullable=False),
        text("agreed_by"),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("begun_at", MOMENT, nullable=True),
        sa.Column("switched_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("stop_seconds", sa.Double(), nullable=True),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        refers("instance_name", "instances.name"),
        refers("source_name", "servers.name"),
        refers("target_name", "servers.name"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_moves")),
        **TABLE,
    )
    op.create_index(op.f("ix_moves_instance_name"), "moves", ["instance_name"])
    op.create_index(op.f("ix_moves_state"), "moves", ["state"])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("moves")
