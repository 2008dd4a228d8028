"""Applications for names: what the program found, what a person decided.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")

# MariaDB: names are told apart as SQLite and PostgreSQL do, by every character and case.
OPTIONS = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}
TABLE: dict[str, Any] = {
    f"{dialect}_{name}": value for dialect in ("mysql", "mariadb") for name, value in OPTIONS.items()
}


def text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    """A text."""
    return sa.Column(name, sa.String(length=191), nullable=nullable)


def refers_to_instance() -> sa.ForeignKeyConstraint:
    """Each application is for an instance."""
    name = op.f("fk_name_applications_instance_name")
    return sa.ForeignKeyConstraint(["instance_name"], ["instances.name"], name=name)


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "name_applications",
        sa.Column("id", sa.Integer(), nullable=False),
        text("instance_name"),
        text("wished"),
        text("name"),
        text("a_label"),
        text("state"),
        text("version"),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("judged_at", MOMENT, nullable=False),
        text("asked_by"),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        text("decided_by", nullable=True),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        refers_to_instance(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_name_applications")),
        **TABLE,
    )
    for column in ("instance_name", "a_label", "state"):
        op.create_index(op.f(f"ix_name_applications_{column}"), "name_applications", [column])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("name_applications")
