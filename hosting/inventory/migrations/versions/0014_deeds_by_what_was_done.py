"""Deeds are found by what was done, too: who asks for a server's room asks for the restores that go there.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_index(op.f("ix_deeds_what"), "deeds", ["what"])


def downgrade() -> None:
    """Take it back."""
    op.drop_index(op.f("ix_deeds_what"), table_name="deeds")
