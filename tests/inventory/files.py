"""An empty inventory in a file: its schema is made once a session and copied from then on.

Whoever asks for this also has each statement made into SQL once a session, though each test has an engine of its own.
"""

from __future__ import annotations

import sqlite3
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.default import DefaultDialect

from hosting.inventory.session import Inventory


@event.listens_for(Engine, "connect")
def _unsynced(connection: Any, _record: object) -> None:
    """What a test writes outlives its processes, but no power cut: nobody waits for the disk."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")


_STATEMENTS: dict[Any, Any] = {}
"""Statements of all engines in SQL; SQLAlchemy looks them up by the dialect, too, of which each engine has its own."""

DefaultDialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
DefaultDialect.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]


@event.listens_for(Engine, "engine_connect")
def _known(connection: Connection) -> None:
    connection.execution_options(compiled_cache=_STATEMENTS)


def write_empty(path: Path) -> None:
    """An inventory of this program's schema without records, at a path that is free."""
    path.write_bytes(_empty())


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory(prefix="phm-test-", dir="/tmp") as folder:
        path = Path(folder) / "inventory.db"
        inventory = Inventory(f"sqlite:///{path}")
        inventory.upgrade()
        with inventory.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        inventory.close()
        return path.read_bytes()
