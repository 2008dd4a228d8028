"""Moves that are needed, and servers that are emptied.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")

# MariaDB: names are told apart as SQLite and PostgreSQL do, by every character and case.
OPTIONS = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}
TABLE: dict[str, Any] = {
    f"{dialect}_{name}": value for dialect in ("mysql", "mariadb") for name, value in OPTIONS.items()
}


def text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    """A name or a word."""
    return sa.Column(name, sa.String(length=191), nullable=nullable)


def refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    """A column that names a row of another table."""
    return sa.ForeignKeyConstraint([column], [to], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "needed_moves",
        sa.Column("id", sa.Integer(), nullable=False),
        text("instance_name"),
        text("source_name"),
        text("target_name", nullable=True),
        sa.Column("storage_gib", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("help", sa.Text(), nullable=False),
        text("state"),
        sa.Column("found_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        refers("needed_moves", "instance_name", "instances.name"),
        refers("needed_moves", "source_name", "servers.name"),
        refers("needed_moves", "target_name", "servers.name"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_needed_moves")),
        **TABLE,
    )
    op.create_index(op.f("ix_needed_moves_instance_name"), "needed_moves", ["instance_name"])
    op.create_index(op.f("ix_needed_moves_state"), "needed_moves", ["state"])
    op.create_table(
        "evacuations",
        sa.Column("id", sa.Integer(), nullable=False),
        text("server_name"),
        text("state"),
        sa.Column("emergency", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        text("by"),
        sa.Column("parallel", sa.Integer(), nullable=False),
        sa.Column("targets", sa.JSON(), nullable=False),
        text("successor_name", nullable=True),
        sa.Column("begun_at", MOMENT, nullable=False),
        sa.Column("resumed_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("finding", sa.Text(), nullable=False),
        refers("evacuations", "server_name", "servers.name"),
        refers("evacuations", "successor_name", "servers.name"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evacuations")),
        **TABLE,
    )
    op.create_index(op.f("ix_evacuations_server_name"), "evacuations", ["server_name"])
    op.create_index(op.f("ix_evacuations_state"), "evacuations", ["state"])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("evacuations")
    op.drop_table("needed_moves")
