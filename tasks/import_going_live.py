"""An approved draft in the place of its instance's state, like a restore; and the way back (P20, P33).

Each step finds from the server how far a run before it had come. Nothing that is replaced is deleted here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.mail_relay import MailRelay
from blocks.mariadb_server import mariadb_of
from blocks.ssh_host import SshHost
from hosting.commands import application, importing, mariadb, replacing
from hosting.commands.command import as_user
from hosting.commands.files import ensure_file, read_if_there
from hosting.commands.services import APACHE, PHP_FPM, uninstall
from hosting.inventory import deeds, imports, instances, levels, releases, servers
from hosting.inventory.session import in_transaction
from hosting.policy.imports import ImportStands
from hosting.product.conversion import live_choices
from hosting.product.layout import BACKUP, InstanceLayout
from hosting.product.settings import Relay, ini, instance_choices, with_database
from tasks.application import PROVIDER
from tasks.records import inventory, now, unsealed
from tasks.restoring import Exchange, ensure_closed, names_of, put_back, read_tables, swap_tables
from tasks.step import Done, reading, step

if TYPE_CHECKING:
    from pathlib import PurePosixPath as Path

    from sqlalchemy.orm import Session

    from hosting.policy.imports import ImportFacts
    from hosting.policy.values import InstanceFacts, OrderFacts, ServerFacts
    from tasks.drafts import Draft

GERMAN = "Ihre alte phlyMail-Installation wird gerade übernommen; Ihre Instanz ist in wenigen Minuten da."
ENGLISH = "Your old phlyMail installation is being taken over; your instance will be there in a few minutes."


@dataclass(frozen=True)
class TakenOver(Exchange):
    """A draft on its way into its instance's place.

    Args:
        instance: which one, with the release that its old state has.
        number: of the import.
        stamp: names what lies aside.
        tables: of the draft.
        tables_before: of the state that is replaced.
    """

    instance: InstanceFacts
    number: int
    stamp: str
    tables: tuple[str, ...] = ()
    tables_before: tuple[str, ...] = ()

    @property
    def work(self) -> Path:
        """Where the draft's folder waits."""
        return BACKUP / f"{self.instance.name}-import"

    @property
    def data(self) -> Path:
        """The draft's folder, the instance's from now on."""
        return self.work / "data"

    @property
    def title(self) -> str:
        """What it is called in messages."""
        return f"import {self.number} into {self.instance.name}"


def taken_over(session: Session, order: ImportFacts) -> TakenOver:
    """What an import puts where, by its record."""
    told, instance = order.evidence, instances.instance_facts(session, order.instance)
    known = releases.release_facts(session, str(told["release"]))
    tables, before = tuple(told["tables"]), tuple(told["tables_before"])
    return TakenOver(replace(instance, release=known), order.id, order.stamp, tables, before)


@reading
def begin_going_live(
    server: ServerFacts, order: ImportFacts, instance: InstanceFacts, draft: Draft | None
) -> TakenOver:
    """The import on its way, under one stamp however often it is begun.

    Raises:
        ImportStands: its draft is gone, or was built for another release or server than the instance has now.
    """
    again = f"Start another one: phm import start {order.instance} URL."
    if not order.stamp and (draft is None or not draft.copy.ready):
        raise ImportStands(f"The draft of the import {order.id} is gone, its days are over.", again)
    moved = order.server != instance.server_name
    if moved or (not order.stamp and order.release_id != instance.release.id):
        message = f"{instance.name} has another release or server since the import {order.id} was built."
        raise ImportStands(message, again)
    with mariadb_of(load(SshHost).connection(server)) as database:
        tables = sorted(names_of(database, draft.layout.database)) if draft else []
    before = list(read_tables.fn(server, instance))
    told = {"tables": tables, "tables_before": before, "release": instance.release.id}

    def begin(session: Session) -> TakenOver:
        return taken_over(session, imports.begin_going_live(session, order.id, told, now()))

    return in_transaction(inventory(), begin)


@step
def close_draft(server: ServerFacts, draft: Draft) -> bool:
    """Nobody looks at the draft any more, and nothing in it changes."""
    ssh, layout = load(SshHost).connection(server), draft.layout
    changed = ssh.run(uninstall(APACHE, layout.site_file)).changed
    changed |= ssh.run(uninstall(PHP_FPM, layout.pool_file)).changed
    return ssh.run(replacing.end_processes(layout.user)).changed or changed


