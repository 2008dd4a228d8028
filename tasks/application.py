"""The product in an instance: release, code, installation, settings, administrators (phlymail.md sections 2 to 4)."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from blocks.loading import load
from blocks.mail_relay import MailRelay
from blocks.mariadb_server import MariadbServer, mariadb_of
from blocks.object_store import ObjectStore
from blocks.ssh_host import SshHost
from hosting.commands import accounts, application, mariadb
from hosting.commands.command import as_user, masked
from hosting.commands.fastcgi import PhpAnswer, parse_answer, request
from hosting.commands.files import ensure_file, ensure_link, read_if_there
from hosting.errors import DriftFound, StepFailed
from hosting.policy.states import InstanceState
from hosting.product.accounts import digest
from hosting.product.layout import CUSTOMER_ADMIN, ROOM_FILE, ROOT_ADMIN, InstanceLayout
from hosting.product.releases import object_key
from hosting.product.settings import (
    Relay,
    config_choices,
    installer_form,
    instance_choices,
    neutral_autoupdate,
    with_product_state,
)
from hosting.templates import render
from tasks.databases import ensure_database_and_user
from tasks.records import unsealed
from tasks.step import step

if TYPE_CHECKING:
    from blocks.ssh_connection import SshConnection
    from hosting.policy.values import InstanceFacts, OrderFacts, ServerFacts

PROVIDER = "phlyMail"
FROM_STORE = "See that the release's archive is in the object store (phm release add), then run again."
SESSION = re.compile(r"PHPSESSID=([-,A-Za-z0-9]+)")


@step
def ensure_release(server: ServerFacts, instance: InstanceFacts) -> bool:
    """The instance's release unpacked on the server, fetched from the object store and checked by its sum."""
    ssh = load(SshHost).connection(server)
    if ssh.ask(application.has_release(instance.release)).exit_code == 0:
        return False
    link = load(ObjectStore).link(object_key(instance.release))
    return ssh.run(application.ensure_release(instance.release, link), FROM_STORE).changed


@step
def ensure_application(server: ServerFacts, instance: InstanceFacts) -> bool:
    """The instance's tree of its release with the hoster's hook in it, and the link by which a release is switched."""
    ssh = load(SshHost).connection(server)
    layout = InstanceLayout.of(instance)
    hook = ensure_file(layout.hook, render("php/SystemProvisioning.php.j2", room_file=ROOM_FILE))
    link = ensure_link(layout.current, layout.release.folder)
    return any(answer.changed for answer in ssh.run_in_a_row(application.ensure_code(layout), hook, link))


@step
def ensure_installed(server: ServerFacts, instance: InstanceFacts, order: OrderFacts) -> bool:
    """The product installed through its own installer, its run-once script consumed.

    A broken installation of an instance that was never open is taken away and made anew: the installer
    would give it another salt and leave an administrator who can't log in.
    """
    ssh = load(SshHost).connection(server)
    layout = InstanceLayout.of(instance)
    with mariadb_of(ssh) as database:
        left = set(ssh.run(application.installation_facts(layout)).out.split())
        if left == {"salt"} and _has_root_admin(database, layout):
            return False
        if instance.state is not InstanceState.RESERVED:
            message = f"The open instance {instance.name} shows an unfinished installation ({', '.join(sorted(left))})."
            raise DriftFound(message, "Nothing was touched; look at its code folder and database.")
        password = unsealed(instance.name, "database")
        if database.value(mariadb.count_tables(layout.database)):
            database.rows(mariadb.drop_database(layout.database))
            ensure_database_and_user(database, layout, password)
        ssh.run(application.prepare_installation(layout))
        _run_installer(ssh, layout, order.language, password, unsealed(instance.name, "root_admin"))
        ask_php(ssh, layout, "config.php", "")  # consumes the run-once script
        left = set(ssh.run(application.installation_facts(layout)).out.split())
        if left != {"salt"} or not _has_root_admin(database, layout):
            message = f"Release {instance.release.version} was not installed wholly on {server.name}."
            raise StepFailed(
                message,
                "Look at the instance's PHP log, then run again: it begins anew.",
                last_lines=", ".join(sorted(left)),
            )
    return True


def _has_root_admin(database: MariadbServer, layout: InstanceLayout) -> bool:
    """Whether our own administrator is in the instance's database."""
    if not database.value(mariadb.count_tables(layout.database)):
        return False
    return bool(database.rows(accounts.find_admin(layout.database, ROOT_ADMIN)))


def _run_installer(
    ssh: SshConnection, layout: InstanceLayout, language: str, password: str, admin_password: str
) -> None:
    """Post the installer's form to the instance's own pool, before it has a site.

    Raises:
        StepFailed: the installer did not say that it succeeded.
    """
    form = installer_form(language, layout.database, password, ROOT_ADMIN, admin_password)
    answer = ask_php(ssh, layout, "installer.php", "save=1&WPInstLang=en", form=form, hide=(password, admin_password))
    if answer.status != 200 or answer.body.count("SUCCESS") < 2:  # noqa: PLR2004  # HTTP's and the installer's own signs
        plain = masked(re.sub(r"<[^>]+>|\s+", " ", answer.body), (password, admin_password))
        said = plain[:200].strip() or "nothing"
        message = f"The product's installer answered {answer.status} on {ssh.server.name}."
        raise StepFailed(message, "Look at the instance's PHP log, then run again: it begins anew.", last_lines=said)


