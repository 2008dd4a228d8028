"""The draft built from what was read: tables and files, settings converted, migrated, counted (P33, P34).

Everything begins anew with each run: what a run before left of it was cleared (`drafts.clear_draft`).
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.mariadb_server import MariadbServer, mariadb_of
from blocks.ssh_host import SshHost
from hosting.commands import accounts, importing, mariadb, replacing, updating
from hosting.commands.command import as_user
from hosting.commands.files import ensure_file, read_if_there
from hosting.errors import StepFailed
from hosting.policy.findings import shown
from hosting.policy.import_conditions import short_of_room
from hosting.policy.import_left import left_while_building
from hosting.policy.import_rules import refused
from hosting.policy.quota import FREE_MIB_LEAST, MIB
from hosting.policy.terms import GIB
from hosting.product.accounts import digest, table
from hosting.product.conversion import choices_with
from hosting.product.layout import CUSTOMER_ADMIN, ROOT_ADMIN, TABLE_PREFIX, InstanceLayout
from hosting.product.named_files import named_files
from hosting.product.poison import POISONS
from hosting.product.settings import config_choices, ini, neutral_autoupdate, of_a_copy, with_database
from tasks.application import ask_php, have_group_made
from tasks.databases import ensure_database_and_user
from tasks.import_fetching import NotTaken
from tasks.import_readers import JOB_MEMORY
from tasks.import_reading import booked_for, choices_of_new, terms_of, told_of
from tasks.jobs import end_job, run_job
from tasks.progress import progress_of
from tasks.records import unsealed
from tasks.restoring import names_of
from tasks.step import reading, step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hosting.policy.values import OrderFacts, ServerFacts
    from hosting.product.old_installation import Found
    from tasks.drafts import Draft

BUILD_SECONDS = 4 * 3600.0
COUNTED = (
    "user", "profiles", "email_folders", "email_index", "calendar_events", "calendar_tasks", "adb_adr",
    "bookmarks_item", "rss_feed", "files_index",
)  # fmt: skip
"""Tables whose rows a report tells before and after."""

NAMED_MOST = 100


@reading
def fill_draft(server: ServerFacts, draft: Draft, found: Found) -> dict[str, Any]:
    """The product's tables of the dump with all their rows, and users' mails, files and pictures, side by side.

    What isn't the product's stays behind: tables, programs, caches, settings. It begins with an empty database.

    Raises:
        NotTaken: the dump is not the one that was looked through, or its rows take more than is booked.
        JobComplained: MariaDB does not take a statement.
        StepFailed: rows are missing.
    """
    assert found.dump is not None  # noqa: S101  # decided on before
    dump, password, name = found.dump, secrets.token_hex(16), draft.layout.database
    end_job(server, draft.job)
    with mariadb_of(load(SshHost).connection(server)) as database:
        known = {table.removeprefix(f"{TABLE_PREFIX}_") for table in names_of(database, _origin(draft).database)}
        database.rows(mariadb.drop_database(name))
        ensure_database_and_user(database, draft.layout, password)
    wanted = sorted(known & set(dump.tables))
    request = {
        "folder": str(draft.place), "user": draft.layout.user, "dump": dump.path, "survey": dict(dump.survey),
        "section": dump.section, "prefix": dump.prefix, "new_prefix": TABLE_PREFIX, "tables": wanted,
        "database": name, "password": password,
        "most_bytes": booked_for(draft).pool_gib * GIB, "free_bytes": FREE_MIB_LEAST * MIB,
        "root": found.tree.root, "base": found.base, "config": found.config, "storage": str(draft.layout.storage),
    }  # fmt: skip
    told = _job(server, draft, "fill-draft", request)
    with mariadb_of(load(SshHost).connection(server)) as database:
        for bare in wanted:
            have = int(database.value(importing.count_rows(name, bare)))
            if have != dump.rows(bare):
                message = f"{have} of {dump.rows(bare)} rows of {bare} were loaded into {draft.facts.name}."
                raise StepFailed(message, "Look at the export's keys: rows with the same number may be in it.")
    left = sorted(set(dump.tables) - known)
    findings = told_of(left_while_building(left, told["files"]))
    return {"rows": told["rows"], "tables_left": left, "files": told["files"], "findings": findings}


@step
def write_draft_settings(server: ServerFacts, draft: Draft, found: Found, customer: OrderFacts) -> bool:
    """Settings built anew from accepted values, with the old salt; mail is sent to nobody (P34)."""
    ssh, layout, password = load(SshHost).connection(server), draft.layout, secrets.token_hex(16)
    origin, own, folder = _origin(draft), f"{layout.user}:{layout.user}", layout.storage / "config"
    driver = ssh.run(as_user(read_if_there(origin.storage / "config/driver.mysql.ini.php"), origin.user)).out
    files = {
        "choices.ini.php": of_a_copy(choices_with(choices_of_new(customer.language), found.conversion)),
        "driver.mysql.ini.php": with_database(driver, layout.database, password),
        "config.choices.ini.php": config_choices(customer.language, found.administration),
        "autoupdate.ini.php": neutral_autoupdate(),
        **({"active_handlers.ini.php": ini(found.parts)} if found.parts else {}),
    }
    salt = ini({"auth": {"system_salt": found.conversion.salt}})
    ssh.run(ensure_file(layout.settings, salt, own, "600", secrets=(found.conversion.salt,)))
    for name, content in files.items():
        ssh.run(as_user(ensure_file(folder / name, content, own, "600", secrets=(password,)), layout.user))
    with mariadb_of(ssh) as database:
        ensure_database_and_user(database, layout, password)
    return True


@reading
def neutralise(server: ServerFacts, draft: Draft) -> dict[str, int]:
    """Rows that would act on the server don't any more; how many of each kind, by its code (P34)."""
    found: dict[str, int] = {}
    name = draft.layout.database
    with mariadb_of(load(SshHost).connection(server)) as database:
        there: dict[str, set[str]] = {}
        for bare, column in database.rows(importing.columns(name)):
            there.setdefault(str(bare), set()).add(str(column))
        for poison in (one for one in POISONS if importing.can_act(one, there)):
            count = int(database.value(importing.poisoned(name, poison)))
            if count:
                database.rows(importing.neutralise(name, poison))
                found[poison.why.code] = found.get(poison.why.code, 0) + count
    return found


