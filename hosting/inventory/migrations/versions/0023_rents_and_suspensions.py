"""Rents that were not paid in time, and suspensions.

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0023"
down_revision = "0022"
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
        "rents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_reference", sa.String(length=191), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("overdue_at", MOMENT, nullable=True),
        sa.Column("settled_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rents")),
        sa.UniqueConstraint("order_reference", "due_on", name=op.f("uq_rents_order_reference_due_on")),
        **TABLE,
    )
    op.create_index(op.f("ix_rents_order_reference"), "rents", ["order_reference"])
    op.create_table(
        "arrears",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_reference", sa.String(length=191), nullable=False),
        sa.Column("begun_at", MOMENT, nullable=False),
        sa.Column("reminded_at", MOMENT, nullable=True),
        sa.Column("reminded_again_at", MOMENT, nullable=True),
        sa.Column("announced_at", MOMENT, nullable=True),
        sa.Column("suspends_at", MOMENT, nullable=True),
        sa.Column("announcements", sa.Integer(), nullable=False),
        sa.Column("held_until", sa.Date(), nullable=True),
        sa.Column("held_by", sa.String(length=191), nullable=False),
        sa.Column("held_why", sa.Text(), nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ended_why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["order_reference"], ["orders.reference"], name=op.f("fk_arrears_order_reference")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arrears")),
        **TABLE,
    )
    for column in ("order_reference", "ended_at"):
        op.create_index(op.f(f"ix_arrears_{column}"), "arrears", [column])
    op.create_table(
        "suspensions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_name", sa.String(length=191), nullable=False),
        sa.Column("cause", sa.String(length=191), nullable=False),
        sa.Column("arrears_id", sa.Integer(), nullable=True),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=191), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("ends_asked_at", MOMENT, nullable=True),
        sa.Column("ends_by", sa.String(length=191), nullable=False),
        sa.Column("ends_why", sa.Text(), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["instance_name"], ["instances.name"], name=op.f("fk_suspensions_instance_name")),
        sa.ForeignKeyConstraint(["arrears_id"], ["arrears.id"], name=op.f("fk_suspensions_arrears_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suspensions")),
        **TABLE,
    )
    for column in ("instance_name", "ends_asked_at"):
        op.create_index(op.f(f"ix_suspensions_{column}"), "suspensions", [column])


def downgrade() -> None:
    """Take it back."""
    for table in ("suspensions", "arrears", "rents"):
        op.drop_table(table)
