"""An instance's database on its way to another server: loaded, followed, frozen, compared (MOVES.md; P24)."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath as Path
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.mariadb_server import SECONDS, MariadbServer, mariadb_of
from blocks.ssh_host import SshHost
from hosting.commands import mariadb, replication
from hosting.commands.files import ensure_file, ensure_gone
from hosting.commands.server_link import DATABASE_PORTS, ensure_tunnel
from hosting.errors import StepFailed, Unreachable
from hosting.policy.move_attempts import NotInTime
from hosting.policy.placement import is_there
from tasks.jobs import end_job
from tasks.move_jobs import Job
from tasks.move_records import new_password
from tasks.step import reading, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hosting.policy.values import ServerFacts
    from tasks.move_records import Move

LOAD_MOST_SECONDS = 12 * 3600.0
CATCH_UP_SECONDS = 3600.0
DRAIN_SECONDS = 5.0
GONE_SECONDS = 5.0
SUMMED_A_SECOND = 5 * 2**20
"""So much of a table is summed up at least, by a server that has much else to do."""

Sums = dict[str, tuple[Any, ...]]


class TargetBusy(Unreachable):
    """The target takes in another instance's database; that passes."""


class NotTheSame(StepFailed):
    """Source and target don't hold the same."""


def job_of(instance: str) -> str:
    """The one job that loads a move's database."""
    return f"move-database-{instance}"


@reading
def load_database(move: Move, most_seconds: float = LOAD_MOST_SECONDS) -> Mapping[str, Any]:
    """The source's database in the target's empty one, as it is at one moment, which is told as a position.

    Raises:
        Unreachable: one of the servers, or the way between them, does not answer.
        StepFailed: it could not be loaded.
        NotInTime: not within so many seconds.
    """
    id_ = job_of(move.name)
    end_job(move.target, id_)
    request = {"name": move.name, "database": move.layout.database}
    loading = Job(move.target, id_, "move-database", request)
    loading.start()
    return loading.wait(most_seconds)


@step
def ensure_transactional(move: Move) -> bool:
    """Every table of the source can be read at one moment: old installations have some that can't."""
    changed = False
    with mariadb_of(load(SshHost).connection(move.source)) as database:
        for table, engine in database.rows(replication.tables_with_engines(move.layout.database)):
            if engine != "InnoDB":
                database.rows(replication.make_transactional(move.layout.database, table))
                changed = True
    return changed


@reading
def follow_database(move: Move, gtid: str) -> None:
    """The target takes in what the customer changes on the source, from the loaded position on.

    Raises:
        Unreachable: one of the servers, or the way between them, does not answer.
        TargetBusy: the target takes in another instance's database.
        StepFailed: the filter is not as it has to be.
    """
    ssh, password = load(SshHost), new_password()
    source, target = ssh.connection(move.source), ssh.connection(move.target)
    target.run(ensure_tunnel(move.name, move.instance.number))
    with mariadb_of(source) as database:
        database.run(replication.create_mover(move.mover, password))
    port = DATABASE_PORTS + move.instance.number
    with mariadb_of(target) as database:
        database.rows(replication.alone())
        if _follows_another(database, move):
            raise TargetBusy(f"{move.target.name} takes in another instance's database.", "It is tried again.")
        _end_following(database)
        target.run(ensure_file(Path(replication.FILTER_FILE), replication.filter_file(move.layout.database)))
        database.run(replication.start_replicating(move.layout.database, gtid, port, move.mover, password))
        status = slave_status(database)
        if status.get("Replicate_Wild_Do_Table") != replication.filter_pattern(move.layout.database):
            database.rows(replication.stop_replicating())
            raise StepFailed("The target would take in other databases too.", "Nothing was taken in; report this.")


@reading
def catch_up(move: Move) -> None:
    """The target has taken in all that the source had when this began.

    Raises:
        StepFailed: it stopped, or does not come after; says with which error.
    """
    with mariadb_of(load(SshHost).connection(move.source)) as database:
        wanted = str(database.value(replication.position()) or "")
    deadline = time.monotonic() + CATCH_UP_SECONDS
    with mariadb_of(load(SshHost).connection(move.target)) as database:
        while database.value(replication.wait_for(wanted, 5)) != 0:
            _check_follows(database, move)
            if time.monotonic() > deadline:
                message = f"{move.target.name} did not come after {move.source.name} within an hour."
                raise StepFailed(message, "Move it at a quieter time.")


