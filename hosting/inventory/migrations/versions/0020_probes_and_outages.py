"""What probes saw, days counted for good, outages and alarms about them.

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0020"
down_revision = "0019"
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
        "probe_spans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_name", sa.String(191), nullable=False),
        sa.Column("vantage", sa.String(16), nullable=False),
        sa.Column("answer", sa.String(16), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("probes", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["instance_name"], ["instances.name"], name=op.f("fk_probe_spans_instance_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_probe_spans")),
        sa.UniqueConstraint(
            "instance_name", "vantage", "since", name=op.f("uq_probe_spans_instance_name_vantage_since")
        ),
        **TABLE,
    )
    op.create_index(op.f("ix_probe_spans_until"), "probe_spans", ["until"])
    op.create_index(op.f("ix_probe_spans_instance_name_until"), "probe_spans", ["instance_name", "until"])
    op.create_table(
        "availability_days",
        sa.Column("instance_name", sa.String(191), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("up_seconds", sa.Double(), nullable=False),
        sa.Column("down_seconds", sa.Double(), nullable=False),
        sa.Column("unmeasured_seconds", sa.Double(), nullable=False),
        sa.Column("counted_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["instance_name"], ["instances.name"], name=op.f("fk_availability_days_instance_name")),
        sa.PrimaryKeyConstraint("instance_name", "day", name=op.f("pk_availability_days")),
        **TABLE,
    )
    _outages()


def _outages() -> None:
    """The tables of outages and of alarms."""
    op.create_table(
        "outage_alarms",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(400), nullable=False),
        sa.Column("raised_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("told_at", MOMENT, nullable=True),
        sa.Column("told_over_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outage_alarms")),
        **TABLE,
    )
    op.create_index(op.f("ix_outage_alarms_subject"), "outage_alarms", ["subject"])
    op.create_index(op.f("ix_outage_alarms_told_over_at"), "outage_alarms", ["told_over_at"])
    op.create_table(
        "outages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_name", sa.String(191), nullable=False),
        sa.Column("server_name", sa.String(191), nullable=False),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("cause_by", sa.String(191), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("alarm_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["instance_name"], ["instances.name"], name=op.f("fk_outages_instance_name")),
        sa.ForeignKeyConstraint(["server_name"], ["servers.name"], name=op.f("fk_outages_server_name")),
        sa.ForeignKeyConstraint(["alarm_id"], ["outage_alarms.id"], name=op.f("fk_outages_alarm_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outages")),
        sa.UniqueConstraint("instance_name", "began_at", name=op.f("uq_outages_instance_name_began_at")),
        **TABLE,
    )
    op.create_index(op.f("ix_outages_ended_at"), "outages", ["ended_at"])
    op.create_index(op.f("ix_outages_alarm_id"), "outages", ["alarm_id"])


def downgrade() -> None:
    """Take it back."""
    for table in ("outages", "outage_alarms", "availability_days", "probe_spans"):
        op.drop_table(table)
