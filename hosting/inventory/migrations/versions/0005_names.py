"""Names of instances, with their history: who has one, who had it, until when it rests.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")

# MariaDB: names are told apart as SQLite and PostgreSQL do, by every character and case.
OPTIONS = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}
TABLE: dict[str, Any] = {
    f"{dialect}_{name}": value for dialect in ("mysql", "mariadb") for name, value in OPTIONS.items()
}
A_LABEL = 400


def text(name: str, length: int = 191, *, nullable: bool = False) -> sa.Column[str]:
    """A text."""
    return sa.Column(name, sa.String(length=length), nullable=nullable)


def refers_to_instance() -> sa.ForeignKeyConstraint:
    """Each name is an instance's."""
    return sa.ForeignKeyConstraint(["instance_name"], ["instances.name"], name=op.f("fk_names_instance_name"))


def upgrade() -> None:
    """Make the change; the table was never written to before."""
    op.drop_table("names")
    op.create_table(
        "names",
        sa.Column("id", sa.Integer(), nullable=False),
        text("instance_name"),
        text("kind"),
        text("a_label", A_LABEL),
        text("as_ordered", A_LABEL),
        text("held", A_LABEL, nullable=True),
        text("state"),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("live_at", MOMENT, nullable=True),
        sa.Column("resting_until", MOMENT, nullable=True),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        refers_to_instance(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_names")),
        sa.UniqueConstraint("held", name=op.f("uq_names_held")),
        **TABLE,
    )
    op.create_index(op.f("ix_names_instance_name"), "names", ["instance_name"])
    op.create_index(op.f("ix_names_a_label"), "names", ["a_label"])
    op.create_index(op.f("ix_names_state"), "names", ["state"])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("names")
    op.create_table(
        "names",
        text("host_name"),
        text("instance_name"),
        text("kind"),
        text("state"),
        sa.Column("since", MOMENT, nullable=False),
        refers_to_instance(),
        sa.PrimaryKeyConstraint("host_name", name=op.f("pk_names")),
        **TABLE,
    )
    op.create_index(op.f("ix_names_instance_name"), "names", ["instance_name"])
