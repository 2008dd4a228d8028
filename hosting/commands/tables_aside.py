"""SQL of an update's way back: tables as they are, copied aside, put back; rights narrowed meanwhile (P17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.commands.mariadb import Statement, name
from hosting.commands.replacing import rename_tables

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

WHOLE = "phm_whole"
"""A table that is made last: without it nothing was kept wholly, and nothing was changed yet."""

CHANGE_ROWS = ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "INDEX", "ALTER")
ADD_ONLY = ("SELECT", "CREATE", "INDEX", "ALTER")


def columns_of(database: str) -> Statement:
    """Table, column, type, whether it may be empty, collation, default and the rest of each column, in order."""
    return Statement(
        "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COALESCE(COLLATION_NAME, ''), "
        "COALESCE(COLUMN_DEFAULT, ''), EXTRA "
        "FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s ORDER BY TABLE_NAME, ORDINAL_POSITION",
        (database,),
    )


def keys_of(database: str) -> Statement:
    """Table, key, whether it allows doubles, kind, and its columns with their lengths, by name."""
    return Statement(
        "SELECT TABLE_NAME, INDEX_NAME, MAX(NON_UNIQUE), MAX(INDEX_TYPE), "
        "GROUP_CONCAT(CONCAT(COLUMN_NAME, ' ', COALESCE(SUB_PART, '')) ORDER BY SEQ_IN_INDEX) "
        "FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %s "
        "GROUP BY TABLE_NAME, INDEX_NAME ORDER BY TABLE_NAME, INDEX_NAME",
        (database,),
    )


def sizes_of(database: str) -> Statement:
    """Table, bytes of its file, next number; what MariaDB estimates is old for a while after one was filled."""
    return Statement(
        "SELECT TABLE_NAME, COALESCE(FILE_SIZE, DATA_LENGTH + INDEX_LENGTH, 0), COALESCE(AUTO_INCREMENT, 0) "
        "FROM information_schema.TABLES LEFT JOIN information_schema.INNODB_SYS_TABLESPACES "
        "ON NAME = CONCAT(TABLE_SCHEMA, '/', TABLE_NAME) WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = 'BASE TABLE'",
        (database,),
    )


def grant_single(user: str, database: str, changed: Collection[str], added: Collection[str]) -> list[Statement]:
    """A user's rights on single tables, beside those that he has on all; what is left to him by `narrow_rights`.

    Args:
        user: whose rights.
        database: his.
        changed: tables whose rows may be changed, or that may be made.
        added: tables to which columns and keys may be added, or said anew; their rows stay.
    """
    who, statements = f"{name(user)}@localhost", list[Statement]()
    for tables, rights in ((changed, CHANGE_ROWS), (added, ADD_ONLY)):
        statements += [Statement(f"GRANT {', '.join(rights)} ON {_table(database, one)} TO {who}") for one in tables]
    return statements


def narrow_rights(user: str, database: str) -> Statement:
    """A user may read all of his database, and no more than what he was granted on single tables."""
    escaped, taken = name(database).replace("_", r"\_"), "INSERT, UPDATE, DELETE, CREATE, DROP, INDEX, ALTER"
    return Statement(f"REVOKE {taken} ON {escaped}.* FROM {name(user)}@localhost")


def refusals() -> Statement:
    """How often the server has refused somebody something since its start."""
    return Statement("SHOW GLOBAL STATUS LIKE 'Access_denied_errors'")


def make_aside(database: str, aside: str, table: str) -> Statement:
    """An empty table of the same form in another database."""
    return Statement(f"CREATE TABLE {_table(aside, table)} LIKE {_table(database, table)}")


def copy_aside(database: str, aside: str, table: str) -> Statement:
    """What is in a table copied into that one."""
    return Statement(f"INSERT INTO {_table(aside, table)} SELECT * FROM {_table(database, table)}")


def set_next_number(database: str, table: str, number: int) -> Statement:
    """The next number that a table gives: those of what was deleted are not given again."""
    return Statement(f"ALTER TABLE {_table(database, table)} AUTO_INCREMENT = %s", (number,))


def begin() -> Statement:
    """All that follows up to `commit` at once."""
    return Statement("START TRANSACTION")


def commit() -> Statement:
    """The end of it."""
    return Statement("COMMIT")


def mark_whole(aside: str) -> Statement:
    """All that has to be aside is."""
    return Statement(f"CREATE TABLE IF NOT EXISTS {_table(aside, WHOLE)} (whole INT)")


def unlogged() -> Statement:
    """What this connection writes is not in the binary log: nobody follows it."""
    return Statement("SET SESSION sql_log_bin = 0")


def put_back(database: str, aside: str, tables: Sequence[str]) -> list[Statement]:
    """Tables from aside in the place of those of their names: nothing is there between the two but for a moment."""
    drops = [Statement(f"DROP TABLE IF EXISTS {_table(database, one)}") for one in tables]
    return [*drops, rename_tables(aside, database, tables)]


def drop_new(database: str, tables: Collection[str]) -> list[Statement]:
    """Tables gone."""
    return [Statement(f"DROP TABLE IF EXISTS {_table(database, one)}") for one in tables]


def drop_added(database: str, table: str, columns: Collection[str], keys: Collection[str]) -> list[Statement]:
    """Columns and keys of a table gone."""
    parts = [f"DROP KEY {_quoted(one)}" for one in keys] + [f"DROP COLUMN {_quoted(one)}" for one in columns]
    return [Statement(f"ALTER TABLE {_table(database, table)} {', '.join(parts)}")] if parts else []


def _table(database: str, table: str) -> str:
    """A table as SQL names it."""
    return f"{name(database)}.{_quoted(table)}"


def _quoted(identifier: str) -> str:
    """The product's own names are kept as they are."""
    return f"`{identifier.replace('`', '``')}`"
