"""SQL on whose data an instance holds (P41)."""

from __future__ import annotations

from hosting.commands.mariadb import Statement, name
from hosting.product.accounts import table


def list_users(database: str) -> Statement:
    """Number and name of each user, the oldest first."""
    return Statement(f"SELECT uid, username FROM {name(database)}.{table('user')} ORDER BY uid")


def left_of_deleted(database: str) -> Statement:
    """How many events and tasks are left of users who are not there any more (phlymail.md section 9)."""
    users = f"(SELECT uid FROM {name(database)}.{table('user')})"
    counts = " + ".join(
        f"(SELECT COUNT(*) FROM {name(database)}.{table(bare)} WHERE uid NOT IN {users})"
        for bare in ("calendar_events", "calendar_tasks")
    )
    return Statement(f"SELECT {counts}")
