"""What of a database's files was free when it was measured: a look at their sizes tells then what is stored.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    with op.batch_alter_table("measurements") as table:
        table.add_column(sa.Column("free_bytes", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("measurements") as table:
        table.drop_column("free_bytes")
