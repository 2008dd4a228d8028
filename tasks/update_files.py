"""An instance's files kept for an update's way back: a snapshot, or a copy where the server has no btrfs (P17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.commands import replacing, updating
from hosting.commands.storage import parse_free, read_free, used_bytes
from hosting.policy.quota import FREE_MIB_LEAST, MIB, DiskFull
from hosting.product.layout import BACKUP

if TYPE_CHECKING:
    from blocks.ssh_connection import SshConnection
    from hosting.policy.values import ServerFacts
    from hosting.product.layout import InstanceLayout

DISK = str(BACKUP)


def prepare_files(ssh: SshConnection, server: ServerFacts, layout: InstanceLayout) -> None:
    """Before the stop: the most of the copy, so that the stop is as short with many files; a snapshot needs nothing.

    Raises:
        DiskFull: there is no room for the copy.
    """
    if server.has_btrfs:
        return
    if ssh.ask(replacing.is_there(layout.kept / "data")).exit_code:
        check_room(ssh, server, layout)
    ssh.run(updating.copy_files_ahead(layout))


def keep_files(ssh: SshConnection, server: ServerFacts, layout: InstanceLayout) -> None:
    """In the stop: the files as they are, beside the instance."""
    if server.has_btrfs:
        ssh.run_in_a_row(replacing.drop_folders(layout.kept), updating.keep_files(layout))
    else:
        ssh.run(updating.copy_rest_of_files(layout))


def check_room(ssh: SshConnection, server: ServerFacts, layout: InstanceLayout) -> None:
    """See that the copy fits.

    Raises:
        DiskFull: it doesn't.
    """
    free = parse_free((DISK,), ssh.run(read_free(DISK)).out)[DISK]
    needed = int(ssh.run(used_bytes(layout.data, btrfs=False)).out)
    if free < needed + FREE_MIB_LEAST * MIB:
        message = f"The disk of {DISK} on {server.name} has {free // MIB} MiB left; the copy needs {needed // MIB} MiB."
        raise DiskFull(message, "Free room on it, or move the instance, then resume the roll-out.")
