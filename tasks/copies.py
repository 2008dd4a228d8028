"""A copy of an instance, made from a recovery point under a name of its own, and taken away again (decision 9).

It has a user, a database, code and a pool like an instance, and a site for requests from its server alone. It has no
cron job, reaches nothing over the network, and is no instance: nothing of it is booked, backed up or told.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mariadb_server import mariadb_of
from blocks.ssh_host import SshHost
from hosting.commands import mariadb, replacing
from hosting.commands.command import as_user
from hosting.commands.files import ensure_file, read_if_there
from hosting.policy.backup_budget import restore_seconds
from hosting.policy.values import InstanceName, ReleaseFacts, ReleaseId
from hosting.product.layout import BACKUP, REHEARSAL, REHEARSAL_SLOT, InstanceLayout, copy_name, copy_number
from hosting.product.settings import of_a_copy, with_database
from tasks.application import ensure_application, ensure_release, ensure_sealed
from tasks.databases import ensure_database_and_user
from tasks.outgoing import ensure_outgoing_network
from tasks.progress import progress_of
from tasks.restoring import check_room
from tasks.snapshots import bring_back
from tasks.step import step
from tasks.storage import ensure_storage
from tasks.system_users import ensure_system_user
from tasks.taking_away import take_away
from tasks.web import ensure_php_pool, ensure_site

if TYPE_CHECKING:
    from pathlib import PurePosixPath as Path

    from hosting.policy.values import GenerationFacts, InstanceFacts, PointFacts, ServerFacts

ANY_RELEASE = ReleaseFacts(ReleaseId("any"), 0, "", "", 0)
"""What is taken away is found by the copy's name alone."""


@dataclass(frozen=True)
class Copy:
    """A copy of an instance on a server.

    Args:
        origin: the instance.
        point: what it is made from.
        facts: the copy itself, named and numbered as no instance is, with the point's release.
    """

    origin: InstanceFacts
    point: PointFacts
    facts: InstanceFacts

    @property
    def layout(self) -> InstanceLayout:
        """The copy's places."""
        return InstanceLayout.of(self.facts)

    @property
    def work(self) -> Path:
        """Where the point is brought back to."""
        return work_of(self.facts.name)

    @property
    def data(self) -> Path:
        """Where the data folder is brought back to."""
        return self.work / "restored/srv/backup" / self.point.instance_name / "point/data"


def work_of(name: str) -> Path:
    """Where a copy's point is brought back to; the folder names a job, which takes no underscore."""
    return BACKUP / f"{name.replace('_', '-')}-copy"


def copy_of(origin: InstanceFacts, point: PointFacts, release: ReleaseFacts, server: ServerFacts, slot: int) -> Copy:
    """The copy of an instance in a slot of a server; the first slot is the rehearsal's."""
    name = REHEARSAL if slot == REHEARSAL_SLOT else copy_name(origin.name, slot)
    facts = replace(origin, name=InstanceName(name), number=copy_number(slot), server_name=server.name, release=release)
    return Copy(origin, point, facts)


def make_copy(server: ServerFacts, copy: Copy, generation: GenerationFacts) -> dict[str, float]:
    """The copy made, compared with its point to the last row and byte, and open to requests from its server.

    What a run before left of it is taken away first.

    Returns:
        The seconds of each part.

    Raises:
        DiskFull: the server has no room for it.
        JobComplained: the point can't be brought back, or is not what was recorded.
    """
    drop_copy(server, copy.facts.name)
    check_room(server, copy.point)
    ensure_system_user(server, copy.facts)
    ensure_copy_database(server, copy)
    began = time.monotonic()
    with progress_of(f"copy-{copy.facts.name.replace('_', '-')}", copy.facts.name) as told:
        bring_back(
            server, copy.point, generation, into=copy.layout.database, work=str(copy.work),
            seconds=restore_seconds(copy.point), told=told,
        )  # fmt: skip
    back = time.monotonic()
    open_copy(server, copy)
    return {"bring back and compare": round(back - began, 2), "open": round(time.monotonic() - back, 2)}


def open_copy(server: ServerFacts, copy: Copy) -> None:
    """Folder, code, settings, pool and site of a copy whose point lies beside."""
    put_copy_folder(server, copy)
    ensure_storage(server, copy.facts)
    ensure_release(server, copy.facts)
    ensure_application(server, copy.facts)
    ensure_sealed(server, copy.facts)
    ensure_copy_settings(server, copy)
    ensure_outgoing_network(server)
    ensure_php_pool(server, copy.facts)
    ensure_site(server, copy.facts, local_only=True)


@step
def ensure_copy_database(server: ServerFacts, copy: Copy) -> bool:
    """An empty database for the copy, and its user, whose password nobody knows before the settings are written."""
    with mariadb_of(load(SshHost).connection(server)) as database:
        database.rows(mariadb.drop_database(copy.layout.database))
        return ensure_database_and_user(database, copy.layout, secrets.token_hex(16))


@step
def put_copy_folder(server: ServerFacts, copy: Copy) -> bool:
    """The folder that was brought back in its place, owned by the copy's user in place of the instance's."""
    ssh = load(SshHost).connection(server)
    if ssh.ask(replacing.is_there(copy.data)).exit_code == 0:
        ssh.run(replacing.hand_over(copy.data, InstanceLayout.of(copy.origin).uid, copy.layout.uid))
    moved = ssh.run(replacing.put_folder(copy.layout.data, copy.data, copy.work / "nothing"))
    return moved.changed


@step
def ensure_copy_settings(server: ServerFacts, copy: Copy) -> bool:
    """The product's settings name the copy's own database, and no relay; each copy has a password of its own."""
    ssh, layout, password = load(SshHost).connection(server), copy.layout, secrets.token_hex(16)
    folder = layout.storage / "config"
    files = {folder / "driver.mysql.ini.php": "", layout.settings: "", folder / "choices.ini.php": ""}
    for path in files:
        files[path] = ssh.run(as_user(read_if_there(path), layout.user)).out
    for path, have in files.items():
        wanted = with_database(have, layout.database, password) if path.name.startswith("driver") else of_a_copy(have)
        own = ensure_file(path, wanted, f"{layout.user}:{layout.user}", "600", secrets=(password,))
        ssh.run(own if path == layout.settings else as_user(own, layout.user))
    with mariadb_of(ssh) as database:
        ensure_database_and_user(database, layout, password)
    return True


@step
def drop_copy(server: ServerFacts, name: str) -> bool:
    """Nothing of a copy is left on the server: job, site, pool, database, folders, user; of a half-made one neither."""
    layout = InstanceLayout(name, copy_number(REHEARSAL_SLOT), ANY_RELEASE)
    return take_away(server, layout, work_of(name))
