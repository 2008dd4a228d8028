"""Certificates that take another one's place, and domains for which customers may hand them over.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0010"
down_revision = "0009"
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
        "certificate_renewals",
        sa.Column("name_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("not_after", MOMENT, nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("certificate_pem", sa.Text(), nullable=False),
        sa.Column("sealed_key", sa.Text(), nullable=False),
        sa.Column("given_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["name_id"], ["names.id"], name=op.f("fk_certificate_renewals_name_id")),
        sa.PrimaryKeyConstraint("name_id", name=op.f("pk_certificate_renewals")),
        **TABLE,
    )
    op.create_table(
        "domain_invitations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_name", sa.String(length=191), nullable=False),
        sa.Column("a_label", sa.String(length=400), nullable=False),
        sa.Column("as_ordered", sa.String(length=400), nullable=False),
        sa.Column("made_by", sa.String(length=191), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_name"], ["instances.name"], name=op.f("fk_domain_invitations_instance_name")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_domain_invitations")),
        **TABLE,
    )
    op.create_index(op.f("ix_domain_invitations_instance_name"), "domain_invitations", ["instance_name"])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("domain_invitations")
    op.drop_table("certificate_renewals")
