"""When each look was last made at a server, whatever it found; whom a way out does not reach.

Revision ID: 0027
Revises: 0026
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0027"
down_revision = "0026"
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
        "looks_made",
        sa.Column("server_name", sa.String(length=191), nullable=False),
        sa.Column("kind", sa.String(length=191), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("server_name", "kind", name=op.f("pk_looks_made")),
        **TABLE,
    )
    op.add_column("outage_alarms", sa.Column("unreached", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("outage_alarms") as table:
        table.drop_column("unreached")
    op.drop_table("looks_made")
