"""Contracts that end, and what their deletions found and left.

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0024"
down_revision = "0023"
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
        "endings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_name", sa.String(length=191), nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=191), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("kept_days", sa.Integer(), nullable=False),
        sa.Column("was", sa.String(length=191), nullable=False),
        sa.Column("asked_by", sa.String(length=191), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("reminded", sa.JSON(), nullable=False),
        sa.Column("point_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("hold_by", sa.String(length=191), nullable=False),
        sa.Column("hold_why", sa.Text(), nullable=False),
        sa.Column("held_at", MOMENT, nullable=True),
        sa.Column("deleting_at", MOMENT, nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("called_off_at", MOMENT, nullable=True),
        sa.Column("owed_since", MOMENT, nullable=True),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["instance_name"], ["instances.name"], name=op.f("fk_endings_instance_name")),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name=op.f("fk_endings_contract_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endings")),
        **TABLE,
    )
    for column in ("instance_name", "contract_id", "state"):
        op.create_index(op.f(f"ix_endings_{column}"), "endings", [column])
    op.create_table(
        "ending_records",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ending_id", sa.Integer(), nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(length=191), nullable=False),
        sa.Column("listed_at", MOMENT, nullable=False),
        sa.Column("before_count", sa.BigInteger(), nullable=False),
        sa.Column("before_bytes", sa.BigInteger(), nullable=False),
        sa.Column("before_sha256", sa.String(length=64), nullable=False),
        sa.Column("cleared_at", MOMENT, nullable=True),
        sa.Column("after_count", sa.BigInteger(), nullable=True),
        sa.Column("after_bytes", sa.BigInteger(), nullable=True),
        sa.Column("after_sha256", sa.String(length=64), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["ending_id"], ["endings.id"], name=op.f("fk_ending_records_ending_id")),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name=op.f("fk_ending_records_contract_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ending_records")),
        sa.UniqueConstraint("ending_id", "place", name=op.f("uq_ending_records_ending_id_place")),
        **TABLE,
    )
    op.create_index(op.f("ix_ending_records_contract_id"), "ending_records", ["contract_id"])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("ending_records")
    op.drop_table("endings")
