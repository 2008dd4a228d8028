"""From the settings to the blocks: what flows load from the Prefect server, others make here without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.inventory_database import InventoryDatabase
from blocks.loading import provide
from blocks.mail_relay import MailRelay
from blocks.object_store import ObjectStore
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from hosting.settings import Settings

if TYPE_CHECKING:
    from prefect.blocks.core import Block


def blocks_of(settings: Settings) -> list[Block]:
    """The blocks as the settings have them."""
    shared = settings.model_dump(include=set(ServiceSettings.model_fields) & set(Settings.model_fields))
    return [
        InventoryDatabase(url=settings.inventory_url),
        ServiceSettings(**shared, public_url=settings.web.public_url),
        SshHost(**settings.ssh.model_dump()),
        MailRelay(**settings.mail.model_dump()),
        store_of(settings),
    ]


def store_of(settings: Settings) -> ObjectStore:
    """The object store as the settings have it."""
    store = settings.store.model_dump(include=set(ObjectStore.model_fields))
    return ObjectStore(**store, authorities_pem=settings.authorities_pem)


def provide_all(settings: Settings) -> None:
    """Let tasks that are called in this process use the settings' blocks."""
    provide(*blocks_of(settings))