@step
def migrate_draft(server: ServerFacts, draft: Draft) -> bool:
    """The release's own migration, by the draft's pool: own user, own database, no network (phlymail.md section 5).

    Raises:
        StepFailed: it did not come to its end with this installation's data.
    """
    ssh, layout = load(SshHost).connection(server), draft.layout
    ssh.run(updating.place_run_once(layout.unpacked, layout.code, layout.user))
    answer = ask_php(ssh, layout, "config.php", "")
    gone = ssh.ask(updating.run_once_is_gone(layout.code)).exit_code == 0
    said = answer.body.lstrip()
    if answer.status != HTTPStatus.OK or not said.startswith("<") or not gone:
        message = f"The migration of {draft.order.instance}'s old installation broke (it answered {answer.status})."
        do = f"Look at {layout.log} on {server.name}, then run again, or call the import off."
        raise StepFailed(message, do, last_lines="" if said.startswith("<") else shown(said))
    return True


@reading
def ensure_administrators(
    server: ServerFacts, draft: Draft, found: Found, customer: OrderFacts
) -> dict[str, Any]:  # fmt: skip
    """Our administrator with his own password; the old ones are the customer's from now on: users, groups, quotas.

    Returns:
        The old ones' `names`, and whether the customer's own is among them, whose password goes on working.
    """
    name, salt = draft.layout.database, found.conversion.salt
    digested = digest(ROOT_ADMIN, salt, unsealed(draft.origin.name, "root_admin"))
    with mariadb_of(load(SshHost).connection(server)) as database:
        names = [_text(row[0]) for row in database.rows(importing.administrators(name))]
        database.run(importing.demote_administrators(name, digested))
        kept = bool(database.rows(accounts.find_admin(name, CUSTOMER_ADMIN)))
        if not kept:
            database.rows(accounts.add_customer_admin(name, customer.email, secrets.token_hex(16)))
    return {"names": [one for one in names if one != ROOT_ADMIN], "password_kept": kept}


