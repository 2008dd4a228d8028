"""An instance's own database and database user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mariadb_server import MariadbServer, mariadb_of
from blocks.ssh_host import SshHost
from hosting.commands import mariadb
from hosting.commands.database_dialects import DIALECTS, MARIADB
from hosting.product.layout import InstanceLayout
from tasks.records import unsealed
from tasks.step import step

if TYPE_CHECKING:
    from hosting.commands.database_dialects import Dialect
    from hosting.policy.values import InstanceFacts, ServerFacts


@step
def ensure_database(server: ServerFacts, instance: InstanceFacts) -> bool:
    """The database, and its user with only the rights that it needs there and nowhere else."""
    with mariadb_of(load(SshHost).connection(server)) as database:
        password = unsealed(instance.name, "database")
        return ensure_database_and_user(
            database, InstanceLayout.of(instance), password, DIALECTS[server.flavours.database]
        )


def ensure_database_and_user(
    database: MariadbServer, layout: InstanceLayout, password: str, dialect: Dialect = MARIADB
) -> bool:
    """The same on an open connection; whether anything changed."""
    name = layout.database
    changed = False
    if not database.rows(mariadb.find_database(name)):
        database.rows(mariadb.create_database(name))
        changed = True
    hashed = mariadb.password_hash(password)
    if database.value(mariadb.find_user(name)) != hashed:
        database.run(mariadb.create_user(name, hashed, dialect))
        changed = True
    grants = tuple(str(row[0]) for row in database.rows(mariadb.show_rights(name)))
    if not mariadb.rights_are_set(grants, name):
        database.run(mariadb.set_rights(name, name))
        changed = True
    return changed
