"""From the settings to the blocks: what flows load from the Prefect server, others make here without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.types import SecretDict
from pydantic import SecretStr

from blocks.backup_store import BackupStore
from blocks.dns_zone import DnsZone
from blocks.inventory_database import InventoryDatabase
from blocks.loading import provide
from blocks.mail_relay import MailRelay
from blocks.object_store import ObjectStore
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from hosting.settings import Settings

if TYPE_CHECKING:
    from prefect.blocks.core import Block

    from hosting.settings import StoreKey


def blocks_of(settings: Settings) -> list[Block]:
    """The blocks as the settings have them."""
    shared = settings.model_dump(include=set(ServiceSettings.model_fields) & set(Settings.model_fields))
    return [
        InventoryDatabase(url=settings.inventory_url),
        ServiceSettings(**shared, public_url=settings.web.public_url),
        SshHost(**settings.ssh.model_dump()),
        MailRelay(**settings.mail.model_dump()),
        store_of(settings),
        backup_store_of(settings),
        zone_of(settings),
    ]


def store_of(settings: Settings) -> ObjectStore:
    """The object store as the settings have it."""
    store = settings.store.model_dump(include=set(ObjectStore.model_fields))
    return ObjectStore(**store, authorities_pem=settings.authorities_pem)


def zone_of(settings: Settings) -> DnsZone:
    """The zone as the settings have it; without a name server where they tell none."""
    return DnsZone(zone=settings.zone, **(settings.dns.model_dump() if settings.dns else {}))


def backup_store_of(settings: Settings) -> BackupStore:
    """The store of backups as the settings have it; the object store's own where they name no other."""
    backup, store = settings.backup, settings.store
    fields = backup.model_dump(include={"endpoint_country", "bucket", "lock_days", "escrow_certificate_pem"})
    keys = {server: revealed(key) for server, key in backup.writers.items()}
    return BackupStore(
        **fields,
        endpoint=backup.endpoint or store.endpoint,
        region=backup.region or store.region,
        access_key=store.access_key,
        secret_key=store.secret_key,
        writers=SecretDict(keys),
        reader_access_key=backup.reader.access_key if backup.reader else "",
        reader_secret_key=backup.reader.secret_key if backup.reader else SecretStr(""),
        authorities_pem=settings.authorities_pem,
    )


def revealed(key: StoreKey) -> dict[str, str]:
    """A key as the block keeps it: the whole is a secret there."""
    return {"access_key": key.access_key, "secret_key": key.secret_key.get_secret_value()}


def provide_all(settings: Settings) -> None:
    """Let tasks that are called in this process use the settings' blocks."""
    provide(*blocks_of(settings))
