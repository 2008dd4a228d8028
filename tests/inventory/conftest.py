"""An inventory of its own for each test, the same tests on every database that the service runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hosting.inventory.session import Inventory
from tests.inventory.databases import PrivateMariadb, PrivatePostgresql
from tests.inventory.files import write_empty

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PrivatePostgresql]:
    server = PrivatePostgresql()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: PrivatePostgresql) -> str:
    """The name of a database to copy."""
    inventory = Inventory(postgresql.fresh())
    inventory.upgrade()
    inventory.close()
    return str(inventory.url.database)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[PrivateMariadb]:
    server = PrivateMariadb()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql", pytest.param("mariadb", marks=pytest.mark.soak)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    match request.param:
        case "sqlite":
            return f"sqlite:///{tmp_path}/inventory.db"
        case server:
            return str(request.getfixturevalue(server).fresh())


@pytest.fixture(params=["sqlite", "postgresql", pytest.param("mariadb", marks=pytest.mark.soak)])
def inventory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Inventory]:
    """An empty inventory whose schema is up to date."""
    match request.param:
        case "sqlite":
            write_empty(tmp_path / "inventory.db")
            made = Inventory(f"sqlite:///{tmp_path}/inventory.db")
        case "postgresql":
            template = request.getfixturevalue("migrated_postgresql")
            made = Inventory(request.getfixturevalue("postgresql").fresh(template))
        case _:
            made = Inventory(request.getfixturevalue("mariadb").fresh())
            made.upgrade()
    yield made
    made.close()
    if request.param == "postgresql":
        request.getfixturevalue("postgresql").give_back(str(made.url.database))
