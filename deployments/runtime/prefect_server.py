"""Prefect's server as the embedded default runs it: on SQLite its writers take turns.

`uvicorn --factory deployments.runtime.prefect_server:create_app`. With another database it is Prefect's own, unchanged.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from prefect.server.api import server
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import set_database_config
from prefect.server.utilities.database import get_dialect
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fastapi import FastAPI
    from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction


class TakingTurns(AioSqliteConfiguration):
    """SQLite where a transaction has the write lock from its beginning, or waits for it.

    Prefect begins most of its transactions without the lock. One that has read, and wants to write after another one
    has written, is refused at once ("database is locked"), however long it would wait. The server then answers 503, and
    a client asks again after 2, 4, 8, 16 and 32 seconds: a run stood still for a minute, or crashed (docs/figures.md).
    """

    @asynccontextmanager
    async def begin_transaction(
        self,
        session: AsyncSession,
        with_for_update: bool = False,  # noqa: ARG002  # Prefect's own signature
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        """A transaction that writes, as those that Prefect begins for an update do."""
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def create_app() -> FastAPI:
    """Prefect's API and UI, with turns for writers where its database is SQLite."""
    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    if get_dialect(url).name == "sqlite":
        set_database_config(TakingTurns(connection_url=url))
    return server.create_app()
