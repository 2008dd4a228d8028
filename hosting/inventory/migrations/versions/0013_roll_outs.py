"""Roll-outs of releases, and how far each instance is in them.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0013"
down_revision = "0012"
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
        "roll_outs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=191), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("by", sa.String(length=191), nullable=False),
        sa.Column("parallel", sa.Integer(), nullable=False),
        sa.Column("failures_most", sa.Integer(), nullable=False),
        sa.Column("stop_most_seconds", sa.Double(), nullable=False),
        sa.Column("begun_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["release_id"], ["releases.id"], name=op.f("fk_roll_outs_release_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roll_outs")),
        **TABLE,
    )
    op.create_index(op.f("ix_roll_outs_state"), "roll_outs", ["state"])
    op.create_table(
        "instance_updates",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("roll_out_id", sa.Integer(), nullable=False),
        sa.Column("instance_name", sa.String(length=191), nullable=False),
        sa.Column("server_name", sa.String(length=191), nullable=False),
        sa.Column("from_release_id", sa.String(length=64), nullable=False),
        sa.Column("ring", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=191), nullable=False),
        sa.Column("forgiven", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("begun_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("outage_seconds", sa.Double(), nullable=True),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["roll_out_id"], ["roll_outs.id"], name=op.f("fk_instance_updates_roll_out_id")),
        sa.ForeignKeyConstraint(["instance_name"], ["instances.name"], name=op.f("fk_instance_updates_instance_name")),
        sa.ForeignKeyConstraint(["server_name"], ["servers.name"], name=op.f("fk_instance_updates_server_name")),
        sa.ForeignKeyConstraint(["from_release_id"], ["releases.id"], name=op.f("fk_instance_updates_from_release_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance_updates")),
        sa.UniqueConstraint(
            "roll_out_id", "instance_name", name=op.f("uq_instance_updates_roll_out_id_instance_name")
        ),
        **TABLE,
    )
    for column in ("roll_out_id", "instance_name", "state"):
        op.create_index(op.f(f"ix_instance_updates_{column}"), "instance_updates", [column])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("instance_updates")
    op.drop_table("roll_outs")
