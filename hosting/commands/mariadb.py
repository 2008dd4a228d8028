"""SQL for one instance's database as values, with the readers of the answers (MariaDB 10.11; `database_dialects`)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.commands.database_dialects import MARIADB

if TYPE_CHECKING:
    from hosting.commands.database_dialects import Dialect

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,47}")
CHARACTER_SET = "utf8mb4"

# What the product's schema upkeep and daily work need on its own database, and nothing else (phlymail.md section 5).
RIGHTS = (
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "INDEX",
    "ALTER",
    "CREATE TEMPORARY TABLES",
    "LOCK TABLES",
)


@dataclass(frozen=True)
class Statement:
    """One statement with its values apart from its text."""

    sql: str
    values: tuple[object, ...] = ()


def name(identifier: str) -> str:
    """A database's or user's name as SQL; only our own alphabet is ever pasted."""
    if not IDENTIFIER.fullmatch(identifier):
        raise ValueError(f"{identifier!r} is no name of ours.")
    return f"`{identifier}`"


def password_hash(password: str) -> str:
    """What MariaDB stores for a password (mysql_native_password)."""
    inner = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(inner, usedforsecurity=False).hexdigest().upper()


def find_database(database: str) -> Statement:
    """One row where the database exists."""
    return Statement("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", (database,))


def create_database(database: str) -> Statement:
    """The database, in the server's character set."""
    return Statement(f"CREATE DATABASE IF NOT EXISTS {name(database)} CHARACTER SET {CHARACTER_SET}")


def drop_database(database: str) -> Statement:
    """The database gone."""
    return Statement(f"DROP DATABASE IF EXISTS {name(database)}")


def find_user(user: str) -> Statement:
    """The stored password hash of a local user."""
    return Statement("SELECT authentication_string FROM mysql.user WHERE User = %s AND Host = 'localhost'", (user,))


def create_user(user: str, hashed: str, dialect: Dialect = MARIADB) -> tuple[Statement, ...]:
    """A local user with this password, given as its hash."""
    return (
        Statement(f"CREATE USER IF NOT EXISTS {name(user)}@localhost {dialect.identified} %s", (hashed,)),
        Statement(f"ALTER USER {name(user)}@localhost {dialect.identified} %s", (hashed,)),
    )


def drop_user(user: str) -> Statement:
    """The local user gone, with its rights."""
    return Statement(f"DROP USER IF EXISTS {name(user)}@localhost")


def show_rights(user: str) -> Statement:
    """What a local user is granted."""
    return Statement(f"SHOW GRANTS FOR {name(user)}@localhost")


def set_rights(user: str, database: str) -> tuple[Statement, ...]:
    """Exactly the rights that an instance needs, on its own database alone."""
    # An underscore in a grant's database name is a wildcard unless it is escaped.
    escaped = name(database).replace("_", r"\_")
    return (
        Statement(f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {name(user)}@localhost"),
        Statement(f"GRANT {', '.join(RIGHTS)} ON {escaped}.* TO {name(user)}@localhost"),
    )


def rights_are_set(grants: tuple[str, ...], database: str) -> bool:
    """Whether what `show_rights` told is what `set_rights` sets."""
    found: dict[str, frozenset[str]] = {}
    for grant in grants:
        if match := re.match(r"GRANT (.+) ON (\S+) TO ", grant):
            found[match[2]] = frozenset(part.strip() for part in match[1].split(","))
    wanted = {"*.*": frozenset({"USAGE"}), name(database).replace("_", r"\_") + ".*": frozenset(RIGHTS)}
    return found == wanted


def count_tables(database: str) -> Statement:
    """How many tables a database holds."""
    return Statement("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s", (database,))


def database_bytes(database: str, dialect: Dialect = MARIADB) -> Statement:
    """The bytes of a database's InnoDB files, and what of them is free."""
    return Statement(
        f"SELECT COALESCE(SUM(FILE_SIZE), 0) FROM {dialect.tablespaces} WHERE NAME LIKE %s",
        (database.replace("_", r"\_") + "/%",),
    )
