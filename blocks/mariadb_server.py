"""The MariaDB of an application server, spoken to as root over the SSH connection: no password, no open port."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pymysql
import pymysql.cursors

from hosting.commands.command import Command
from hosting.errors import StepFailed, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from blocks.ssh_connection import SshConnection
    from hosting.commands.mariadb import Statement

SOCKET = "/run/mysqld/mysqld.sock"
SECONDS = 120.0
CONNECTION_ERRORS = (2002, 2003, 2006, 2013)
"""PyMySQL's codes for "the server is not there" and "it went away"."""

PASSING = (1053, 1205, 1213, 1927)
"""MariaDB's codes for what passes: it is ending, a lock was waited for too long, a deadlock, the connection killed."""


class MariadbServer:
    """A connection to one server's MariaDB."""

    def __init__(self, connection: pymysql.connections.Connection[Any], server: str) -> None:
        """Wrap an open connection."""
        self._connection = connection
        self._server = server

    def rows(self, statement: Statement) -> tuple[tuple[Any, ...], ...]:
        """The rows of a statement.

        Raises:
            Unreachable: the database went away.
            StepFailed: the database refused the statement; its text is told, its values are not.
        """
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statement.sql, statement.values or None)
                return tuple(cursor.fetchall())
        except pymysql.MySQLError as error:
            raise _meaning(error, self._server, statement.sql) from None  # its text may quote values
        except (OSError, EOFError) as error:
            raise Unreachable(f"The database of {self._server} went away.", "The step is repeated.") from error

    def named_rows(self, statement: Statement) -> list[dict[str, Any]]:
        """The rows with the names of their columns; raises as `rows`."""
        try:
            with self._connection.cursor(pymysql.cursors.DictCursor) as cursor:
                cursor.execute(statement.sql, statement.values or None)
                return [dict(row) for row in cursor.fetchall()]
        except pymysql.MySQLError as error:
            raise _meaning(error, self._server, statement.sql) from None  # its text may quote values
        except (OSError, EOFError) as error:
            raise Unreachable(f"The database of {self._server} went away.", "The step is repeated.") from error

    def run(self, statements: Iterable[Statement]) -> None:
        """Statements one after another; raises as `rows`."""
        for statement in statements:
            self.rows(statement)

    def value(self, statement: Statement) -> Any:
        """The first value of the first row, or None; raises as `rows`."""
        rows = self.rows(statement)
        return rows[0][0] if rows else None


@contextlib.contextmanager
def mariadb_of(ssh: SshConnection, database: str | None = None, *, seconds: float = SECONDS) -> Iterator[MariadbServer]:
    """MariaDB as root by its Unix socket, through a channel of the SSH connection.

    Args:
        ssh: to the server.
        database: that statements are about.
        seconds: so long may a statement keep silent.

    Raises:
        Unreachable: MariaDB is not running there.
    """
    channel = ssh.stream(Command("mariadb", ("socat", "-", f"UNIX-CONNECT:{SOCKET}"), seconds=seconds))
    connection = pymysql.connections.Connection(
        user="root",
        database=database,
        charset="utf8mb4",
        autocommit=True,
        defer_connect=True,
        read_timeout=seconds,
        ssl_disabled=True,  # SSH encrypts it; loading the world's authorities for TLS would take 50 ms
    )
    try:
        connection.connect(channel)  # type: ignore[arg-type]  # PyMySQL only uses what a channel has of a socket
    except (pymysql.MySQLError, OSError, EOFError) as error:
        channel.close()
        message = f"MariaDB on {ssh.server.name} does not answer."
        raise Unreachable(message, "Look at it there: systemctl status mariadb.") from error
    try:
        yield MariadbServer(connection, ssh.server.name)
    finally:
        with contextlib.suppress(pymysql.MySQLError, OSError, EOFError):
            connection.close()
        channel.close()


def _meaning(error: pymysql.MySQLError, server: str, sql: str) -> Exception:
    """What a database error means here."""
    code = error.args[0] if error.args else 0
    if code in CONNECTION_ERRORS:
        return Unreachable(f"The database of {server} went away.", "The step is repeated.")
    if code in PASSING:
        return Unreachable(f"The database of {server} could not do it now (error {code}).", "The step is repeated.")
    disk_full = "; the disk is full" if code in {28, 1021, 1114} else ""
    return StepFailed(
        f"MariaDB on {server} refused a statement with error {code}{disk_full}.",
        "Look at the server, then run again: it goes on from there.",
        last_lines=" ".join(sql.split())[:120],
    )
