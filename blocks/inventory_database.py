"""The inventory's database as a block."""

from __future__ import annotations

from functools import cached_property

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from hosting.inventory.session import Inventory


class InventoryDatabase(Block):
    """Where the truth about the service is kept (SQLite, PostgreSQL or MariaDB)."""

    _block_type_name = "phlyMail inventory database"
    _block_type_slug = "phm-inventory-database"
    url: SecretStr = Field(title="Database URL", description="For example postgresql+psycopg://… or sqlite:///…")

    @cached_property
    def inventory(self) -> Inventory:
        """The inventory behind the URL; one engine a process."""
        return Inventory(self.url.get_secret_value())
