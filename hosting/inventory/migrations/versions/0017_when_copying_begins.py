"""When the copying of a move begins that takes longer than the window in which the instance is closed.

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    """Make the change."""
    op.add_column("moves", sa.Column("copies_from", MOMENT, nullable=True))


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("moves") as table:
        table.drop_column("copies_from")