@reading
def compare_live(move: Move) -> dict[str, int]:
    """Both sides at one common position while the customer works, row by row: a difference is found before the stop.

    The target stops at the position of the moment that the source is read at, and goes on afterwards.

    Raises:
        NotTheSame: they differ.
        StepFailed: the target stopped with an error, or does not come to that position.
    """
    name = move.layout.database
    with summing(move.source, name) as source, summing(move.target, name) as target:
        target.rows(replication.stop_replicating())
        source.rows(replication.hold_moment())
        place = {str(key).lower(): value for key, value in source.rows(replication.place_of_moment())}
        found = replication.position_of(str(place["binlog_snapshot_file"]), int(place["binlog_snapshot_position"]))
        wanted = str(source.value(found) or "")
        target.rows(replication.start_again(wanted))
        deadline = time.monotonic() + CATCH_UP_SECONDS
        while target.value(replication.wait_for(wanted, 5)) != 0:
            _check_no_error(slave_status(target), move)
            if time.monotonic() > deadline:
                message = f"{move.target.name} did not come to a position of {move.source.name} within an hour."
                raise StepFailed(message, "Move it at a quieter time.")
        with ThreadPoolExecutor() as pool:
            here, there = pool.map(lambda side: sums_by_table(side, name), (source, target))
        compared = compare(here, there, move.target.name)
        target.rows(replication.stop_replicating())
        target.rows(replication.start_again())
    return compared


@contextlib.contextmanager
def frozen_database(move: Move) -> Iterator[str]:
    """While this lasts nobody writes into the source's database; the position of its last change.

    The account stays locked afterwards: only `let_in_again` opens it, where the move is undone.

    Raises:
        NotInTime: somebody would not go.
        Unreachable: the database, or somebody's long work in it, kept us waiting.
    """
    with mariadb_of(load(SshHost).connection(move.source)) as keeper:
        user, database = move.layout.database, move.layout.database
        lock_out(keeper, user)
        tables = [str(row[0]) for row in keeper.rows(replication.tables_with_engines(database))]
        keeper.run(replication.fence(database, tables))
        yield str(keeper.value(replication.position()) or "")


def lock_out(database: MariadbServer, user: str) -> None:
    """The account is locked, and none of its connections is left."""
    deadline = time.monotonic() + GONE_SECONDS
    while True:
        database.run(replication.lock_out(user))
        if not database.value(replication.count_connections(user)):
            return
        if time.monotonic() > deadline:
            raise NotInTime("A connection of the instance to its database does not end: it takes something long back.")
        time.sleep(0.01)


def let_in_again(move: Move) -> None:
    """The source's instance may use its database."""
    with mariadb_of(load(SshHost).connection(move.source)) as database:
        database.rows(replication.let_in(move.layout.database))


@reading
def drain(move: Move, position: str) -> None:
    """The target has taken in the source's last change, and takes in no more.

    Raises:
        NotInTime: it did not.
    """
    with mariadb_of(load(SshHost).connection(move.target)) as database:
        _check_follows(database, move)
        if position and database.value(replication.wait_for(position, DRAIN_SECONDS)) != 0:
            _check_follows(database, move)
            raise NotInTime(f"{move.target.name} did not take in the last changes within {DRAIN_SECONDS:.0f} s.")
        database.rows(replication.stop_replicating())


@reading
def compare_database(move: Move) -> dict[str, int]:
    """Both sides in the stop, row by row; how many tables and rows that is.

    Raises:
        NotTheSame: they differ.
    """
    ssh, name = load(SshHost), move.layout.database

    def sums(server: ServerFacts) -> Sums:
        with mariadb_of(ssh.connection(server)) as database:
            return sums_of(database, name)

    with ThreadPoolExecutor() as pool:
        source, target = pool.map(sums, (move.source, move.target))
    return compare(source, target, move.target.name)


def end_following(move: Move) -> bool:
    """Neither replication nor filter nor its user is left on either server; nothing is done on one that is retired.

    No other move writes its filter meanwhile (`replication.alone`).
    """
    ssh = load(SshHost)
    changed = False
    if is_there(move.target):
        with mariadb_of(ssh.connection(move.target)) as database:
            database.rows(replication.alone())
            if not _follows_another(database, move):
                changed = _end_following(database)
                changed |= ssh.connection(move.target).run(ensure_gone(Path(replication.FILTER_FILE))).changed
    if is_there(move.source):
        with mariadb_of(ssh.connection(move.source)) as database:
            database.run(replication.drop_mover(move.mover))
    return changed


def _end_following(database: MariadbServer) -> bool:
    """The connection gone, if there is one."""
    if not slave_status(database):
        return False
    database.rows(replication.stop_replicating())
    database.rows(replication.forget_replication())
    return True


