"""What a database error means for the service: a race to run again, a schema that is missing, or no answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from hosting.errors import DriftFound, ServiceError, Unreachable

if TYPE_CHECKING:
    from sqlalchemy import URL
    from sqlalchemy.exc import SQLAlchemyError

RACES: frozenset[object] = frozenset(
    {
        "40001",  # PostgreSQL: serialization_failure
        "40P01",  # PostgreSQL: deadlock_detected
        "55P03",  # PostgreSQL: lock_not_available
        1020,  # MariaDB: ER_CHECKREAD, the record has changed since it was read
        1205,  # MariaDB: ER_LOCK_WAIT_TIMEOUT
        1213,  # MariaDB: ER_LOCK_DEADLOCK
        "23505",  # PostgreSQL: unique_violation; who runs again finds the row that the other one made
        1062,  # MariaDB: ER_DUP_ENTRY, likewise
        "SQLITE_CONSTRAINT_PRIMARYKEY",
        "SQLITE_CONSTRAINT_UNIQUE",
        "SQLITE_BUSY",
        "SQLITE_BUSY_SNAPSHOT",
        "SQLITE_LOCKED",
    }
)
"""Codes of errors that another transaction caused and that the same work, run again, doesn't meet."""

NO_TABLE: frozenset[object] = frozenset(
    {
        "42P01",  # PostgreSQL: undefined_table
        "42703",  # PostgreSQL: undefined_column
        1146,  # MariaDB: ER_NO_SUCH_TABLE
        1054,  # MariaDB: ER_BAD_FIELD_ERROR
    }
)
"""Codes of errors that tell of a schema older than the program."""

REFUSING: frozenset[object] = frozenset(
    {
        "P0001",  # PostgreSQL: RAISE
        1644,  # MariaDB: SIGNAL
    }
)
"""Codes with which the record of what was done refuses to be changed; SQLite calls it an integrity error."""

SPOILT: frozenset[object] = frozenset({"SQLITE_NOTADB", "SQLITE_CORRUPT"})
"""Codes of a file that holds no database, or one that is damaged."""


def code_of(error: DBAPIError) -> object:
    """The driver's own code: a SQLSTATE of PostgreSQL, a number of MariaDB, a name of SQLite."""
    cause = error.orig
    if cause is not None and cause.args and isinstance(cause.args[0], int):
        return cause.args[0]
    return getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)


def is_race(error: SQLAlchemyError) -> bool:
    """Whether another transaction caused this and the same work may be run again."""
    return isinstance(error, DBAPIError) and code_of(error) in RACES


def place_of(url: URL) -> str:
    """Where the database is, without user and password."""
    port = f":{url.port}" if url.port else ""
    return f"{url.get_backend_name()}://{url.host or ''}{port}/{url.database or ''}"


def told(error: SQLAlchemyError, url: URL) -> ServiceError | None:
    """The sentence that an operator reads in place of a database error; None for a defect of the program's own.

    The sentence holds no password: the place is told without one, and it is struck from the driver's words.
    """
    where = f"The inventory at {place_of(url)}"
    if isinstance(error, PoolExhausted):
        return Unreachable(f"{where} has no connection free.", "Try again in a moment.")
    if not isinstance(error, DBAPIError) or isinstance(error, IntegrityError) or code_of(error) in REFUSING:
        return None
    words = _words(error)
    if code_of(error) in NO_TABLE or "no such table" in words or "no such column" in words:
        return DriftFound(f"{where} lacks tables that this program needs.", "Bring it up to date: phm up does.")
    if is_race(error):
        return Unreachable(f"{where} is busy: {words}.", "Try again in a moment.")
    if isinstance(error, OperationalError | InterfaceError) or code_of(error) in SPOILT:
        if url.password:
            words = words.replace(url.password, "…")
        return Unreachable(f"{where} does not answer: {words}.", "Check the database and its URL, then run again.")
    return None


def _words(error: DBAPIError) -> str:
    """The driver's own words, their first line."""
    cause = error.orig
    said = str(cause.args[-1] if cause is not None and cause.args else cause)
    return said.strip().partition("\n")[0].rstrip(". ")
