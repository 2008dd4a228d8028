"""What differs between MariaDB and MySQL on a server: programs, settings, and some of the SQL (P13).

MySQL is unproven: it is not in Debian 12. Source: the reference manual of MySQL 8.4: "CREATE USER Statement" for a
password given as its hash, "The INFORMATION_SCHEMA INNODB_TABLESPACES Table", "Native Pluggable Authentication" for a
plugin that is off there by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from hosting.policy.flavours import Database


@dataclass(frozen=True)
class Dialect:
    """How one database is spoken to.

    Args:
        unit: that has to run.
        programs: that have to be there.
        client: by which root asks it.
        settings: the path of our settings, and their template.
        identified: what comes before a password's hash in CREATE USER and ALTER USER.
        tablespaces: the table that tells the size of each file.
    """

    unit: str
    programs: tuple[str, ...]
    client: str
    settings: tuple[str, str]
    identified: str
    tablespaces: str


MARIADB = Dialect(
    "mariadb",
    ("mariadbd", "mariadb-dump"),
    "mariadb",
    ("/etc/mysql/mariadb.conf.d/70-phm.cnf", "server/mariadb.cnf.j2"),
    "IDENTIFIED BY PASSWORD",
    "information_schema.INNODB_SYS_TABLESPACES",
)
MYSQL = Dialect(
    "mysql",
    ("mysqld", "mysqldump", "mysql_config_editor"),  # MariaDB brings all of these names but the last
    "mysql",
    ("/etc/mysql/mysql.conf.d/70-phm.cnf", "server/mysql.cnf.j2"),
    "IDENTIFIED WITH mysql_native_password AS",
    "information_schema.INNODB_TABLESPACES",
)
DIALECTS = {Database.MARIADB: MARIADB, Database.MYSQL: MYSQL}
