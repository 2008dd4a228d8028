"""Everything that a set-up made on a server, taken away again, in the order in which nothing is served half."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mariadb_server import mariadb_of
from blocks.ssh_host import SshHost
from hosting.commands import mariadb, replacing
from hosting.commands.files import ensure_gone
from hosting.commands.services import APACHE, PHP_FPM, uninstall
from hosting.commands.system_users import ensure_no_user
from tasks.jobs import end_job

if TYPE_CHECKING:
    from pathlib import PurePosixPath as Path

    from hosting.policy.values import ServerFacts
    from hosting.product.layout import InstanceLayout


def take_away(server: ServerFacts, layout: InstanceLayout, work: Path) -> bool:
    """Site, cron job, pool, processes, folders, user and database gone, as far as they are there; whether any was.

    Args:
        server: where.
        layout: the places and names.
        work: the folder into which a point was brought back, or is by a job that is ended.
    """
    ssh = load(SshHost).connection(server)
    changed = end_job(server, f"restore-{work.name}")
    for command in (
        uninstall(APACHE, layout.site_file),
        ensure_gone(layout.cron_file, layout.php_ini),
        uninstall(PHP_FPM, layout.pool_file),
        replacing.end_processes(layout.user),
        replacing.drop_folders(work, layout.data, layout.code.parent, layout.scratch),
        ensure_gone(layout.log),
        ensure_no_user(layout.user),
    ):
        changed |= ssh.run(command).changed
    with mariadb_of(ssh) as database:
        changed |= bool(database.rows(mariadb.find_database(layout.database)))
        database.rows(mariadb.drop_database(layout.database))
        database.rows(mariadb.drop_user(layout.database))
    return changed
