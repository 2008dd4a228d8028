"""Offers of times for moves, and until when an agreed move may begin.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"
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
    return sa.ForeignKeyConstraint([column], [to], name=op.f(f"fk_move_offers_{column}"))


def upgrade() -> None:
    """Make the change."""
    op.add_column("moves", sa.Column("due_until", MOMENT, nullable=True))
    op.create_table(
        "move_offers",
        sa.Column("id", sa.Integer(), nullable=False),
        text("instance_name"),
        text("target_name"),
        text("state"),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("windows", sa.JSON(), nullable=False),
        sa.Column("stop_seconds", sa.Double(), nullable=False),
        text("without_answer"),
        sa.Column("made_at", MOMENT, nullable=False),
        text("made_by"),
        sa.Column("remind_at", MOMENT, nullable=False),
        sa.Column("answer_by", MOMENT, nullable=False),
        sa.Column("told_at", MOMENT, nullable=True),
        sa.Column("answered_at", MOMENT, nullable=True),
        text("answered_by"),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("move_id", sa.Integer(), nullable=True),
        refers("instance_name", "instances.name"),
        refers("target_name", "servers.name"),
        refers("move_id", "moves.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_move_offers")),
        **TABLE,
    )
    op.create_index(op.f("ix_move_offers_instance_name"), "move_offers", ["instance_name"])
    op.create_index(op.f("ix_move_offers_state"), "move_offers", ["state"])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("move_offers")
    with op.batch_alter_table("moves") as table:
        table.drop_column("due_until")
