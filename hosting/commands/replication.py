"""SQL of a move: one database by replication, frozen on the source, compared by counts and sums (MOVES.md)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hosting.commands.mariadb import Statement, name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

GTID = re.compile(r"[0-9]+-[0-9]+-[0-9]+(,[0-9]+-[0-9]+-[0-9]+)*")
CONNECTION = "phm_move"
"""The one replication connection of a target: positions are kept by the source's domain, so that two would collide."""

FILTER_FILE = "/etc/mysql/mariadb.conf.d/71-phm-move.cnf"
"""A filter set by SET GLOBAL alone is gone after a restart, and the slave would write into all databases."""


def filter_pattern(database: str) -> str:
    """All tables of one database; an underscore would stand for any sign."""
    return name(database).strip("`").replace("_", r"\_") + ".%"


def filter_file(database: str) -> str:
    """The filter as MariaDB reads it at its start."""
    pattern = filter_pattern(database).replace("\\", "\\\\")
    return (
        "# Written by the hosting service for a move; gone when it is through.\n"
        f'[mysqld]\n{CONNECTION}.replicate_wild_do_table = "{pattern}"\nskip_slave_start = ON\n'
    )


def create_mover(user: str, password: str) -> tuple[Statement, ...]:
    """On the source: who may read the binary log, through the tunnel's end alone."""
    return (
        Statement(f"CREATE USER IF NOT EXISTS {name(user)}@localhost"),
        Statement(f"ALTER USER {name(user)}@localhost IDENTIFIED BY %s", (password,)),
        Statement(f"CREATE USER IF NOT EXISTS {name(user)}@'127.0.0.1'"),
        Statement(f"ALTER USER {name(user)}@'127.0.0.1' IDENTIFIED BY %s", (password,)),
        Statement(f"GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO {name(user)}@localhost"),
        Statement(f"GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO {name(user)}@'127.0.0.1'"),
    )


def drop_mover(user: str) -> tuple[Statement, ...]:
    """The same gone."""
    return (
        Statement(f"DROP USER IF EXISTS {name(user)}@localhost"),
        Statement(f"DROP USER IF EXISTS {name(user)}@'127.0.0.1'"),
    )


def start_replicating(database: str, gtid: str, port: int, user: str, password: str) -> tuple[Statement, ...]:
    """On the target: this one database from this position on.

    Raises:
        ValueError: the position is none.
    """
    if not GTID.fullmatch(gtid):
        raise ValueError(f"{gtid!r} is no position.")
    return (
        Statement("SET GLOBAL gtid_slave_pos = %s", (gtid,)),
        Statement(
            f"CHANGE MASTER '{CONNECTION}' TO MASTER_HOST='127.0.0.1', MASTER_PORT=%s, MASTER_USER=%s, "
            "MASTER_PASSWORD=%s, MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1",
            (port, user, password),
        ),
        Statement(f"SET GLOBAL {CONNECTION}.replicate_wild_do_table = %s", (filter_pattern(database),)),
        Statement(f"START SLAVE '{CONNECTION}'"),
    )


def alone() -> Statement:
    """Nobody else begins a replication while this connection lives; waits for who does."""
    return Statement("SELECT GET_LOCK('phm_move', 20)")


def slaves() -> Statement:
    """The replication connections of a server, a row each; the first column is the name."""
    return Statement("SHOW ALL SLAVES STATUS")


def stop_replicating() -> Statement:
    """No more is taken in."""
    return Statement(f"STOP SLAVE '{CONNECTION}'")


def forget_replication() -> Statement:
    """The connection gone, with all that it had stored of other customers."""
    return Statement(f"RESET SLAVE '{CONNECTION}' ALL")


def start_again(until: str = "") -> Statement:
    """Changes are taken in again; up to a position, if one is told, and no further.

    Raises:
        ValueError: the position is none.
    """
    if not until:
        return Statement(f"START SLAVE '{CONNECTION}'")
    if not GTID.fullmatch(until):
        raise ValueError(f"{until!r} is no position.")
    return Statement(f"START SLAVE '{CONNECTION}' UNTIL master_gtid_pos = %s", (until,))


def place_of_moment() -> Statement:
    """Where in its binary log the moment lies that this connection reads (`hold_moment`): file and offset."""
    return Statement("SHOW STATUS WHERE Variable_name IN ('Binlog_snapshot_file', 'Binlog_snapshot_position')")


def position_of(file: str, offset: int) -> Statement:
    """A place in the binary log as a position."""
    return Statement("SELECT BINLOG_GTID_POS(%s, %s)", (file, offset))


def position() -> Statement:
    """How far the source's binary log is."""
    return Statement("SELECT @@gtid_binlog_pos")


