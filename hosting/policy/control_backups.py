"""The control machine's own backups: how they are named, and how long they are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hosting.policy.store_rights import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterable

KEPT = timedelta(days=14)
"""Long enough to notice a loss, and no longer: an ended instance's keys are in them too, until they go (P41)."""

FORM = f"{CONTROL}/%Y-%m-%dT%H%M%SZ.tar.gz.p7m"


def key_at(at: datetime) -> str:
    """The name in the store of the backup made at a moment; names are in the order of their moments."""
    return at.astimezone(UTC).strftime(FORM)


def made_at(key: str) -> datetime | None:
    """The moment that a name tells; None for anything else that lies there."""
    try:
        return datetime.strptime(key, FORM).replace(tzinfo=UTC)
    except ValueError:
        return None


def droppable(keys: Iterable[str], now: datetime) -> list[str]:
    """The backups that are older than they are kept, the oldest first; never the newest one, however old it is."""
    moments = sorted((at, key) for key in keys if (at := made_at(key)) is not None)
    return [key for at, key in moments[:-1] if now - at > KEPT]
