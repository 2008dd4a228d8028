"""The stop of an update: closed, kept, switched, migrated, proven, open; or all of it back as it was (P17).

Everything that goes back was kept on the server before anything changed, so that going back needs neither the product
nor the release that broke. Nobody but the proof is let in before the instance opens: nothing can be lost by going back.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.mariadb_server import mariadb_of
from blocks.ssh_host import SshHost
from hosting.commands import application, mariadb, replacing, replication, tables_aside, updating
from hosting.commands.fastcgi import parse_answer, request
from hosting.commands.files import ensure_file, ensure_gone, ensure_link
from hosting.errors import DriftFound, StepFailed, Unreachable
from hosting.product.layout import ROOM_FILE
from hosting.templates import render
from tasks.databases import ensure_database_and_user
from tasks.probes import prove_behind_gate
from tasks.records import unsealed
from tasks.step import reading, step
from tasks.storage import ensure_storage_limit
from tasks.update_files import keep_files, prepare_files
from tasks.update_tables import check_shape, forget_kept, keep_tables, prepare_keeping, put_tables_back
from tasks.update_trial import migrate
from tasks.web import ensure_php_pool, ensure_site

if TYPE_CHECKING:
    from blocks.ssh_connection import SshConnection
    from hosting.policy.values import ServerFacts
    from hosting.policy.way_back import WayBack
    from hosting.product.layout import InstanceLayout
    from tasks.update_records import Update
    from tasks.update_trial import Trial

CRON_SECONDS = 100
LOOK_SECONDS = 0.02

REFUSED_MOST = 2
"""With so many attempts in which a statement was refused it is the migration's, and not another instance's."""

GONE_SECONDS = 15.0
"""So long a statement may take to be taken back, whose connection is ended."""


@step
def ensure_new_code(server: ServerFacts, update: Update) -> bool:
    """The new release's code, beside the one that serves; the instance's pool can be switched, and its site closed."""
    ssh, new = load(SshHost).connection(server), update.new
    hook = ensure_file(new.hook, render("php/SystemProvisioning.php.j2", room_file=ROOM_FILE))
    tree = updating.ensure_tree(new.unpacked, new.code, new.data, new.step_lock)
    answers = ssh.run_in_a_row(tree, hook)
    changed = ensure_php_pool.fn(server, update.instance).changed
    return ensure_site.fn(server, update.instance).changed or changed or any(answer.changed for answer in answers)


@step
def ensure_cron_at_rest(server: ServerFacts, update: Update) -> bool:
    """No cron job begins, and the one that ran has come to its end; it fetches no mail while the database changes."""
    ssh, old = load(SshHost).connection(server), update.old
    changed = ssh.run(ensure_gone(old.cron_file)).changed
    ssh.run(updating.await_cron(old.scratch, CRON_SECONDS), "Its cron job takes long; it is tried again.")
    return changed


@step
def ensure_keeping_prepared(server: ServerFacts, update: Update, trial: Trial) -> bool:
    """What can be done for keeping while the customer works: files as `prepare_files`, empty tables to be filled."""
    ssh = load(SshHost).connection(server)
    prepare_files(ssh, server, update.old)
    with mariadb_of(ssh) as database:
        check_shape(database, update.old.database, trial.before, "have changed since the trial")
        prepare_keeping(database, update.old, trial.way)
    ssh.run(updating.write_out(update.old))
    return True


@step
def close(server: ServerFacts, update: Update) -> bool:
    """The site answers 503 with a page that says why, and nothing of the instance runs."""
    ssh, old = load(SshHost).connection(server), update.old
    ssh.run(updating.close_gate(old.gate, update.token))
    end_what_works(ssh, old)
    return True


def end_what_works(ssh: SshConnection, layout: InstanceLayout) -> None:
    """End an instance's processes of this moment, and what they still do in the database.

    Those that FPM begins for what waited in its queue are refused by the gate before the product is read
    (`php/gate.php.j2`). The database would bring a statement to its end whose program was killed.

    Raises:
        Unreachable: a statement is not taken back in time.
    """
    ssh.run(replacing.end_processes_of_now(layout.user))
    deadline = time.monotonic() + GONE_SECONDS
    with mariadb_of(ssh) as database:
        while True:
            database.rows(replication.end_connections(layout.database))
            if not database.value(replication.count_connections(layout.database)):
                return
            if time.monotonic() > deadline:
                message = f"A connection of {layout.name} to its database does not end: it takes something long back."
                raise Unreachable(message, "The next run goes on; look at SHOW PROCESSLIST on its server.")
            time.sleep(LOOK_SECONDS)


@step
def keep(server: ServerFacts, update: Update, trial: Trial) -> bool:
    """Files and tables as they are now, for the way back; the database lets the migration change no others.

    Raises:
        DriftFound: the tables are others than those that the trial was made with.
    """
    ssh, old = load(SshHost).connection(server), update.old
    keep_files(ssh, server, old)
    with mariadb_of(ssh) as database:
        check_shape(database, old.database, trial.before, "have changed since the trial")
        keep_tables(database, old, trial.way)
    return True


@step
def switch(server: ServerFacts, update: Update, trial: Trial) -> bool:
    """The new code in its place, shipped files, migration, caches; the tables as the trial had made them.

    The database counts what it refuses for all of its instances at once: a first time it may have been another's.

    Raises:
        MigrationBroke: the migration broke.
        StepFailed: it wanted to change more than on the copy, each time; or the salt is another.
        Unreachable: the server or its database went away.
        DriftFound: the tables are not as they should be; or something was refused, for the first time.
    """
    ssh, old, new = load(SshHost).connection(server), update.old, update.new
    salt = ssh.run(application.salt_line(old)).out
    with mariadb_of(ssh) as database:
        refused = database.rows(tables_aside.refusals())
        ssh.run_in_a_row(
            ensure_link(new.current, new.release.folder),
            updating.ship(new.unpacked, old.unpacked, new.data, new.user),
        )
        migrate(ssh, database, update, new, new.code)
        ssh.run_in_a_row(
            application.seal(new), replacing.empty_folders(new.user, new.scratch / "tplcache", new.scratch / "temp")
        )
        check_shape(database, new.database, trial.after, "are not as the trial had made them")
        if database.rows(tables_aside.refusals()) != refused:
            message = f"The migration of {new.name} wanted to change tables that it left alone on the copy."
            refusal = DriftFound if update.attempts < REFUSED_MOST else StepFailed
            raise refusal(message, "All of it goes back; look at the instance's PHP log.")
    if ssh.run(application.salt_line(new)).out != salt:
        message = f"The migration of {new.name} changed its salt, by which all users log in."
        raise StepFailed(message, "All of it goes back; report this.")
    return True


keep.retries = switch.retries = 0  # never made again over what is half made: all goes back, for another attempt


@reading
def prove(server: ServerFacts, update: Update) -> dict[str, Any]:
    """The instance as the world will see it, asked from outside through the gate; raises as `prove_behind_gate`."""
    return prove_behind_gate(server, update.instance_new, update.token)


@step
def open_again(server: ServerFacts, update: Update) -> bool:
    """All rights, and the gate open: whoever comes is served."""
    ssh, new = load(SshHost).connection(server), update.new
    with mariadb_of(ssh) as database:
        changed = ensure_database_and_user(database, new, unsealed(new.name, "database"))
    return ssh.run(updating.open_gate(new.gate)).changed or changed


@step
def put_back(server: ServerFacts, update: Update, way: WayBack) -> bool:
    """Code, files, database and rights as they were before the stop, and open; whatever the update had come to."""
    ssh, old = load(SshHost).connection(server), update.old
    ssh.run(updating.close_gate(old.gate, update.token))  # a run that was killed may have left it half open
    end_what_works(ssh, old)
    with mariadb_of(ssh) as database:
        changed = put_tables_back(database, old, way)
        ensure_database_and_user(database, old, unsealed(old.name, "database"))
    if ssh.ask(replacing.is_there(old.kept / "whole")).exit_code == 0:
        ssh.run(updating.put_files_back(old), "Look at both folders; nothing was deleted.")
        changed = True
    ssh.run_in_a_row(
        ensure_link(old.current, old.release.folder),
        replacing.empty_folders(old.user, old.scratch / "tplcache"),
    )
    ensure_storage_limit.fn(server, update.instance)
    answer = parse_answer(ssh.run(request(old.socket, old.current, "api.php", "", gate=update.token)).out)
    if answer.status not in {401, 503}:
        message = f"{old.name} is back at {old.release.version} and answers {answer.status}."
        raise StepFailed(message, "Look at its PHP log; it stays closed until it answers.")
    with mariadb_of(ssh) as database:
        forget_kept(database, old)  # what customers write from here on is never taken for the update's
    return ssh.run(updating.open_gate(old.gate)).changed or changed


@step
def drop_kept(server: ServerFacts, update: Update) -> bool:
    """What was kept for the way back is gone, and the rights are as always: there is no way back, or it was gone."""
    ssh, old = load(SshHost).connection(server), update.old
    with mariadb_of(ssh) as database:
        changed = bool(database.rows(mariadb.find_database(old.kept_database)))
        database.rows(mariadb.drop_database(old.kept_database))
        changed |= ensure_database_and_user(database, old, unsealed(old.name, "database"))
    return ssh.run(replacing.drop_folders(old.kept)).changed or changed


@step
def drop_code(server: ServerFacts, update: Update, *, old: bool) -> bool:
    """The code that doesn't serve is gone: the old one's after an update, the new one's after its failure.

    Raises:
        StepFailed: the instance serves from it, for example since it was restored meanwhile.
    """
    layout = update.old if old else update.new
    drop = updating.drop_tree(layout.code, layout.current)
    return load(SshHost).connection(server).run(drop, "Look at its link `current`; nothing was deleted.").changed
