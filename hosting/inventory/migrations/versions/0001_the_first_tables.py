"""The first tables, and the lock on the record of what was done.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
BODY = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")

# MariaDB: names are told apart as SQLite and PostgreSQL do, by every character and case.
OPTIONS = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}
TABLE: dict[str, Any] = {
    f"{dialect}_{name}": value for dialect in ("mysql", "mariadb") for name, value in OPTIONS.items()
}

MARIADB_TRIGGERS = [
    f"CREATE TRIGGER deeds_{verb} BEFORE {verb} ON deeds FOR EACH ROW "
    "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'deeds are only added, never changed'"
    for verb in ("UPDATE", "DELETE")
]
APPEND_ONLY = {
    "sqlite": [
        f"CREATE TRIGGER deeds_{verb} BEFORE {verb} ON deeds "
        "BEGIN SELECT RAISE(ABORT, 'deeds are only added, never changed'); END"
        for verb in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE FUNCTION deeds_stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'deeds are only added, never changed'; END $$",
        "CREATE TRIGGER deeds_change BEFORE UPDATE OR DELETE OR TRUNCATE ON deeds "
        "FOR EACH STATEMENT EXECUTE FUNCTION deeds_stay()",
    ],
    "mysql": MARIADB_TRIGGERS,
    "mariadb": MARIADB_TRIGGERS,
}


TABLES = """
snapshots names instance_secrets access_links instances bookings contracts orders work turns shop_events
service_levels servers releases payments operators letters leases deeds day_overrides customers cases
"""


def create_table(name: str, *columns: sa.schema.SchemaItem) -> None:
    """A table of the inventory, with MariaDB's options."""
    op.create_table(name, *columns, **TABLE)


