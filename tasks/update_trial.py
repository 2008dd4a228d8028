"""A release's migration tried on a copy of the instance's database while the customer works (P17).

A migration that breaks on this instance's data is found so before the instance is closed; one that does not tells for
how long it will be, and what has to be kept for the way back. The trial runs in the instance's own pool, with a
database user who knows the copy alone.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mariadb_server import mariadb_of
from blocks.ssh_host import SshHost
from hosting.commands import mariadb, replacing, updating
from hosting.commands.command import as_user
from hosting.commands.fastcgi import parse_answer, request
from hosting.commands.files import ensure_file, ensure_folders, read_if_there
from hosting.commands.storage import parse_free, read_free
from hosting.errors import StepFailed
from hosting.policy.quota import FREE_MIB_LEAST, MIB, DiskFull
from hosting.policy.way_back import WayBack, check_stop, way_back
from hosting.product.releases import WRITTEN_AT_EACH_RUN
from hosting.product.settings import with_database
from tasks.step import reading, step, stop_if_lost
from tasks.update_tables import read_tables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePosixPath as Path

    from blocks.mariadb_server import MariadbServer
    from blocks.ssh_connection import SshConnection
    from hosting.policy.values import ServerFacts
    from hosting.policy.way_back import Table
    from hosting.product.layout import InstanceLayout
    from tasks.update_records import Update

COPY_MOST_SECONDS = 3600.0
ROOM_FACTOR = 1.5
"""A copy takes at most so many times what the tables have, while it is loaded."""

DISK = "/var/lib/mysql"
DRIVER = "storage/config/driver.mysql.ini.php"


class MigrationBroke(StepFailed):
    """The release's run-once script did not come through with this instance's data."""


@dataclass(frozen=True)
class Trial:
    """What the trial told.

    Args:
        way: what the stop has to keep.
        before: the tables as they were, without what is in them.
        after: as the migration made them.
    """

    way: WayBack
    before: Mapping[str, Table]
    after: Mapping[str, Table]


@reading
def try_migration(server: ServerFacts, update: Update) -> Trial:
    """The migration on a copy of the database: what it changes, and how long it takes.

    Raises:
        DiskFull: there is no room for the copy.
        MigrationBroke: it broke; says with what.
        StopTooLong: the instance would be closed for too long.
        LeaseLost: another run works on the instance.
    """
    stop_if_lost()
    ssh, old = load(SshHost).connection(server), update.old
    with mariadb_of(ssh) as database:
        check_room(ssh, server, int(database.value(mariadb.database_bytes(old.database))))
        copy_everything(ssh, update)
        before = read_tables(database, old.trial_database)
        began = time.monotonic()
        migrate(ssh, database, update, old, tree_of(update))
        seconds = time.monotonic() - began
        after = read_tables(database, old.trial_database, by=before)
    way = way_back(before, after, seconds, WRITTEN_AT_EACH_RUN)
    check_stop(way, update.stop_most_seconds)
    return Trial(way, before, after)


@step
def ensure_no_trial(server: ServerFacts, update: Update) -> bool:
    """Nothing of a trial is left."""
    ssh, old = load(SshHost).connection(server), update.old
    with mariadb_of(ssh) as database:
        found = bool(database.rows(mariadb.find_database(old.trial_database)))
        database.rows(mariadb.drop_database(old.trial_database))
        database.rows(mariadb.drop_user(old.trial_database))
    return ssh.run(replacing.drop_folders(old.trial, old.trial_data)).changed or found


def check_room(ssh: SshConnection, server: ServerFacts, used: int) -> None:
    """See that the copy fits.

    Raises:
        DiskFull: it doesn't.
    """
    free, needed = parse_free((DISK,), ssh.run(read_free(DISK)).out)[DISK], int(used * ROOM_FACTOR)
    if free < needed + FREE_MIB_LEAST * MIB:
        message = f"The disk of {DISK} on {server.name} has {free // MIB} MiB left; the copy needs {needed // MIB} MiB."
        raise DiskFull(message, "Free room on it, or move the instance, then resume the roll-out.")


def copy_everything(ssh: SshConnection, update: Update) -> None:
    """Database, settings and code for the trial; its database user may come to the copy alone."""
    old, new, password = update.old, update.new, secrets.token_hex(16)
    name, own = old.trial_database, f"{old.user}:{old.user}"
    with mariadb_of(ssh) as database:
        database.run((mariadb.drop_database(name), mariadb.create_database(name)))
        database.run(mariadb.create_user(name, mariadb.password_hash(password)))
        database.run(mariadb.set_rights(name, name))
    ssh.run(updating.copy_database(old.database, name, COPY_MOST_SECONDS))
    ssh.run_in_a_row(
        replacing.drop_folders(old.trial, old.trial_data),
        ensure_folders((old.trial_data, own, "700")),
        updating.copy_settings(old.data, old.trial_data, old.user),
        updating.ensure_tree(new.unpacked, tree_of(update), old.trial_data, old.step_lock),
    )
    have = ssh.run(as_user(read_if_there(old.trial_data / DRIVER, (password,)), old.user)).out
    access = with_database(have, name, password)
    ssh.run(as_user(ensure_file(old.trial_data / DRIVER, access, own, "600", secrets=(password,)), old.user))
    ssh.run(updating.ship(new.unpacked, old.unpacked, old.trial_data, old.user))


def tree_of(update: Update) -> Path:
    """Where a release is tried: PHP keeps scripts by path and time, and would take another release's for this one's."""
    return update.old.trial / update.new.release.folder


def migrate(ssh: SshConnection, database: MariadbServer, update: Update, layout: InstanceLayout, tree: Path) -> None:
    """The release's run-once script, run by a request of `config.php` in a tree of it, and gone.

    Args:
        ssh: to the server.
        database: of the server, connected since before.
        update: to which release.
        layout: the instance's, whose pool runs it.
        tree: the release's code, for the trial or for the stop.

    Raises:
        Unreachable: the database went away meanwhile, which says nothing of the release.
        MigrationBroke: it answered otherwise, said something, or is still there.
    """
    ssh.run(updating.place_run_once(update.new.unpacked, tree, layout.user))
    answer = parse_answer(ssh.run(request(layout.socket, tree, "config.php", "", gate=update.token)).out)
    gone = ssh.ask(updating.run_once_is_gone(tree)).exit_code == 0
    said = answer.body.lstrip()
    if answer.status != HTTPStatus.OK or not said.startswith("<") or not gone:
        database.rows(mariadb.find_database(layout.database))  # raises where it went away since
        found = f"it answered {answer.status}" if answer.status != HTTPStatus.OK else "it did not come to its end"
        found = "it complained about a table" if answer.status == HTTPStatus.OK and not said.startswith("<") else found
        message = f"The migration of {layout.name} to {update.release.version} broke: {found}."
        do = f"Look at {layout.log} on {ssh.server.name}; {layout.name} stays at its release."
        raise MigrationBroke(message, do, last_lines="" if said.startswith("<") else said[:200])
