"""SQL by which a database's tables are written anew: what was deleted from them takes no room then (MariaDB 10.11)."""

from __future__ import annotations

from hosting.commands.mariadb import Statement, name

LEAST_BYTES = 4 << 20
"""Smaller tables have nothing to give."""


def find_large_tables(database: str) -> Statement:
    """Name and file size of the tables that may have something to give, the largest last."""
    return Statement(
        "SELECT TABLE_NAME, DATA_LENGTH + INDEX_LENGTH + DATA_FREE AS size FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA = %s AND ENGINE = 'InnoDB' HAVING size >= %s ORDER BY size",
        (database, LEAST_BYTES),
    )


def rebuild_table(database: str, table: str) -> Statement:
    """A table written anew; raises ValueError where its name is none that we paste."""
    return Statement(f"ALTER TABLE {name(database)}.{name(table)} FORCE")
