"""The way into the inventory's database: sessions for reading and writing, and its schema.

SQLite serialises its writers (`BEGIN IMMEDIATE`); PostgreSQL and MariaDB run at READ COMMITTED, and the repository
locks the rows that a decision rests on.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from hosting.errors import Refused, Unreachable
from hosting.inventory.failures import is_race, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import URL, Connection, Engine

Result = TypeVar("Result")

WAIT_SECONDS = 30
"""How long a statement waits for a lock, and a session for a connection."""

CONNECT_SECONDS = 10
ATTEMPTS = 12
"""How often a transaction that lost a race is run in all."""

DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}
MIGRATIONS = Path(__file__).with_name("migrations")
UPGRADE_LOCK = 7_469_114  # any number that nothing else on the database uses


class Inventory:
    """The truth about the service, behind one database URL.

    Args:
        url: `sqlite:///path`, `postgresql://…` or `mariadb://…`; the driver is added where it is not named.

    Raises:
        Refused: the URL is none, or names a database that isn't supported.
    """

    def __init__(self, url: str) -> None:
        try:
            self.url = _with_driver(make_url(url))
            self.engine = _engine(self.url)
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
            _private_file(Path(self.url.database))
        writing = self.engine.execution_options(writes=True)
        with self._speaking(), writing.begin() as connection, _only_one(connection):
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
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with inventory.writing() as session:
                return function(session)
        except Exception as error:
            lost = error.__cause__ if isinstance(error.__cause__, SQLAlchemyError) else error
            if attempt == ATTEMPTS or not (isinstance(lost, SQLAlchemyError) and is_race(lost)):
                raise
            time.sleep((1 + secrets.randbelow(20)) * 0.001 * attempt)
    raise AssertionError  # the last attempt returns or raises


def migration_config(connection: Connection | Engine | None = None) -> Config:
    """Alembic's configuration for this package's migrations, on a connection that is already open."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def _with_driver(url: URL) -> URL:
    """The URL with the driver that this project brings; a SQLite without a file would be a new one for each thread."""
    if url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}:
        raise ArgumentError("a file is needed")
    return url.set(drivername=DRIVERS.get(url.drivername, url.drivername))


def _engine(url: URL) -> Engine:
    """The engine with each database's own settings; parameters never appear in logs and errors."""
    options: dict[str, Any] = {
        "hide_parameters": True,
        "pool_size": 5,
        "max_overflow": 35,
        "pool_timeout": WAIT_SECONDS,
    }
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": WAIT_SECONDS}, **options)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    settings = {"connect_timeout": CONNECT_SECONDS}
    engine = create_engine(url, isolation_level="READ COMMITTED", pool_pre_ping=True, connect_args=settings, **options)
    prepare = _prepare_postgresql if url.get_backend_name() == "postgresql" else _prepare_mariadb
    event.listen(engine, "connect", prepare)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Readers beside a writer, foreign keys, and transactions begun by us alone."""
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        f"busy_timeout={WAIT_SECONDS * 1000}",
        "foreign_keys=ON",
        "recursive_triggers=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its lock at once, so that what it reads stays true until it commits."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_postgresql(connection: Any, _record: object) -> None:
    """No wait for a lock without an end."""
    connection.execute(f"SET lock_timeout = '{WAIT_SECONDS}s'")
    connection.commit()


def _prepare_mariadb(connection: Any, _record: object) -> None:
    """No wait for a lock without an end, and no value cut short in silence."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SET innodb_lock_wait_timeout = {WAIT_SECONDS}, sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')"
        )


@contextmanager
def _only_one(connection: Connection) -> Iterator[None]:
    """Let one program at a time change the schema; on SQLite the transaction itself does that."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})"))
    if connection.dialect.name not in {"mysql", "mariadb"}:
        yield
        return
    if connection.scalar(text(f"SELECT GET_LOCK('{UPGRADE_LOCK}', {WAIT_SECONDS})")) != 1:
        raise Unreachable("Another program is changing the inventory's schema.", "Try again when it is done.")
    try:
        yield
    finally:
        connection.execute(text(f"SELECT RELEASE_LOCK('{UPGRADE_LOCK}')"))


def _private_file(path: Path) -> None:
    """Make the database file with access for its owner alone; its journal follows it in that."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
