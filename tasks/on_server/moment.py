"""One moment of an instance: its tables locked while its dump begins and its folder is held (P19).

The lock is waited for and held in bounded time. Tables without transactions stay locked until the dump has ended,
since nothing else keeps them as they were. Runs on servers: standard library only.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tasks.on_server.dump_stream import DUMP, QUIET_SECONDS, TRANSACTION_IS_OPEN, first_piece
from tasks.on_server.job import NO_SPACE, Complaint, reason
from tasks.on_server.mariadb_session import DatabaseSaid, Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.on_server.folder_copy import Held

TRANSACTIONAL = "InnoDB"
LOCK_TRIES = 5
LOCK_PAUSE_SECONDS = 3.0
BUSY = ("ERROR 1205 ", "ERROR 1969 ")
"""How MariaDB says that a lock was waited for too long: for one table, for all of them."""

KEPT_SECONDS = 600.0
"""Tables without transactions are locked no longer than that."""


class Moment:
    """What was true at the point's moment: tables and rows, how long the lock was waited for, held, and kept."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.rows: dict[str, int] = {}
        self.engines: dict[str, str] = {}
        self.at = ""
        self.waited_ms = 0.0
        self.held_ms = 0.0
        self.kept_ms = 0.0
        self.kept_too_long = threading.Event()

    @property
    def plain(self) -> list[str]:
        """The tables without transactions."""
        return [table for table, engine in self.engines.items() if engine != TRANSACTIONAL]

    def lock_as_json(self) -> dict[str, Any]:
        """As the manifest tells it."""
        told: dict[str, Any] = {"waited_ms": self.waited_ms, "held_ms": self.held_ms}
        return told | ({"kept_ms": self.kept_ms, "kept_tables": self.plain} if self.plain else {})


@contextlib.contextmanager
def dumping(request: dict[str, Any], moment: Moment, folder: Held) -> Iterator[tuple[subprocess.Popen[bytes], Session]]:
    """A dump that has begun, and a session that reads the same moment, as the folder holds it.

    Raises:
        Complaint: the tables could not be locked, the dump did not begin, or the folder could not be held.
    """
    with Session() as reader, Session() as keeper:
        with locked(request["database"], request["lock_seconds"], moment):
            began = time.monotonic()
            since_asked = timedelta(seconds=began - request["asked"])
            moment.at = (datetime.fromisoformat(request["now"]) + since_asked).isoformat()
            keep_locked(keeper, request["database"], request["lock_seconds"], moment)
            reader.run("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            dump = subprocess.Popen([*DUMP, request["database"]], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            holding = Holding(folder)
            first = first_piece(dump)
            holding.join()
            moment.held_ms = round(1000 * (time.monotonic() - began), 1)
        with kept(keeper, dump, moment, began):
            check_begun(first, holding.failure)
            yield dump, reader


class Holding(threading.Thread):
    """The folder being held, while the dump begins."""

    def __init__(self, folder: Held) -> None:
        """Begin."""
        super().__init__()
        self.folder = folder
        self.failure = ""
        self.start()

    def run(self) -> None:
        """Hold it; keep why it could not be."""
        try:
            self.folder.hold()
        except (OSError, subprocess.SubprocessError) as error:
            self.failure = reason(error)
        except Exception as error:  # noqa: BLE001  # else the folder would pass for held
            self.failure = f"{type(error).__name__}: {error}"


def check_begun(first: bytes | None, failure: str) -> None:
    """See that dump and folder are of the moment that was locked; a dump that ended at once tells its own reason.

    Raises:
        Complaint: one of them is not.
    """
    if failure:
        kind = "disk full" if NO_SPACE in failure else "folder"
        raise Complaint(kind, f"the instance's folder could not be held: {failure}")
    if first is None:
        raise Complaint("busy", f"its dump did not begin within {QUIET_SECONDS} s: somebody changes its tables")
    if first and TRANSACTION_IS_OPEN not in first:
        raise Complaint("dump", "the dump's begin is not as expected, so that its moment is not known")


@contextlib.contextmanager
def locked(database: str, seconds: int, moment: Moment) -> Iterator[None]:
    """All tables of one database locked against writing, within bounded tries.

    Raises:
        Complaint: they could not be.
    """
    began = time.monotonic()
    for attempt in range(LOCK_TRIES):
        with Session() as session:
            try:
                lock(session, database, seconds, moment)
            except DatabaseSaid as error:
                if not str(error).startswith(BUSY) and "changed" not in str(error):
                    raise
                if attempt == LOCK_TRIES - 1:
                    raise Complaint(
                        "busy", f"its tables could not be locked in {LOCK_TRIES} tries of {seconds} s"
                    ) from None
            else:
                moment.waited_ms = round(1000 * (time.monotonic() - began), 1)
                yield
                return
        time.sleep(LOCK_PAUSE_SECONDS)


def lock(session: Session, database: str, seconds: int, moment: Moment) -> None:
    """Lock the tables that are there, and see that no other came meanwhile."""
    listing = (
        "SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES "
        f"WHERE TABLE_SCHEMA='{database}' AND TABLE_TYPE='BASE TABLE' ORDER BY TABLE_NAME"
    )
    moment.engines = {row[0]: row[1] for row in session.run(listing)}
    if not moment.engines:
        raise Complaint("database", f"the database {database} has no tables")
    lock_for_reading(session, database, list(moment.engines), seconds)
    present = [row[0] for row in session.run(f"SHOW FULL TABLES FROM `{database}` WHERE Table_type='BASE TABLE'")]
    if sorted(present) != sorted(moment.engines):
        raise DatabaseSaid("the tables changed meanwhile")


def lock_for_reading(session: Session, database: str, tables: list[str], seconds: int) -> None:
    """Lock tables, all of them within so many seconds: who wants to write waits no longer than that."""
    session.run(f"SET lock_wait_timeout={int(seconds)}, max_statement_time={int(seconds)}")
    session.run(f"LOCK TABLES {', '.join(f'{one} READ' for one in names(database, tables))}")
    session.run("SET max_statement_time=0")


def keep_locked(keeper: Session, database: str, seconds: int, moment: Moment) -> None:
    """The tables without transactions locked in a session of their own, which outlives the lock of all.

    Raises:
        Complaint: somebody who waits to change them came before us.
    """
    if not moment.plain:
        return
    try:
        lock_for_reading(keeper, database, moment.plain, seconds)
    except DatabaseSaid as error:
        if not str(error).startswith(BUSY):
            raise
        raise Complaint("busy", "its tables without transactions could not be kept locked") from None


@contextlib.contextmanager
def kept(keeper: Session, dump: subprocess.Popen[bytes], moment: Moment, began: float) -> Iterator[None]:
    """While the dump goes on, its tables without transactions stay locked, for a bounded time; it has ended then."""

    def give_up() -> None:
        moment.kept_too_long.set()
        keeper.process.kill()
        dump.kill()

    timer = threading.Timer(KEPT_SECONDS, give_up)
    if moment.plain:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if dump.poll() is None:
            dump.kill()
        dump.communicate()
        moment.kept_ms = round(1000 * (time.monotonic() - began), 1)


def names(database: str, tables: list[str]) -> list[str]:
    """Tables as SQL names them."""
    return [f"`{database}`.`{table.replace('`', '``')}`" for table in tables]
