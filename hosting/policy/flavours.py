"""Which PHP and which database a server has: a choice for each server, and a property of it (P13).

PHP-FPM and MariaDB, as Debian 12 has them, are proven. HHVM and MySQL are in no archive of it: what the service would
write and say to them is there, and has been run by nobody. Such a server can be entered, and takes no instance.

What differs stands in one place each: `hosting.commands.php_flavours`, `hosting.commands.database_dialects`, and here
what a database has to run with.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from hosting.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping


class Php(StrEnum):
    """What runs the product's scripts."""

    FPM = "php-fpm"
    HHVM = "hhvm"


class Database(StrEnum):
    """What keeps the product's tables."""

    MARIADB = "mariadb"
    MYSQL = "mysql"


NAMES: Mapping[Php | Database, str] = {
    Php.FPM: "PHP-FPM", Php.HHVM: "HHVM", Database.MARIADB: "MariaDB", Database.MYSQL: "MySQL",
}  # fmt: skip
"""As people call them."""

FLAVOURS = "flavours"
"""The fact of a server that keeps its choice; a server without it has what is proven."""

UNPROVEN: Mapping[Php | Database, str] = {
    Php.HHVM: "HHVM is unproven: instances would share one process, without users and limits of their own.",
    Database.MYSQL: "MySQL is unproven: backups and moves know MariaDB alone, and the product looks for its types.",
}
"""What speaks against relying on a flavour, one sentence each."""

ADDRESS = re.compile(r"(127\.0\.0\.1|\[::1\]):[1-9][0-9]{0,4}|(/[a-z0-9._-]+)+\.sock")
"""Where a FastCGI server listens: a port on the server itself, or a Unix socket."""


class WrongFlavour(Refused):
    """What is said of a server's PHP or database can't be so."""


@dataclass(frozen=True)
class Flavours:
    """A server's choice.

    Args:
        php: what runs the scripts.
        php_address: where HHVM listens for FastCGI; empty with PHP-FPM, where each instance has a socket of its own.
        database: what keeps the tables.
    """

    php: Php = Php.FPM
    php_address: str = ""
    database: Database = Database.MARIADB

    @property
    def unproven(self) -> tuple[str, ...]:
        """What speaks against relying on it; empty where all of it is proven."""
        return tuple(UNPROVEN[one] for one in (self.php, self.database) if one in UNPROVEN)

    def as_fact(self) -> dict[str, Any]:
        """As it is kept among a server's facts."""
        return {FLAVOURS: asdict(self)}


PROVEN = Flavours()
"""What Debian 12 has."""


def flavours_of(facts: Mapping[str, Any]) -> Flavours:
    """What a server's facts say of it."""
    kept = facts.get(FLAVOURS) or {}
    database = Database(kept.get("database", Database.MARIADB))
    return Flavours(Php(kept.get("php", Php.FPM)), kept.get("php_address", ""), database)


def check_flavours(wanted: Flavours, has: Flavours, instances: int) -> None:
    """See that a server may have this choice.

    Args:
        wanted: the choice.
        has: what it is known to have.
        instances: that are on it.

    Raises:
        WrongFlavour: HHVM listens nowhere, PHP-FPM at an address, or instances are on the server that is to change.
    """
    if wanted.php is Php.HHVM and not ADDRESS.fullmatch(wanted.php_address):
        message = f"{wanted.php_address!r} is no address at which HHVM listens for FastCGI on the server itself."
        raise WrongFlavour(message, "Give it like 127.0.0.1:9000 or /run/hhvm/hhvm.sock.")
    if wanted.php is Php.FPM and wanted.php_address:
        raise WrongFlavour("With PHP-FPM each instance has a socket of its own.", "Leave the address out.")
    if instances and wanted != has:
        message = f"{instances} instances are on the server, which rest on its PHP and database."
        raise WrongFlavour(message, "Move them away first: phm server evacuate.")


def running_settings(database: Database, number: int) -> dict[str, str]:
    """What a database has to run with, by variable, as it tells it itself; `number` is the server's own."""
    is_mariadb = database is Database.MARIADB
    return {
        "log_bin": "ON" if is_mariadb else "1",
        "binlog_format": "ROW",
        "server_id": str(number),
        **({"gtid_domain_id": str(number)} if is_mariadb else {"gtid_mode": "ON"}),
        "sql_mode": "NO_ENGINE_SUBSTITUTION",
    }