def _follows_another(database: MariadbServer, move: Move) -> bool:
    """Whether the target's one replication is another move's."""
    status = slave_status(database)
    return bool(status) and status.get("Master_User") != move.mover


def slave_status(database: MariadbServer) -> dict[str, Any]:
    """What the target says of the move's replication; empty where there is none."""
    for row in database.named_rows(replication.slaves()):
        if row.get("Connection_name") == replication.CONNECTION:
            return row
    return {}


def _check_follows(database: MariadbServer, move: Move) -> None:
    """See that the replication runs.

    Raises:
        StepFailed: it stopped with an error.
        Unreachable: it can't reach the source now.
    """
    status = slave_status(database)
    own = replication.filter_pattern(move.layout.database)
    if status and (status.get("Master_User"), status.get("Replicate_Wild_Do_Table")) != (move.mover, own):
        message = f"What {move.target.name} takes in is not {move.name}'s database any more."
        raise StepFailed(message, "The source serves on; move it again.")
    _check_no_error(status, move)
    if status.get("Slave_SQL_Running") != "Yes":
        raise Unreachable(f"{move.target.name} takes in no changes.", "Run the move again.")


def _check_no_error(status: Mapping[str, Any], move: Move) -> None:
    """See that no change was refused.

    Raises:
        StepFailed: one was.
    """
    if int(status.get("Last_SQL_Errno") or 0):
        message = f"{move.target.name} stopped taking in changes with error {status['Last_SQL_Errno']}."
        raise StepFailed(message, "The source serves on; report this.", last_lines=str(status["Last_SQL_Error"])[:300])


def columns_of(database: MariadbServer, name: str) -> tuple[dict[str, list[str]], dict[str, tuple[Any, ...]]]:
    """Of each table the names of its columns, and what they are."""
    columns: dict[str, list[str]] = {}
    shape: dict[str, tuple[Any, ...]] = {}
    for table, column, *rest in database.rows(replication.columns_of(name)):
        columns.setdefault(table, []).append(column)
        shape[table] = (*shape.get(table, ()), (column, *rest))
    return columns, shape


def sums_of(database: MariadbServer, name: str) -> Sums:
    """Rows and sums of each table as this connection sees it."""
    columns, shape = columns_of(database, name)
    return rows_of(database.rows(replication.sums(name, columns)) if columns else (), shape)


def sums_by_table(database: MariadbServer, name: str) -> Sums:
    """The same by a statement for each table, so that each has its own time, however large all of them are."""
    columns, shape = columns_of(database, name)
    each = (replication.sums(name, {table: names}) for table, names in sorted(columns.items()))
    return rows_of([row for statement in each for row in database.rows(statement)], shape)


@contextlib.contextmanager
def summing(server: ServerFacts, name: str) -> Iterator[MariadbServer]:
    """A connection that waits for the sum of a table as long as all of its database may take.

    Raises:
        Unreachable: MariaDB is not running there.
    """
    ssh = load(SshHost).connection(server)
    with mariadb_of(ssh) as database:
        held = int(database.value(mariadb.database_bytes(name)) or 0)
    with mariadb_of(ssh, seconds=SECONDS + held / SUMMED_A_SECOND) as database:
        yield database


def rows_of(rows: Iterable[Sequence[Any]], shape: Mapping[str, tuple[Any, ...]]) -> Sums:
    """What the statement of the sums told, with what each table is."""
    return {str(table): (*(int(value) for value in found), shape.get(str(table))) for table, *found in rows}


def compare(source: Sums, target: Sums, where: str) -> dict[str, int]:
    """See that both hold the same; how many tables and rows that is.

    Raises:
        NotTheSame: they don't; names the tables.
    """
    differing = sorted(table for table in {*source, *target} if source.get(table) != target.get(table))
    if differing or not source:
        named = ", ".join(differing[:5]) or "no table at all"
        raise NotTheSame(f"The database on {where} is not the source's: {named}.", "Look at both; nothing was deleted.")
    return {"tables": len(source), "rows": sum(one[0] for one in source.values())}


def drop_database(server: ServerFacts, move: Move) -> bool:
    """Neither database nor user of the instance is on a server."""
    with mariadb_of(load(SshHost).connection(server)) as database:
        changed = bool(database.rows(mariadb.find_database(move.layout.database)))
        database.rows(mariadb.drop_database(move.layout.database))
        database.rows(mariadb.drop_user(move.layout.database))
    return changed
