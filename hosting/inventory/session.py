"""The way into the inventory's database: sessions for reading and writing, and its schema.

SQLite serialises its writers (`BEGIN IMMEDIATE`); PostgreSQL and MariaDB run at READ COMMITTED, and the repository
locks the rows that a decision rests on.
"""

from __future__ import annotations

import secrets
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from hosting.errors import Refused
from hosting.inventory.engines import WAIT_SECONDS, make_engine, make_file, only_one, with_driver
from hosting.inventory.failures import is_race, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alembic.config import Config
    from sqlalchemy import Connection, Engine

Result = TypeVar("Result")

ATTEMPTS = 12
"""How often a transaction that lost a race is run in all; none begins again after `WAIT_SECONDS`."""

MIGRATIONS = Path(__file__).with_name("migrations")


class Inventory:
    """The truth about the service, behind one database URL.

    Args:
        url: `sqlite:///path`, `postgresql://…` or `mariadb://…`; the driver is added where it is not named.

    Raises:
        Refused: the URL is none, or names a database that isn't supported.
    """

    def __init__(self, url: str) -> None:
        try:
            self.url = with_driver(make_url(url))
            self.engine = make_engine(self.url)
        except (ArgumentError, ImportError) as error:
            raise Refused(
                "The inventory's database URL can't be used.",
                "Write it like sqlite:////var/lib/phm/inventory.db, postgresql://… or mariadb://…; for PostgreSQL "
                "install the extra phlymail-hosting[postgresql].",
            ) from error
        self._read = sessionmaker(self.engine, expire_on_commit=False)
        self._write = sessionmaker(self.engine.execution_options(writes=True), expire_on_commit=False)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session whose changes, if any, are not kept.

        Raises:
            Unreachable: the database does not answer, or stays busy.
            DriftFound: its schema is older than this program.
        """
        with self._speaking(), self._read() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that is one transaction: kept at the end, undone by an exception.

        Raises:
            Unreachable: the database does not answer, or stays busy.
            DriftFound: its schema is older than this program.
        """
        with self._speaking(), self._write.begin() as session:
            yield session

    def upgrade(self) -> None:
        """Bring the schema to this program's; run twice, or by two at once, it changes nothing the second time.

        Raises:
            Unreachable: the database does not answer.
        """
        if self.url.get_backend_name() == "sqlite" and self.url.database:
            make_file(Path(self.url.database))
        from alembic import command  # noqa: PLC0415  # a third of a second that reading verbs don't need

        writing = self.engine.execution_options(writes=True)
        with self._speaking(), writing.begin() as connection, only_one(connection):
            command.upgrade(migration_config(connection), "head")

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Tell what the database says in the service's words."""
        try:
            yield
        except SQLAlchemyError as error:
            sentence = told(error, self.url)
            if sentence is None:
                raise
            raise sentence from error


def in_transaction(inventory: Inventory, function: Callable[[Session], Result]) -> Result:
    """Run a function in a transaction, again if another transaction got in its way, bounded in number.

    The function starts from nothing each time: it reads what it decides on through the session it is given.

    Raises:
        Unreachable: the database does not answer, or the races don't end.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with inventory.writing() as session:
                return function(session)
        except Exception as error:
            lost = error.__cause__ if isinstance(error.__cause__, SQLAlchemyError) else error
            again = isinstance(lost, SQLAlchemyError) and is_race(lost)
            if not again or attempt == ATTEMPTS or time.monotonic() > deadline:
                raise
            time.sleep((1 + secrets.randbelow(20)) * 0.001 * attempt)
    raise AssertionError  # the last attempt returns or raises


def migration_config(connection: Connection | Engine | None = None) -> Config:
    """Alembic's configuration for this package's migrations, on a connection that is already open."""
    from alembic.config import Config  # noqa: PLC0415  # as above

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    if connection is not None:
        config.attributes["connection"] = connection
    return config
