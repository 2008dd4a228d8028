"""An empty inventory in a file: its schema is made once a session and copied from then on."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from hosting.inventory.session import Inventory


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
