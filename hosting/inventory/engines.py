"""Engines for the databases of the inventory: drivers, limits on every wait, one change of the schema at a time."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import ArgumentError

from hosting.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import URL, Connection, Engine

WAIT_SECONDS = 30
"""How long a statement waits for a lock, and a session for a connection."""

CONNECT_SECONDS = 10
SWITCH_SECONDS = 0.1
UPGRADE_LOCK = 7_469_114  # any number that nothing else on the database uses

TIMEOUTS: dict[str, dict[str, int]] = {
    "postgresql": {
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": CONNECT_SECONDS,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": WAIT_SECONDS * 1000,
    },
    "mysql": {"connect_timeout": CONNECT_SECONDS, "read_timeout": WAIT_SECONDS * 2, "write_timeout": WAIT_SECONDS},
}
TIMEOUTS["mariadb"] = TIMEOUTS["mysql"]
"""How each driver gives up on a connection that was cut; reading lasts longer than the wait for a lock."""

DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}


def with_driver(url: URL) -> URL:
    """The URL with the driver that this project brings; a SQLite without a file would be a new one for each thread."""
    if url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}:
        raise ArgumentError("a file is needed")
    return url.set(drivername=DRIVERS.get(url.drivername, url.drivername))


def make_engine(url: URL) -> Engine:
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
    limits = TIMEOUTS.get(url.get_backend_name())
    if limits is None:
        raise ArgumentError("not a database that the inventory is kept on")
    engine = create_engine(url, isolation_level="READ COMMITTED", pool_pre_ping=True, connect_args=limits, **options)
    prepare = _prepare_postgresql if url.get_backend_name() == "postgresql" else _prepare_mariadb
    event.listen(engine, "connect", prepare)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Foreign keys, triggers on replaced rows too, and transactions begun by us alone."""
    connection.isolation_level = None
    for pragma in (f"busy_timeout={WAIT_SECONDS * 1000}", "foreign_keys=ON", "recursive_triggers=ON"):
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
def only_one(connection: Connection) -> Iterator[None]:
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


def make_file(path: Path) -> None:
    """Have SQLite's file, for its owner alone, and readers beside a writer (WAL); several may do so at once.

    SQLite doesn't wait for the lock that the switch to WAL needs, so it is tried again here.

    Raises:
        Unreachable: the file can't be made, is no database, or stays busy.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        message = f"The inventory's file {path} can't be made: {error.strerror}."
        raise Unreachable(message, "Check the folder, then run again.") from error
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            with closing(sqlite3.connect(path, timeout=WAIT_SECONDS)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                message = f"The inventory's file {path} can't be opened: {error}."
                raise Unreachable(message, "Check the file and who uses it, then run again.") from error
            time.sleep(SWITCH_SECONDS)
        else:
            return
