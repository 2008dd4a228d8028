"""When bookings were cancelled and ended, changes of what is booked, and what instances store.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")

# MariaDB: names are told apart as SQLite and PostgreSQL do, by every character and case.
OPTIONS = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}
TABLE: dict[str, Any] = {
    f"{dialect}_{name}": value for dialect in ("mysql", "mariadb") for name, value in OPTIONS.items()
}


def upgrade() -> None:
    """Make the change; what had an end before belongs to a cancelled order, and is over."""
    op.add_column("bookings", sa.Column("cancelled_at", MOMENT, nullable=True))
    op.add_column("bookings", sa.Column("over_at", MOMENT, nullable=True))
    bookings = sa.table(
        "bookings",
        sa.column("id", sa.Integer),
        sa.column("ends_on", sa.Date),
        sa.column("cancelled_at", MOMENT),
        sa.column("over_at", MOMENT),
    )
    connection = op.get_bind()
    ended = sa.select(bookings.c.id, bookings.c.ends_on).where(bookings.c.ends_on.is_not(None))
    for number, ends_on in connection.execute(ended).all():
        at = datetime.combine(ends_on, time())
        connection.execute(bookings.update().where(bookings.c.id == number).values(cancelled_at=at, over_at=at))

    op.create_table(
        "booking_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_name", sa.String(length=191), nullable=False),
        sa.Column("kind", sa.String(length=191), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("booking_id", sa.Integer(), nullable=True),
        sa.Column("asked_by", sa.String(length=191), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(length=191), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["instance_name"], ["instances.name"], name=op.f("fk_booking_changes_instance_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking_changes")),
        **TABLE,
    )
    op.create_index(op.f("ix_booking_changes_instance_name"), "booking_changes", ["instance_name"])

    op.create_table(
        "measurements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_name", sa.String(length=191), nullable=False),
        sa.Column("server_name", sa.String(length=191), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("database_bytes", sa.BigInteger(), nullable=False),
        sa.Column("files_bytes", sa.BigInteger(), nullable=False),
        sa.Column("users", sa.Integer(), nullable=False),
        sa.Column("pool_gib", sa.Integer(), nullable=False),
        sa.Column("by_user", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["instance_name"], ["instances.name"], name=op.f("fk_measurements_instance_name")),
        sa.ForeignKeyConstraint(["server_name"], ["servers.name"], name=op.f("fk_measurements_server_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measurements")),
        **TABLE,
    )
    op.create_index(op.f("ix_measurements_at"), "measurements", ["at"])
    op.create_index(op.f("ix_measurements_instance_name"), "measurements", ["instance_name"])


def downgrade() -> None:
    """Take it back: what was measured and asked for is forgotten."""
    op.drop_table("measurements")
    op.drop_table("booking_changes")
    with op.batch_alter_table("bookings") as table:
        table.drop_column("over_at")
        table.drop_column("cancelled_at")
