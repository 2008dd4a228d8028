"""Updates that customers are told of, and each instance's turn in them.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0012"
down_revision = "0011"
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
        "announcements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("update_key", sa.String(length=400), nullable=False),
        sa.Column("kind", sa.String(length=191), nullable=False),
        sa.Column("why", sa.String(length=191), nullable=False),
        sa.Column("detail", sa.String(length=191), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("made_by", sa.String(length=191), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcements")),
        sa.UniqueConstraint("update_key", name=op.f("uq_announcements_update_key")),
        **TABLE,
    )
    op.create_table(
        "announced_instances",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("announcement_id", sa.Integer(), nullable=False),
        sa.Column("instance_name", sa.String(length=191), nullable=False),
        sa.Column("opens", MOMENT, nullable=False),
        sa.Column("closes", MOMENT, nullable=False),
        sa.Column("stop_seconds", sa.Double(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("silent", sa.Boolean(), nullable=False),
        sa.Column("told_opens", MOMENT, nullable=True),
        sa.Column("told_closes", MOMENT, nullable=True),
        sa.Column("told_stop_seconds", sa.Double(), nullable=True),
        sa.Column("told_version", sa.Integer(), nullable=False),
        sa.Column("told_at", MOMENT, nullable=True),
        sa.Column("called_off_at", MOMENT, nullable=True),
        sa.Column("begun_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("stopped_seconds", sa.Double(), nullable=False),
        sa.Column("last_word", sa.String(length=191), nullable=False),
        sa.ForeignKeyConstraint(
            ["announcement_id"], ["announcements.id"], name=op.f("fk_announced_instances_announcement_id")
        ),
        sa.ForeignKeyConstraint(
            ["instance_name"], ["instances.name"], name=op.f("fk_announced_instances_instance_name")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announced_instances")),
        sa.UniqueConstraint(
            "announcement_id", "instance_name", name=op.f("uq_announced_instances_announcement_id_instance_name")
        ),
        **TABLE,
    )
    for column in ("announcement_id", "instance_name", "ended_at"):
        op.create_index(op.f(f"ix_announced_instances_{column}"), "announced_instances", [column])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("announced_instances")
    op.drop_table("announcements")