@step
def write_live_settings(server: ServerFacts, draft: Draft, taken: TakenOver, customer: OrderFacts) -> bool:
    """The instance's own database, our relay, users may log in; written while the folder is still the draft's."""
    ssh, layout = load(SshHost).connection(server), draft.layout
    if ssh.ask(replacing.is_there(layout.data)).exit_code != 0:
        return False
    own, folder, mail = f"{layout.user}:{layout.user}", layout.storage / "config", load(MailRelay)
    relay = Relay(mail.host, mail.port, mail.user, mail.password.get_secret_value(), mail.security)
    password, salt = unsealed(taken.instance.name, "database"), ssh.run(application.salt_line(layout)).out.strip()
    have = {
        name: ssh.run(as_user(read_if_there(folder / name), layout.user)).out
        for name in ("choices.ini.php", "driver.mysql.ini.php")
    }
    new = instance_choices(customer.language, relay, PROVIDER, online=True)
    files = {
        "choices.ini.php": live_choices(have["choices.ini.php"], new),
        "driver.mysql.ini.php": with_database(have["driver.mysql.ini.php"], taken.layout.database, password),
    }
    hidden = (password, relay.password, salt)
    for name, content in files.items():
        ssh.run(as_user(ensure_file(folder / name, content, own, "600", secrets=hidden), layout.user))
    ssh.run(ensure_file(layout.settings, ini({"auth": {"system_salt": salt}}), own, "600", secrets=hidden))
    return True


@step
def take_draft(server: ServerFacts, draft: Draft, taken: TakenOver) -> bool:
    """The draft's tables and folder where those of a restore wait; its own places are empty then."""
    ssh, changed = load(SshHost).connection(server), False
    with mariadb_of(ssh) as database:
        tables = sorted(names_of(database, draft.layout.database))
        if tables:  # all of them go at once, so that what waits there already is of something else
            database.rows(mariadb.drop_database(taken.new_database))
            database.rows(mariadb.create_database(taken.new_database))
            database.rows(replacing.rename_tables(draft.layout.database, taken.new_database, tables))
            changed = True
    if ssh.ask(replacing.is_there(draft.layout.data)).exit_code == 0:
        ssh.run(replacing.drop_folders(taken.work))
    uids = draft.layout.uid, InstanceLayout.of(taken.instance).uid
    return ssh.run(importing.take_draft(draft.layout.data, taken.data, *uids)).changed or changed


def close_for_import(server: ServerFacts, instance: InstanceFacts) -> Done:
    """The instance answers with a page that says why it is closed."""
    return ensure_closed(server, instance, german=GERMAN, english=ENGLISH)


@reading
def record_live(order: ImportFacts, evidence: dict[str, Any]) -> ImportFacts:
    """It is in its place, open and proven."""
    return in_transaction(inventory(), lambda session: imports.record_live(session, order.id, evidence, now()))


@reading
def record_not_live(order: ImportFacts, why: str) -> ImportFacts:
    """The old state is back in its place; what did not pass lies aside for who looks for the reason."""
    return in_transaction(inventory(), lambda session: imports.call_off(session, order.id, deeds.SERVICE, why, now()))


@reading
def begin_undoing(order: ImportFacts, by: str, why: str) -> tuple[ImportFacts, TakenOver]:
    """The import on its way back, and what it has replaced, to be put back; raises as `imports.begin_undoing`."""

    def begin(session: Session) -> tuple[ImportFacts, TakenOver]:
        begun = imports.begin_undoing(session, order.id, by, why, now())
        return begun, taken_over(session, begun)

    return in_transaction(inventory(), begin)


@step
def take_back(server: ServerFacts, taken: TakenOver) -> bool:
    """The old state in its place again, of an import that may not have come all the way; its tables that wait go."""
    ssh = load(SshHost).connection(server)
    replaced = any(ssh.ask(replacing.is_there(one)).exit_code == 0 for one in (taken.aside, taken.failed))
    changed = put_back.fn(server, taken).changed if replaced else False
    with mariadb_of(ssh) as database:
        names = taken.layout.database, taken.old_database, taken.failed_database
        changed |= swap_tables(database, *names, taken.tables_before)
        database.rows(mariadb.drop_database(taken.new_database))
    return ssh.run(replacing.drop_folders(taken.work)).changed or changed


@reading
def record_undone(order: ImportFacts, taken: TakenOver) -> ImportFacts:
    """The old state is in its place again, with its release."""

    def undo(session: Session) -> ImportFacts:
        instances.record_release(session, order.instance, taken.instance.release.id, now())
        return imports.record_undone(session, order.id, now())

    return in_transaction(inventory(), undo)


@reading
def read_old_imports() -> list[ImportFacts]:
    """Imports that are over for so many days that what they laid aside may go."""
    with inventory().reading() as session:
        days = {name: terms.restored_aside_days for name, terms in levels.terms_of_instances(session, now()).items()}
        return [
            one for one in imports.with_something_aside(session)
            if one.ended_at and (now() - one.ended_at).days >= days[one.instance]
        ]  # fmt: skip


@reading
def read_left(order: ImportFacts) -> tuple[ServerFacts, TakenOver]:
    """Where what an import laid aside lies."""
    with inventory().reading() as session:
        return servers.server_facts(session, order.server), taken_over(session, order)


@reading
def record_left_gone(order: ImportFacts) -> None:
    """Nothing of it is left."""
    in_transaction(inventory(), lambda session: imports.record_aside_gone(session, order.id, now()))
