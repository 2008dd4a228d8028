"""Tables written anew before a cancellation is refused for lack of room: files don't shrink by deleting (P25)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mariadb_server import mariadb_of
from blocks.ssh_host import SshHost
from hosting.commands.mariadb import IDENTIFIER
from hosting.commands.rebuilding import find_large_tables, rebuild_table
from hosting.commands.storage import parse_free, read_free
from hosting.product.layout import InstanceLayout
from tasks.leases import working_on
from tasks.step import run_logger, step

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts, ServerFacts

DATABASES = "/var/lib/mysql"
ROOM_TIMES = 2
"""A table is written beside itself: the disk must have so many times its size left."""


@step
def rebuild_tables(server: ServerFacts, instance: InstanceFacts) -> bool:
    """All large tables of an instance written anew, the smallest first; whether there were any.

    One for which the disk has no room, or that has a strange name, is left as it is.

    Raises:
        LeaseHeld: another run works on the instance.
        Unreachable: the server does not answer.
    """
    ssh, database_name = load(SshHost).connection(server), InstanceLayout.of(instance).database
    changed = False
    with working_on(server, instance, "rebuild tables"), mariadb_of(ssh) as database:
        for table, size in database.rows(find_large_tables(database_name)):
            left = parse_free((DATABASES,), ssh.run(read_free(DATABASES)).out)[DATABASES]
            if left < ROOM_TIMES * int(size) or not IDENTIFIER.fullmatch(str(table)):
                run_logger().warning("%s of %s is not written anew", table, instance.name)
                continue
            database.rows(rebuild_table(database_name, str(table)))
            changed = True
    return changed
