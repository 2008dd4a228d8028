"""Imports of old installations.

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0018"
down_revision = "0017"
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
        "imports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_name", sa.String(length=191), nullable=False),
        sa.Column("server_name", sa.String(length=191), nullable=False),
        sa.Column("state", sa.String(length=191), nullable=False),
        sa.Column("only_check", sa.Boolean(), nullable=False),
        sa.Column("sealed_source", sa.Text(), nullable=False),
        sa.Column("shown_url", sa.Text(), nullable=False),
        sa.Column("declared", sa.JSON(), nullable=False),
        sa.Column("told_sha256", sa.String(length=191), nullable=False),
        sa.Column("by", sa.String(length=191), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("sha256", sa.String(length=191), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("release_id", sa.String(length=191), nullable=False),
        sa.Column("stamp", sa.String(length=191), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("approved_by", sa.String(length=191), nullable=False),
        sa.Column("live_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("aside_gone_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["instance_name"], ["instances.name"], name=op.f("fk_imports_instance_name")),
        sa.ForeignKeyConstraint(["server_name"], ["servers.name"], name=op.f("fk_imports_server_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
        **TABLE,
    )
    for column in ("instance_name", "state"):
        op.create_index(op.f(f"ix_imports_{column}"), "imports", [column])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("imports")
