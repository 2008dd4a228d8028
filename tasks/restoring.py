"""What was brought back in the place of what is there; the old state lies aside until its time is over (P20).

Every step finds from the server how far a run before it had come. Nothing that is replaced is deleted here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.mariadb_server import MariadbServer, mariadb_of
from blocks.ssh_host import SshHost
from hosting.commands import mariadb, replacing
from hosting.commands.files import ensure_gone, ensure_link
from hosting.commands.services import APACHE, install, reload
from hosting.commands.storage import parse_free, read_free
from hosting.errors import DriftFound, StepFailed
from hosting.policy.backup_budget import restore_needs
from hosting.policy.quota import FREE_MIB_LEAST, MIB, DiskFull
from hosting.product.layout import BACKUP, InstanceLayout
from hosting.templates import render
from tasks.step import reading, step
from tasks.web import FOR_OPERATOR

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import PurePosixPath as Path

    from hosting.policy.values import InstanceFacts, PointFacts, ServerFacts

RETRY_SECONDS = 60
GERMAN = (
    "Ihre phlyMail-Installation wird gerade aus einer Sicherung wiederhergestellt und ist in wenigen Minuten zurück."
)
ENGLISH = "Your phlyMail is being restored from a backup and will be back in a few minutes."


class Exchange:
    """What takes the place of an instance's state, and where the old one goes: a restore, or an import."""

    if TYPE_CHECKING:

        @property
        def instance(self) -> InstanceFacts:
            """Which one, with the release of its old state."""
            raise NotImplementedError

        @property
        def stamp(self) -> str:
            """Names what lies aside; the same for every run that goes on with this exchange."""
            raise NotImplementedError

        @property
        def tables_before(self) -> tuple[str, ...]:
            """The tables of the state that is replaced."""
            raise NotImplementedError

        @property
        def tables(self) -> tuple[str, ...]:
            """The tables of the state that comes."""
            raise NotImplementedError

        @property
        def work(self) -> Path:
            """Where that is made ready."""
            raise NotImplementedError

        @property
        def data(self) -> Path:
            """Its data folder, ready."""
            raise NotImplementedError

        @property
        def title(self) -> str:
            """What it is called in messages."""
            raise NotImplementedError

    @property
    def layout(self) -> InstanceLayout:
        """The instance's places."""
        return InstanceLayout.of(self.instance)

    @property
    def aside(self) -> Path:
        """Where the old folder goes."""
        return BACKUP / f"{self.instance.name}-aside-{self.stamp}" / "data"

    @property
    def failed(self) -> Path:
        """Where a folder goes that did not pass its proof, or was not wanted after all."""
        return BACKUP / f"{self.instance.name}-failed-{self.stamp}" / "data"

    @property
    def new_database(self) -> str:
        """Where the tables that come wait."""
        return f"{self.layout.database}_new"

    @property
    def old_database(self) -> str:
        """Where the old tables go."""
        return f"{self.layout.database}_aside_{self.stamp}"

    @property
    def failed_database(self) -> str:
        """Where tables go that did not pass their proof, or were not wanted after all."""
        return f"{self.layout.database}_failed_{self.stamp}"


