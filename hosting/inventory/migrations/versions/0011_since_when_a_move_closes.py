"""Since when a move keeps its instance closed.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    """Make the change."""
    op.add_column("moves", sa.Column("closed_at", MOMENT, nullable=True))


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("moves") as table:
        table.drop_column("closed_at")
