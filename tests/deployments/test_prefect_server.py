"""Prefect's server on SQLite: who writes waits for his turn, where Prefect alone refuses one of two."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from deployments.runtime.environment import Places, for_server
from deployments.runtime.prefect_server import TakingTurns
from deployments.runtime.services import PREFECT, edition_of, services
from tests.deployments.service import begin

AT_ONCE = 8


Moment = Callable[[], Awaitable[object]]


async def read_then_write(database: AioSqliteConfiguration, engine: AsyncEngine, moment: Moment) -> None:
    """What most of Prefect's transactions do, with a moment between reading and writing."""
    async with await database.session(engine) as session, database.begin_transaction(session):
        found = (await session.execute(text("SELECT value FROM counter"))).scalar_one()
        await moment()
        await session.execute(text("UPDATE counter SET value = :value"), {"value": found + 1})


async def counted(database: AioSqliteConfiguration, moment: Moment) -> int:
    """The counter after many have read and written it at once."""
    engine = await database.engine()
    async with engine.connect() as connection:
        await connection.execute(text("CREATE TABLE counter (value INTEGER)"))
        await connection.execute(text("INSERT INTO counter VALUES (0)"))
    try:
        await asyncio.gather(*(read_then_write(database, engine, moment) for _ in range(AT_ONCE)))
        async with engine.connect() as connection:
            return int((await connection.execute(text("SELECT value FROM counter"))).scalar_one())
    finally:
        await engine.dispose()


def test_many_who_read_and_then_write_wait_for_each_other(tmp_path: Path) -> None:
    database = TakingTurns(f"sqlite+aiosqlite:///{tmp_path}/turns.db")
    assert asyncio.run(counted(database, partial(asyncio.sleep, 0.05))) == AT_ONCE


def test_prefect_alone_refuses_them(tmp_path: Path) -> None:
    """If it no longer does, our own module has had its day."""
    database = AioSqliteConfiguration(f"sqlite+aiosqlite:///{tmp_path}/plain.db")
    with pytest.raises(OperationalError, match="database is locked"):
        asyncio.run(counted(database, asyncio.Barrier(2).wait))  # two have read before one of them writes


def test_the_server_is_renewed_when_its_settings_change(tmp_path: Path) -> None:
    service = begin(tmp_path)
    at, settings = Places(tmp_path), service.settings
    at.ensure()
    before = edition_of(services(settings, at)[PREFECT], at)
    moved = settings.model_copy(update={"prefect_api_url": "http://127.0.0.1:4201/api"})
    assert edition_of(services(settings, at)[PREFECT], at) == before
    assert edition_of(services(moved, at)[PREFECT], at) != before
    assert for_server(moved, at)["PREFECT_SERVER_API_PORT"] == "4201"
