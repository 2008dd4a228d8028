"""Runs the migrations on the connection that `hosting.inventory.session` hands over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, Engine

from hosting.inventory.tables import Base


def run(connection: Connection) -> None:
    """Migrate on this connection; SQLite and PostgreSQL change the schema wholly or not at all."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transactional_ddl=connection.dialect.name in {"sqlite", "postgresql"},
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


handed_over: Connection | Engine = context.config.attributes["connection"]
if isinstance(handed_over, Engine):
    with handed_over.begin() as opened:
        run(opened)
else:
    run(handed_over)