def ask_php(
    ssh: SshConnection,
    layout: InstanceLayout,
    path: str,
    query: str,
    *,
    form: dict[str, str] | None = None,
    cookie: str = "",
    hide: tuple[str, ...] = (),
) -> PhpAnswer:
    """Ask a PHP file of the instance through its pool; raises as `SshConnection.run`."""
    body = urlencode(form).encode() if form else b""
    return parse_answer(
        ssh.run(request(layout.socket, layout.current, path, query, form=body, cookie=cookie, secrets=hide)).out
    )


@step
def ensure_settings(server: ServerFacts, instance: InstanceFacts, order: OrderFacts) -> bool:
    """The settings that win over all others: safe by construction, own update neutralised, users may log in."""
    ssh = load(SshHost).connection(server)
    layout = InstanceLayout.of(instance)
    mail = load(MailRelay)
    relay = Relay(mail.host, mail.port, mail.user, mail.password.get_secret_value(), mail.security)
    own, secret = f"{layout.user}:{layout.user}", (relay.password,)
    folder = layout.storage / "config"
    have = ssh.run(as_user(read_if_there(folder / "choices.ini.php", secret), layout.user)).out
    wanted = instance_choices(order.language, relay, PROVIDER, online=True)
    files = {
        "choices.ini.php": with_product_state(wanted, have),
        "autoupdate.ini.php": neutral_autoupdate(),
        "config.choices.ini.php": config_choices(order.language),
    }
    commands = (
        as_user(ensure_file(folder / name, content, own, "600", secrets=secret), layout.user)
        for name, content in files.items()
    )
    return any(answer.changed for answer in ssh.run_in_a_row(*commands))


@step
def ensure_default_group(server: ServerFacts, instance: InstanceFacts) -> bool:
    """The group with all permissions, made by the product's administration: without it users may do nothing."""
    ssh = load(SshHost).connection(server)
    layout = InstanceLayout.of(instance)
    with mariadb_of(ssh) as database:
        if database.value(accounts.count_group_permissions(layout.database)):
            return False
        database.run(accounts.clear_groups(layout.database))
        have_group_made(ssh, layout, unsealed(instance.name, "root_admin"))
        if not database.value(accounts.count_group_permissions(layout.database)):
            raise StepFailed(
                f"The product made no default group in {instance.name}.",
                "Look at the instance's PHP log, then run again.",
            )
    return True


def have_group_made(ssh: SshConnection, layout: InstanceLayout, password: str) -> None:
    """What makes the group is asked for; raises as `in_administration`."""
    in_administration(ssh, layout, password, "action=home&fixgroups=1")


def in_administration(ssh: SshConnection, layout: InstanceLayout, password: str, wish: str) -> int:
    """Log in to the product's administration as ours, ask for one thing, and log out; the status of its answer.

    Raises:
        StepFailed: our administrator can't log in.
    """
    found = SESSION.search(ask_php(ssh, layout, "config.php", "").body)
    query = f"PHPSESSID={found[1]}" if found else ""
    answer = ask_php(ssh, layout, "config.php", query, form={"user": ROOT_ADMIN, "pass": password}, hide=(password,))
    if answer.status != 302:  # noqa: PLR2004  # the product's sign of a login
        message = f"Our administrator can't log in to {layout.name} (the administration answered {answer.status})."
        raise StepFailed(message, "Look at the instance's PHP log, then run again.")
    cookie = answer.headers.get("set-cookie", "").partition(";")[0]
    status = ask_php(ssh, layout, "config.php", f"{query}&{wish}", cookie=cookie).status
    ask_php(ssh, layout, "config.php", f"{query}&action=logout", cookie=cookie)
    return status


@step
def ensure_customer_administrator(server: ServerFacts, instance: InstanceFacts, order: OrderFacts) -> bool:
    """The customer's administrator, for users, groups and quotas; no login until he sets a password."""
    ssh = load(SshHost).connection(server)
    layout = InstanceLayout.of(instance)
    with mariadb_of(ssh) as database:
        if database.rows(accounts.find_admin(layout.database, CUSTOMER_ADMIN)):
            return False
        database.rows(accounts.add_customer_admin(layout.database, order.email, secrets.token_hex(16)))
    return True


@step
def ensure_sealed(server: ServerFacts, instance: InstanceFacts) -> bool:
    """Installer and run-once script gone, code that PHP can't write, folders for downloaded code closed."""
    return load(SshHost).connection(server).run(application.seal(InstanceLayout.of(instance))).changed


def set_customer_password(server: ServerFacts, instance: InstanceFacts, password: str) -> None:
    """Set the password of the customer's administrator; the password itself never leaves this process.

    Raises:
        Unreachable: the server or its database does not answer.
        DriftFound: the instance has no salt or no such administrator.
    """
    with load(SshHost).own_connection(server) as ssh:
        layout = InstanceLayout.of(instance)
        salt = ssh.run(application.salt_line(layout)).out.strip()
        with mariadb_of(ssh) as database:
            if not salt or not database.rows(accounts.find_admin(layout.database, CUSTOMER_ADMIN)):
                raise DriftFound(
                    f"{instance.name} has no salt or no customer's administrator.", "Run its set-up again."
                )
            database.rows(
                accounts.set_admin_password(layout.database, CUSTOMER_ADMIN, digest(CUSTOMER_ADMIN, salt, password))
            )
