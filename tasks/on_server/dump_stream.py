"""`mariadb-dump` as a stream: its options, its first piece, its pieces, and what it may wait for.

Runs on servers: standard library only.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, cast

from tasks.on_server.job import Complaint
from tasks.on_server.mariadb_session import Session

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from io import BufferedReader

DUMP = (
    "mariadb-dump", "--no-defaults", "--socket=/run/mysqld/mysqld.sock", "--user=root", "--single-transaction",
    "--quick", "--hex-blob", "--order-by-primary", "--routines", "--events", "--triggers", "--skip-dump-date",
    "--default-character-set=utf8mb4",
)  # fmt: skip
"""The dump's options are a part of the manifest's meaning: a restored database is dumped in the same way to compare."""

TRANSACTION_IS_OPEN = b"\n-- Table structure for table"
"""Stands in the first piece that the dump writes out (4 KiB); its transaction was begun before that line was made."""

BROKEN_OFF = ("rror 2002:", "rror 2006:", "rror 2013:", "rror: 2002", "rror: 2006", "rror: 2013", "rror 1412:")
"""How it says that MariaDB went away, or that somebody changed a table; both may heal."""

PIECE = 1 << 18
QUIET_SECONDS = 5
"""A dump that says nothing for so long is asked about; it must not wait for a table while others wait behind it."""

WAITS = (
    "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB='{database}' AND USER='root' AND INFO LIKE 'S%' "
    "AND STATE='Waiting for table metadata lock' AND TIME >= {seconds}"
)


def output(dump: subprocess.Popen[bytes]) -> BufferedReader:
    """What the dump writes."""
    return cast("BufferedReader", dump.stdout)


def first_piece(dump: subprocess.Popen[bytes]) -> bytes | None:
    """What the dump writes at first, left there; empty: it ended at once; None: it has written nothing in time."""
    written, _, _ = select.select([output(dump)], [], [], QUIET_SECONDS)
    return output(dump).peek(1) if written else None


def pieces(dump: subprocess.Popen[bytes], database: str) -> Iterator[bytes]:
    """What the dump writes, to its end.

    Raises:
        Complaint: it waits for a table that somebody changes, who may wait for us.
        DatabaseSaid: MariaDB does not answer any more.
    """
    out = output(dump)
    piece = out.read1(PIECE)  # what was looked at already; from then on nothing lies between us and the pipe
    while piece:
        yield piece
        while not select.select([out], [], [], QUIET_SECONDS)[0]:
            check_not_waiting(database)
        piece = out.read1(PIECE)


def check_not_waiting(database: str) -> None:
    """See that the dump does not wait for a table: whoever changes it keeps the instance from it meanwhile.

    Raises:
        Complaint: it does.
    """
    with Session() as session:
        if session.run(WAITS.format(database=database, seconds=QUIET_SECONDS)) != [["0"]]:
            raise Complaint("busy", f"its dump waited {QUIET_SECONDS} s for a table that somebody changes")


def is_broken_off(exit_code: int, said: str) -> bool:
    """Whether a dump that failed may succeed when it is tried again: it was killed, or MariaDB went away."""
    return exit_code < 0 or any(words in said for words in BROKEN_OFF)
