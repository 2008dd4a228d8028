"""An empty inventory in a file: its schema is made once a session and copied from then on."""

from __future__ import annotations

import sqlite3
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from hosting.inventory.session import Inventory


@event.listens_for(Engine, "connect")
def _unsynced(connection: Any, _record: object) -> None:
    """What a test writes outlives its processes, but no power cut: nobody waits for the disk."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")


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