@dataclass(frozen=True)
class Restore(Exchange):
    """One restore of an instance: what it brings back and where the old state goes.

    Args:
        instance: which one.
        point: what is brought back.
        stamp: names what lies aside; the same for every run that goes on with this restore.
        tables_before: the tables of the state that is replaced.
        brought_back: whether a run before had it compared and ready.
        switched: the evidence that the instance serves on another server, where a run before had come so far.
    """

    instance: InstanceFacts
    point: PointFacts
    stamp: str
    tables_before: tuple[str, ...] = ()
    brought_back: bool = False
    switched: Mapping[str, Any] | None = None

    @property
    def work(self) -> Path:
        """Where the point is brought back to."""
        return BACKUP / f"{self.instance.name}-restore"

    @property
    def data(self) -> Path:
        """Where the data folder is brought back to."""
        return self.work / "restored/srv/backup" / self.instance.name / "point/data"

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables of the point."""
        return tuple(self.point.manifest["database"]["tables"])

    @property
    def title(self) -> str:
        """What it is called in messages."""
        return f"restore of {self.instance.name} to {self.point.id}"


@reading
def check_room(server: ServerFacts, point: PointFacts) -> None:
    """The server has room for the restored state beside the present one.

    Raises:
        DiskFull: it hasn't; names the disk and the figures.
    """
    needs = restore_needs(point)
    free = parse_free(tuple(needs), load(SshHost).connection(server).run(read_free(*needs)).out)
    for path, needed in needs.items():
        if free[path] < needed + FREE_MIB_LEAST * MIB:
            message = (
                f"The disk of {path} on {server.name} has {free[path] // MIB} MiB left; {needed // MIB} MiB come to it."
            )
            raise DiskFull(message, "Free room on it, or restore on another server.")


@step
def ensure_closed(
    server: ServerFacts, instance: InstanceFacts, *, german: str = GERMAN, english: str = ENGLISH
) -> bool:  # fmt: skip
    """The instance answers 503 with a page that says why, its cron job is off, and none of its processes runs."""
    ssh = load(SshHost).connection(server)
    layout = InstanceLayout.of(instance)
    page = render(
        "apache/closed.conf.j2", name=instance.name, host_name=server.host_name, retry_seconds=RETRY_SECONDS,
        german=german, english=english,
    )  # fmt: skip
    changed = ssh.run(install(APACHE, layout.site_file, page), FOR_OPERATOR).changed
    changed |= ssh.run(reload(APACHE)).changed
    changed |= ssh.run(ensure_gone(layout.cron_file)).changed  # its clean-up deletes folders of users it does not know
    return ssh.run(replacing.end_processes(layout.user)).changed or changed


@reading
def check_not_taken_back(server: ServerFacts, restore: Exchange) -> None:
    """A run that was killed while it took the restore back had not recorded that.

    Raises:
        StepFailed: what had failed lies aside already.
    """
    if load(SshHost).connection(server).ask(replacing.is_there(restore.failed.parent)).exit_code == 0:
        message = f"The {restore.title} did not pass its proof."
        raise StepFailed(message, "The old state is in its place; run again to begin anew.")


@step
def replace_database(server: ServerFacts, restore: Exchange) -> bool:
    """The restored tables in the place of the old ones, which lie in a database aside."""
    with mariadb_of(load(SshHost).connection(server)) as database:
        names = restore.layout.database, restore.new_database, restore.old_database
        changed = swap_tables(database, *names, restore.tables)
        if not names_of(database, restore.old_database) and restore.tables_before:
            message = f"Neither the new tables of {restore.instance.name} nor the old ones aside are there."
            raise DriftFound(message, "Nothing was deleted; look at the databases of that name on the server.")
        return changed


@step
def replace_folder(server: ServerFacts, restore: Exchange) -> bool:
    """The restored folder in the place of the old one, which lies aside."""
    ssh = load(SshHost).connection(server)
    moved = replacing.put_folder(restore.layout.data, restore.data, restore.aside)
    return ssh.run(moved, "Look at both folders; nothing was deleted.").changed


@step
def ensure_caches_empty(server: ServerFacts, instance: InstanceFacts) -> bool:
    """Template cache, sessions and temporary files belong to the state that was replaced."""
    layout = InstanceLayout.of(instance)
    folders = (layout.scratch / name for name in ("sessions", "temp", "tplcache", "upload"))
    load(SshHost).connection(server).run(replacing.empty_folders(layout.user, *folders))
    return True


@step
def put_back(server: ServerFacts, restore: Exchange) -> bool:
    """The old state in its place again; the restored one lies aside as failed, for who looks for the reason."""
    ssh = load(SshHost).connection(server)
    changed = ssh.run(replacing.put_folder(restore.layout.data, restore.aside, restore.failed)).changed
    with mariadb_of(ssh) as database:
        names = restore.layout.database, restore.old_database, restore.failed_database
        changed |= swap_tables(database, *names, restore.tables_before)
    layout = restore.layout
    return ssh.run(ensure_link(layout.current, layout.release.folder)).changed or changed


@step
def put_path(server: ServerFacts, restore: Restore, path: str) -> bool:
    """One restored path over the instance's; what was there is kept as a tar file beside."""
    layout = restore.layout
    merged = replacing.merge_path(restore.data, layout.data, path, layout.user, restore.aside.parent / "path.tar")
    return load(SshHost).connection(server).run(merged).changed


@step
def clear_restore(server: ServerFacts, restore: Exchange) -> bool:
    """What was only needed to restore is gone; the old state aside stays."""
    ssh = load(SshHost).connection(server)
    with mariadb_of(ssh) as database:
        if not database.rows(replacing.tables_of(restore.new_database)):
            database.rows(mariadb.drop_database(restore.new_database))
    return ssh.run(replacing.drop_folders(restore.work)).changed


@reading
def read_tables(server: ServerFacts, instance: InstanceFacts) -> tuple[str, ...]:
    """The tables that an instance has now."""
    with mariadb_of(load(SshHost).connection(server)) as database:
        return tuple(names_of(database, InstanceLayout.of(instance).database))


def swap_tables(database: MariadbServer, current: str, new: str, aside: str, wanted: Collection[str]) -> bool:
    """Tables of `new` in the place of those of `current`, which go to `aside`; repeated, it goes on where it was."""
    waiting = names_of(database, new)
    out = replacing.moves_out(names_of(database, current), waiting, names_of(database, aside), wanted)
    if out:
        database.rows(mariadb.create_database(aside))
        database.rows(replacing.rename_tables(current, aside, out))
    if waiting:
        database.rows(replacing.rename_tables(new, current, sorted(waiting)))
    database.rows(mariadb.drop_database(new))
    return bool(out or waiting)


def names_of(database: MariadbServer, name: str) -> set[str]:
    """The tables of a database."""
    return {str(row[0]) for row in database.rows(replacing.tables_of(name))}