@step
def ensure_draft_group(server: ServerFacts, draft: Draft) -> bool:
    """The group with all permissions, with all users in it, where the old installation knew of none (series 3)."""
    ssh, layout = load(SshHost).connection(server), draft.layout
    with mariadb_of(ssh) as database:
        if database.value(accounts.count_group_permissions(layout.database)):
            return False
        database.run(accounts.clear_groups(layout.database))
        have_group_made(ssh, layout, unsealed(draft.origin.name, "root_admin"))
        if not database.value(accounts.count_group_permissions(layout.database)):
            message = f"The product made no default group in {draft.facts.name}."
            raise StepFailed(message, f"Look at {layout.log}, then run again.")
    return True


@reading
def count_draft(server: ServerFacts, draft: Draft, found: Found) -> dict[str, Any]:
    """What the draft holds: rows beside those of the dump, files, what the database names and isn't there, passwords.

    Raises:
        NotTaken: it takes more than is booked, once it stands.
        StepFailed: it does not answer as an instance does.
    """
    assert found.dump is not None  # noqa: S101  # decided on before
    ssh, name = load(SshHost).connection(server), draft.layout.database
    request = {"data": str(draft.layout.data), "database": name, "named": named_files(name)}
    files = _job(server, draft, "count-installation", request)
    measured = replace(found.old, files_bytes=int(files["bytes"]), database_bytes=int(files["database_bytes"]))
    if short := short_of_room(measured, booked_for(draft), terms_of(draft.order)):
        raise NotTaken(short)
    with mariadb_of(ssh) as database:
        rows = [
            {"what": bare, "before": found.dump.rows(bare), "after": _rows(database, name, bare)} for bare in COUNTED
        ]
        without = [_text(row[0]) for row in database.rows(importing.users_without_password(name))]
        unsure = [_text(row[0]) for row in database.rows(importing.user_names(name))]
    status = ask_php(ssh, draft.layout, "api.php", "").status
    if status != HTTPStatus.UNAUTHORIZED:
        message = f"The draft {draft.facts.name} answers {status} where an open instance asks for a password."
        raise StepFailed(message, f"Look at {draft.layout.log} on {server.name}, then run again.")
    reset = without if not found.conversion.extauth else ["*"]
    return {"rows": rows, "files": dict(files), "reset": reset[:NAMED_MOST], "unsure": unsure[:NAMED_MOST]}


def _job(server: ServerFacts, draft: Draft, work: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """A job on the draft; what a reader refuses is for the customer.

    Raises:
        NotTaken: a reader does not take what came.
    """
    end_job(server, draft.job)
    with progress_of(f"import-{draft.order.instance}", draft.order.instance) as told:
        found = run_job(server, draft.job, work, request, seconds=BUILD_SECONDS, told=told, memory=JOB_MEMORY)
    if "refused" in found:
        raise NotTaken((refused(found["refused"]["code"], found["refused"]["facts"]),))
    return found


def _rows(database: MariadbServer, name: str, bare: str) -> int:
    """The rows of a table; 0 where the release has none of this name."""
    if table(bare) not in {str(row[0]) for row in database.rows(replacing.tables_of(name))}:
        return 0
    return int(database.value(importing.count_rows(name, bare)))


def _origin(draft: Draft) -> InstanceLayout:
    """The booked instance's places."""
    return InstanceLayout.of(draft.origin)


def _text(value: object) -> str:
    """A name as it may be shown; the database keeps it as bytes."""
    return shown(value.decode(errors="replace") if isinstance(value, bytes) else str(value))
