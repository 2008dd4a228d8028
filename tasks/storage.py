"""Where an instance keeps its files, and how much they may be (P04)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mariadb_server import mariadb_of
from blocks.ssh_host import SshHost
from hosting.commands.command import as_user
from hosting.commands.files import ensure_folders, ensure_link
from hosting.commands.mariadb import database_bytes
from hosting.commands.storage import ensure_limit, ensure_scratch, ensure_subvolume, parse_free, read_free
from hosting.policy.limits import LIMITS
from hosting.policy.quota import check_free, files_limit
from hosting.policy.terms import GIB
from hosting.product.layout import InstanceLayout
from tasks.step import reading, step

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts, ServerFacts

OURS = "root:root"
DISKS = ("/srv", "/var/lib/mysql")


@reading
def check_disks(server: ServerFacts) -> None:
    """The server's disks have room to work, before anything is written.

    Raises:
        DiskFull: one of them hasn't.
    """
    check_free(server.name, parse_free(DISKS, load(SshHost).connection(server).run(read_free(*DISKS)).out))


@step
def ensure_storage(server: ServerFacts, instance: InstanceFacts) -> bool:
    """The data folder, and beside it caches, sessions and temporary files; each a subvolume where there is btrfs."""
    ssh = load(SshHost).connection(server)
    layout = InstanceLayout.of(instance)
    own = f"{layout.user}:{layout.user}"
    volumes = (ensure_subvolume(layout.data), ensure_scratch(layout.scratch, LIMITS.scratch_gib * GIB))
    folders = ensure_folders(
        (layout.data, f"root:{layout.user}", "750"),
        (layout.storage, own, "700"),
        (layout.scratch, f"root:{layout.user}", "750"),
        *((layout.scratch / name, own, "700") for name in ("sessions", "temp", "tplcache", "upload")),
        (layout.code.parent, OURS, "755"),
    )
    links = (
        as_user(ensure_link(layout.storage / name, str(layout.scratch / name)), layout.user)
        for name in ("tplcache", "temp")
    )
    answers = ssh.run_in_a_row(*(volumes if server.has_btrfs else ()), folders, *links)
    return any(answer.changed for answer in answers)


@step
def ensure_storage_limit(server: ServerFacts, instance: InstanceFacts) -> bool:
    """The kernel's limit of a new or restored instance, from what is booked; each measurement sets it anew (P04)."""
    if not server.has_btrfs:
        return False
    ssh = load(SshHost).connection(server)
    layout = InstanceLayout.of(instance)
    with mariadb_of(ssh) as database:
        used = int(database.value(database_bytes(layout.database)))
    return ssh.run(ensure_limit(layout.data, files_limit(instance.storage_gib, used))).changed
