"""What inspections of the fleet have found.

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0019"
down_revision = "0018"
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
        "findings",
        sa.Column("key", sa.String(length=400), nullable=False),
        sa.Column("server_name", sa.String(length=191), nullable=False),
        sa.Column("kind", sa.String(length=191), nullable=False),
        sa.Column("subject", sa.String(length=400), nullable=False),
        sa.Column("severity", sa.String(length=191), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("do", sa.Text(), nullable=False),
        sa.Column("mend", sa.JSON(), nullable=False),
        sa.Column("first_seen", MOMENT, nullable=False),
        sa.Column("last_seen", MOMENT, nullable=False),
        sa.Column("gone_at", MOMENT, nullable=True),
        sa.Column("told_at", MOMENT, nullable=True),
        sa.Column("silenced_until", MOMENT, nullable=True),
        sa.Column("silenced_by", sa.String(length=191), nullable=False),
        sa.Column("silenced_because", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_findings")),
        **TABLE,
    )
    for column in ("server_name", "gone_at"):
        op.create_index(op.f(f"ix_findings_{column}"), "findings", [column])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("findings")
