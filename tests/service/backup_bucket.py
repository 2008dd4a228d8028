"""The fleet's real store of backups, with objects that stand in for those that restic writes."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from deployments.connections import backup_store_of
from deployments.console.settings_from_fleet import settings_of
from hosting.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from blocks.backup_store import BackupStore
    from fleet import Fleet


def bucket_of(fleet: Fleet, home: Path) -> BackupStore:
    """The block as the settings make it, on a bucket of its own: the audit looks at all that a bucket holds."""
    settings = Settings.model_validate(settings_of(fleet.description(), home))
    made = backup_store_of(settings).model_copy(update={"bucket": f"phm-test-{secrets.token_hex(4)}"})
    made.ensure_ready()
    return made


def remove(store: BackupStore) -> None:
    """The bucket with all that is in it."""
    for found in {(one.server, one.instance, one.generation) for one in store.generations()}:
        store.drop(*found)
    store.client.delete_bucket(Bucket=store.bucket)


def written(store: BackupStore, server: str, instance: str, generation: str, *, objects: int = 3) -> None:
    """Objects of a generation, one of them overwritten once."""
    prefix = store.prefix(server, instance, generation)
    for number in range(objects):
        store.put_bytes(f"{prefix}data/{number:02}", b"x" * 1000)
    store.put_bytes(f"{prefix}data/00", b"y" * 1000)


def versions(store: BackupStore, server: str, instance: str, generation: str) -> int:
    """How many versions of objects lie below a generation's prefix."""
    found: Any = store.client.list_object_versions(
        Bucket=store.bucket, Prefix=store.prefix(server, instance, generation)
    )
    return len(found.get("Versions", ())) + len(found.get("DeleteMarkers", ()))


def broken(store: BackupStore) -> BackupStore:
    """The same store where nobody answers."""
    made = store.model_copy(update={"endpoint": "http://127.0.0.1:9"})
    made.__dict__.pop("client", None)  # the copy would go on with the original's
    return made
