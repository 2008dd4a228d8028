"""What servers that an instance has left still have to do, and the names that they pass on.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0015"
down_revision = "0014"
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
        "owed_at_homes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("move_id", sa.Integer(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("tried_at", MOMENT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("settled_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["move_id"], ["moves.id"], name=op.f("fk_owed_at_homes_move_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owed_at_homes")),
        sa.UniqueConstraint("move_id", name=op.f("uq_owed_at_homes_move_id")),
        **TABLE,
    )
    op.create_index(op.f("ix_owed_at_homes_settled_at"), "owed_at_homes", ["settled_at"])
    op.create_table(
        "passed_names",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name_id", sa.Integer(), nullable=False),
        sa.Column("move_id", sa.Integer(), nullable=False),
        sa.Column("looked_at", MOMENT, nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("quiet_since", MOMENT, nullable=True),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.Column("reminded_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["name_id"], ["names.id"], name=op.f("fk_passed_names_name_id")),
        sa.ForeignKeyConstraint(["move_id"], ["moves.id"], name=op.f("fk_passed_names_move_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passed_names")),
        sa.UniqueConstraint("name_id", "move_id", name=op.f("uq_passed_names_name_id_move_id")),
        **TABLE,
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("passed_names")
    op.drop_table("owed_at_homes")