def upgrade() -> None:
    """Make the change."""
    create_table(
        "cases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=400), nullable=False),
        sa.Column("kind", sa.String(length=191), nullable=False),
        sa.Column("subject", sa.String(length=400), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("raised_at", MOMENT, nullable=False),
        sa.Column("settled_at", MOMENT, nullable=True),
        sa.Column("settled_by", sa.String(length=191), nullable=True),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sa.UniqueConstraint("key", name=op.f("uq_cases_key")),
    )
    create_table(
        "customers",
        sa.Column("reference", sa.String(length=191), nullable=False),
        sa.Column("name", sa.String(length=191), nullable=False),
        sa.Column("email", sa.String(length=191), nullable=False),
        sa.Column("language", sa.String(length=191), nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_customers")),
    )
    create_table(
        "day_overrides",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("opened", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=191), nullable=False),
        sa.Column("by", sa.String(length=191), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_day_overrides")),
    )
    create_table(
        "deeds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("by", sa.String(length=191), nullable=False),
        sa.Column("what", sa.String(length=191), nullable=False),
        sa.Column("subject", sa.String(length=400), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deeds")),
    )
    op.create_index(op.f("ix_deeds_subject"), "deeds", ["subject"])

    create_table(
        "leases",
        sa.Column("instance_name", sa.String(length=191), nullable=False),
        sa.Column("owner", sa.String(length=191), nullable=False),
        sa.Column("purpose", sa.String(length=191), nullable=False),
        sa.Column("acquired_at", MOMENT, nullable=False),
        sa.Column("heartbeat_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("instance_name", name=op.f("pk_leases")),
    )
    create_table(
        "letters",
        sa.Column("key", sa.String(length=400), nullable=False),
        sa.Column("recipient", sa.String(length=191), nullable=False),
        sa.Column("language", sa.String(length=191), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("message_id", sa.String(length=191), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_letters")),
    )
    create_table(
        "operators",
        sa.Column("name", sa.String(length=191), nullable=False),
        sa.Column("full_name", sa.String(length=191), nullable=False),
        sa.Column("email", sa.String(length=191), nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_operators")),
    )
    create_table(
        "payments",
        sa.Column("event_id", sa.String(length=191), nullable=False),
        sa.Column("order_reference", sa.String(length=191), nullable=False),
        sa.Column("kind", sa.String(length=191), nullable=False),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_payments")),
    )
    op.create_index(op.f("ix_payments_order_reference"), "payments", ["order_reference"])

    create_table(
        "releases",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("build", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=191), nullable=False),
        sa.Column("edition", sa.String(length=191), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.Column("added_by", sa.String(length=191), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_releases")),
    )
    create_table(
        "servers",
        sa.Column("name", sa.String(length=191), nullable=False),
        sa.Column("host_name", sa.String(length=191), nullable=False),
        sa.Column("address", sa.String(length=191), nullable=False),
        sa.Column("ssh_port", sa.Integer(), nullable=False),
        sa.Column("host_key", sa.Text(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("dedicated", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=191), nullable=False),
        sa.Column("room_gib", sa.Integer(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_servers")),
        sa.UniqueConstraint("host_name", name=op.f("uq_servers_host_name")),
    )
    create_table(
        "service_levels",
        sa.Column("name", sa.String(length=191), nullable=False),
        sa.Column("overrides", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_service_levels")),
    )
    create_table(
        "shop_events",
        sa.Column("id", sa.String(length=191), nullable=False),
        sa.Column("type", sa.String(length=191), nullable=False),
        sa.Column("order_reference", sa.String(length=191), nullable=False),
        sa.Column("body", BODY, nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("delivered_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(length=191), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_events")),
    )
    op.create_index(op.f("ix_shop_events_order_reference"), "shop_events", ["order_reference"])

    create_table(
        "turns",
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_turns")),
    )
    create_table(
        "work",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=191), nullable=False),
        sa.Column("subject", sa.String(length=191), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(length=191), nullable=False),
        sa.Column("flow_run_id", sa.String(length=191), nullable=True),
        sa.Column("asked_by", sa.String(length=191), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work")),
        sa.UniqueConstraint("kind", "subject", name=op.f("uq_work_kind_subject")),
    )
    op.create_index(op.f("ix_work_due_at"), "work", ["due_at"])
    op.create_index(op.f("ix_work_state"), "work", ["state"])

    create_table(
        "orders",
        sa.Column("reference", sa.String(length=191), nullable=False),
        sa.Column("customer_reference", sa.String(length=191), nullable=False),
        sa.Column("accounts", sa.BigInteger(), nullable=False),
        sa.Column("storage_gib", sa.BigInteger(), nullable=False),
        sa.Column("due_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("service_level", sa.String(length=191), nullable=True),
        sa.Column("placed_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(length=191), nullable=False),
        sa.Column("paid_at", MOMENT, nullable=True),
        sa.Column("promised_by", MOMENT, nullable=True),
        sa.Column("ready_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_reference"], ["customers.reference"], name=op.f("fk_orders_customer_reference")
        ),
        sa.ForeignKeyConstraint(["service_level"], ["service_levels.name"], name=op.f("fk_orders_service_level")),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_orders")),
    )
    create_table(
        "contracts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_reference", sa.String(length=191), nullable=False),
        sa.Column("order_reference", sa.String(length=191), nullable=False),
        sa.Column("service_level", sa.String(length=191), nullable=True),
        sa.Column("agreed_at", MOMENT, nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_reference"], ["customers.reference"], name=op.f("fk_contracts_customer_reference")
        ),
        sa.ForeignKeyConstraint(["order_reference"], ["orders.reference"], name=op.f("fk_contracts_order_reference")),
        sa.ForeignKeyConstraint(["service_level"], ["service_levels.name"], name=op.f("fk_contracts_service_level")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contracts")),
        sa.UniqueConstraint("order_reference", name=op.f("uq_contracts_order_reference")),
    )
    create_table(
        "bookings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=191), nullable=False),
        sa.Column("detail", sa.String(length=191), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("minimum_months", sa.Integer(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name=op.f("fk_bookings_contract_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookings")),
    )
    op.create_index(op.f("ix_bookings_contract_id"), "bookings", ["contract_id"])

    create_table(
        "instances",
        sa.Column("name", sa.String(length=191), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("order_reference", sa.String(length=191), nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("server_name", sa.String(length=191), nullable=False),
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("accounts", sa.Integer(), nullable=False),
        sa.Column("storage_gib", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=191), nullable=False),
        sa.Column("reserved_at", MOMENT, nullable=False),
        sa.Column("active_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name=op.f("fk_instances_contract_id")),
        sa.ForeignKeyConstraint(["order_reference"], ["orders.reference"], name=op.f("fk_instances_order_reference")),
        sa.ForeignKeyConstraint(["release_id"], ["releases.id"], name=op.f("fk_instances_release_id")),
        sa.ForeignKeyConstraint(["server_name"], ["servers.name"], name=op.f("fk_instances_server_name")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_instances")),
        sa.UniqueConstraint("number", name=op.f("uq_instances_number")),
        sa.UniqueConstraint("order_reference", name=op.f("uq_instances_order_reference")),
    )
    op.create_index(op.f("ix_instances_server_name"), "instances", ["server_name"])

    create_table(
        "access_links",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("instance_name", sa.String(length=191), nullable=False),
        sa.Column("purpose", sa.String(length=191), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["instance_name"], ["instances.name"], name=op.f("fk_access_links_instance_name")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_access_links")),
    )
    op.create_index(op.f("ix_access_links_instance_name"), "access_links", ["instance_name"])

    create_table(
        "instance_secrets",
        sa.Column("instance_name", sa.String(length=191), nullable=False),
        sa.Column("purpose", sa.String(length=191), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["instance_name"], ["instances.name"], name=op.f("fk_instance_secrets_instance_name")),
        sa.PrimaryKeyConstraint("instance_name", "purpose", name=op.f("pk_instance_secrets")),
    )
    create_table(
        "names",
        sa.Column("host_name", sa.String(length=191), nullable=False),
        sa.Column("instance_name", sa.String(length=191), nullable=False),
        sa.Column("kind", sa.String(length=191), nullable=False),
        sa.Column("state", sa.String(length=191), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["instance_name"], ["instances.name"], name=op.f("fk_names_instance_name")),
        sa.PrimaryKeyConstraint("host_name", name=op.f("pk_names")),
    )
    op.create_index(op.f("ix_names_instance_name"), "names", ["instance_name"])

    create_table(
        "snapshots",
        sa.Column("id", sa.String(length=191), nullable=False),
        sa.Column("instance_name", sa.String(length=191), nullable=False),
        sa.Column("generation", sa.String(length=191), nullable=False),
        sa.Column("kind", sa.String(length=191), nullable=False),
        sa.Column("taken_at", MOMENT, nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["instance_name"], ["instances.name"], name=op.f("fk_snapshots_instance_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshots")),
    )
    op.create_index(op.f("ix_snapshots_instance_name"), "snapshots", ["instance_name"])
    for statement in APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Take everything away again; the triggers go with their table."""
    for table in TABLES.split():
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION deeds_stay()")