def wait_for(gtid: str, seconds: float) -> Statement:
    """0 once the target has taken in all up to a position; -1 where it did not in time."""
    return Statement("SELECT MASTER_GTID_WAIT(%s, %s)", (gtid, seconds))


def tables_with_engines(database: str) -> Statement:
    """The base tables of a database with their engines, by name."""
    return Statement(
        "SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES "
        "WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = 'BASE TABLE' ORDER BY TABLE_NAME",
        (database,),
    )


def make_transactional(database: str, table: str) -> Statement:
    """A table that replication can take in whole."""
    return Statement(f"ALTER TABLE {_table(database, table)} ENGINE=InnoDB")


def count_unmoved(database: str) -> Statement:
    """How many events, triggers, routines and views a database has."""
    return Statement(
        "SELECT (SELECT COUNT(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = %s) "
        "+ (SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %s) "
        "+ (SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s) "
        "+ (SELECT COUNT(*) FROM information_schema.VIEWS WHERE TABLE_SCHEMA = %s)",
        (database,) * 4,
    )


def lock_out(user: str) -> tuple[Statement, ...]:
    """Nobody comes in as this user, and whoever is in goes; neither alone is enough (MOVES.md, freeze)."""
    return (Statement(f"ALTER USER {name(user)}@localhost ACCOUNT LOCK"), end_connections(user))


def end_connections(user: str) -> Statement:
    """Whoever is in as this user goes: the server would end a statement whose program was killed by itself."""
    return Statement(f"KILL CONNECTION USER {name(user)}@localhost")


def let_in(user: str) -> Statement:
    """The user may come in again."""
    return Statement(f"ALTER USER {name(user)}@localhost ACCOUNT UNLOCK")


def count_connections(user: str) -> Statement:
    """How many connections a user has."""
    return Statement("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = %s", (user,))


def fence(database: str, tables: Sequence[str]) -> tuple[Statement, ...]:
    """Nobody writes into these tables while this connection lives; waits two seconds for who does."""
    locks = ", ".join(f"{_table(database, table)} READ" for table in tables)
    return (Statement("SET SESSION lock_wait_timeout = 2"), Statement(f"LOCK TABLES {locks}"))


def columns_of(database: str) -> Statement:
    """Table, column and type of each column, in order."""
    return Statement(
        "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COALESCE(COLLATION_NAME, '') "
        "FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s ORDER BY TABLE_NAME, ORDINAL_POSITION",
        (database,),
    )


def hold_moment() -> Statement:
    """This connection reads the tables as they are now, however they change."""
    return Statement("START TRANSACTION WITH CONSISTENT SNAPSHOT")


def sums(database: str, columns: Mapping[str, Sequence[str]]) -> Statement:
    """A row for each table: its name, its rows, and two sums over all that is in them.

    The sum beside BIT_XOR sees pairs of equal rows, which cancel each other out in it.
    """
    asked = []
    for table, names in sorted(columns.items()):
        row = _sum_of(names)
        asked.append(
            f"SELECT '{table}', COUNT(*), BIT_XOR({row}), COALESCE(SUM({row}), 0) FROM {_table(database, table)}"
        )
    return Statement(" UNION ALL ".join(asked))


def parts(database: str, table: str, columns: Sequence[str], number: int) -> Statement:
    """Of each of so many parts of a table, by what is in its rows: its number, how many, and two sums over them."""
    row = _sum_of(columns)
    told = f"MOD({row}, {number}), COUNT(*), BIT_XOR({row}), SUM({row})"
    return Statement(f"SELECT {told} FROM {_table(database, table)} GROUP BY 1")


def marks(database: str, table: str, columns: Sequence[str], number: int, wanted: Iterable[int]) -> Statement:
    """A mark for each row in some of so many parts of a table, the same for the same content."""
    chosen = f"MOD({_sum_of(columns)}, {number}) IN ({', '.join(map(str, wanted))})"
    return Statement(f"SELECT MD5({_content(columns)}) FROM {_table(database, table)} WHERE {chosen}")


def _content(columns: Sequence[str]) -> str:
    """All that is in a row, an empty text told from none."""
    quoted = [_quoted(column) for column in columns]
    return f"CONCAT_WS('#', {', '.join(quoted)}, {', '.join(f'ISNULL({one})' for one in quoted)})"


def _sum_of(columns: Sequence[str]) -> str:
    """A row's sum."""
    return f"CRC32({_content(columns)})"


def _table(database: str, table: str) -> str:
    """A table as SQL names it."""
    return f"{name(database)}.{_quoted(table)}"


def _quoted(identifier: str) -> str:
    """The product's own names are kept as they are."""
    return f"`{identifier.replace('`', '``')}`"
