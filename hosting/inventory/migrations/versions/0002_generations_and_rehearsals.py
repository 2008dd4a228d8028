"""Generations of backups, what a recovery point holds, and rehearsals.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")

# MariaDB: names are told apart as SQLite and PostgreSQL do, by every character and case.
OPTIONS = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}
TABLE: dict[str, Any] = {
    f"{dialect}_{name}": value for dialect in ("mysql", "mariadb") for name, value in OPTIONS.items()
}


def create_table(name: str, *columns: sa.schema.SchemaItem) -> None:
    """A table of the inventory, with MariaDB's options."""
    op.create_table(name, *columns, **TABLE)


def text(name: str, length: int = 191) -> sa.Column[str]:
    """A text that is always there."""
    return sa.Column(name, sa.String(length=length), nullable=False)


def refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    """A column that names a row of another table."""
    return sa.ForeignKeyConstraint([column], [to], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    """Make the change; no version before this one has written a recovery point, so that the table is made anew."""
    op.drop_table("snapshots")
    create_table(
        "generations",
        text("id"),
        text("instance_name"),
        text("server_name"),
        sa.Column("begun_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        text("state"),
        sa.Column("wrapped_password", sa.Text(), nullable=False),
        sa.Column("verified_at", MOMENT, nullable=True),
        sa.Column("bytes_added", sa.BigInteger(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        refers("generations", "instance_name", "instances.name"),
        refers("generations", "server_name", "servers.name"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generations")),
    )
    op.create_index(op.f("ix_generations_instance_name"), "generations", ["instance_name"])

    create_table(
        "snapshots",
        text("id"),
        text("instance_name"),
        text("generation"),
        text("server_name"),
        text("kind"),
        sa.Column("taken_at", MOMENT, nullable=False),
        text("release_id", 64),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("proven_at", MOMENT, nullable=True),
        sa.Column("damaged", sa.Boolean(), nullable=False),
        text("database_snapshot"),
        text("files_snapshot"),
        sa.Column("bytes_added", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        refers("snapshots", "instance_name", "instances.name"),
        refers("snapshots", "generation", "generations.id"),
        refers("snapshots", "server_name", "servers.name"),
        refers("snapshots", "release_id", "releases.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshots")),
    )
    op.create_index(op.f("ix_snapshots_generation"), "snapshots", ["generation"])
    op.create_index(op.f("ix_snapshots_instance_name"), "snapshots", ["instance_name"])

    create_table(
        "rehearsals",
        text("id"),
        text("point_id"),
        text("instance_name"),
        text("server_name"),
        sa.Column("begun_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=False),
        text("outcome"),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        refers("rehearsals", "point_id", "snapshots.id"),
        refers("rehearsals", "instance_name", "instances.name"),
        refers("rehearsals", "server_name", "servers.name"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rehearsals")),
    )
    op.create_index(op.f("ix_rehearsals_instance_name"), "rehearsals", ["instance_name"])
    op.create_index(op.f("ix_rehearsals_point_id"), "rehearsals", ["point_id"])


def downgrade() -> None:
    """Take it back: recovery points have nowhere to stay."""
    for table in ("rehearsals", "snapshots", "generations"):
        op.drop_table(table)
    create_table(
        "snapshots",
        text("id"),
        text("instance_name"),
        text("generation"),
        text("kind"),
        sa.Column("taken_at", MOMENT, nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        refers("snapshots", "instance_name", "instances.name"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshots")),
    )
    op.create_index(op.f("ix_snapshots_instance_name"), "snapshots", ["instance_name"])
