"""What restores laid aside: gone once its days are over (P20)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mariadb_server import mariadb_of
from blocks.ssh_host import SshHost
from hosting.commands import mariadb, replacing
from hosting.inventory import deeds, instances, levels, recovery_points, servers
from hosting.inventory.restores import REMOVED, begun_restores
from hosting.inventory.session import in_transaction
from tasks.records import inventory, now
from tasks.restoring import Restore
from tasks.step import reading, step

if TYPE_CHECKING:
    from hosting.inventory.restores import RestoreFacts
    from hosting.policy.values import ServerFacts
    from tasks.restoring import Exchange


@reading
def read_old_restores() -> list[RestoreFacts]:
    """The restores that are over for so many days that what they laid aside may go."""
    with inventory().reading() as session:
        ended = [one for one in begun_restores(session) if one.ended_at is not None]
        days = {name: terms.restored_aside_days for name, terms in levels.terms_of_instances(session, now()).items()}
        return [one for one in ended if one.ended_at and now() - one.ended_at > timedelta(days=days[one.instance])]


@reading
def read_aside(old: RestoreFacts) -> tuple[ServerFacts, Restore]:
    """Where it lies."""
    with inventory().reading() as session:
        instance = instances.instance_facts(session, old.instance)
        restore = Restore(instance, recovery_points.point(session, old.point), old.stamp)
        return servers.server_facts(session, old.server), restore


@step
def drop_aside(server: ServerFacts, restore: Exchange) -> bool:
    """Neither folder nor database is left of what was replaced by a restore or an import, or did not pass its proof."""
    ssh = load(SshHost).connection(server)
    changed = False
    with mariadb_of(ssh) as database:
        for name in (restore.old_database, restore.failed_database):
            changed |= bool(database.rows(mariadb.find_database(name)))
            database.rows(mariadb.drop_database(name))
    return ssh.run(replacing.drop_folders(restore.aside.parent, restore.failed.parent)).changed or changed


@reading
def record_aside_dropped(restore: Restore) -> None:
    """Nothing of it is left: it is not looked for any more."""
    told = {"point": restore.point.id, "stamp": restore.stamp}
    subject = instances.subject_of(restore.instance.name)
    in_transaction(
        inventory(), lambda session: deeds.record(session, deeds.SERVICE, REMOVED, subject, evidence=told, now=now())
    )
