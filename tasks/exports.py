"""Exports on their way: whose data, each archive written by its server into the store, withdrawn in time (P41)."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_markdown_artifact

from blocks.backup_store import BackupStore
from blocks.loading import load
from blocks.mariadb_server import mariadb_of
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from hosting.commands import exporting
from hosting.commands.application import AUTHORITIES
from hosting.errors import Refused
from hosting.inventory import exports, work
from hosting.inventory.deeds import SERVICE
from hosting.inventory.session import in_transaction
from hosting.policy.attempts import HELD_AGAIN_AFTER
from hosting.policy.exports import ArchiveFacts, ExportFacts, parts_for, withdrawn_at
from hosting.policy.states import WorkState
from hosting.product.layout import TABLE_PREFIX, InstanceLayout
from tasks.export_program import exporter
from tasks.jobs import JobComplained, end_job, left_result, run_job
from tasks.progress import progress_of
from tasks.records import inventory, now, read_terms, unsealed
from tasks.step import reading, run_logger, step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hosting.policy.values import InstanceFacts, ServerFacts

EXPORT_SECONDS = 10 * 3600.0
"""One user's archive is written within."""

MEMORY_MIB = 256
"""Of exporter and sender beside the parts that they hold; the archive's size changes nothing of it."""

MIB = 2**20
ZIP = "application/zip"
SOCKET = "--socket=/run/mysqld/mysqld.sock"
USER_GONE = "gone"


GIVES_WAY_SECONDS = 300.0
"""So long an export waits between two users for what can't wait for all of them; that tries each half minute."""

GIVES_WAY_TO = frozenset({work.RESUME, work.END_CONTRACT})


class NoSuchUser(Refused):
    """The instance has no user of this name."""


@dataclass(frozen=True)
class Whose:
    """A user of the instance."""

    uid: int
    name: str


@reading
def read_export(number: int) -> ExportFacts:
    """An export as the inventory knows it."""
    with inventory().reading() as session:
        return exports.export_facts(session, number)


@reading
def ask_for_export(wish: exports.ExportWish, by: str) -> ExportFacts:
    """The export is on record; one that is under way for the same is taken up. Raises as `exports.ask`."""
    return in_transaction(inventory(), lambda session: exports.ask(session, wish, by, now()))


@reading
def read_users(server: ServerFacts, instance: InstanceFacts, only_user: str) -> list[Whose]:
    """Whose data are exported.

    Raises:
        NoSuchUser: nobody is called so.
    """
    database = InstanceLayout.of(instance).database
    with mariadb_of(load(SshHost).connection(server)) as mariadb:
        found = [Whose(int(uid), _text(name)) for uid, name in mariadb.rows(exporting.list_users(database))]
        left = int(mariadb.value(exporting.left_of_deleted(database)) or 0)
    if left:
        run_logger().info(
            "%s: %d events and tasks of deleted users are nobody's, and not exported", instance.name, left
        )
    wanted = [one for one in found if only_user in {"", one.name}]
    if only_user and not wanted:
        names = ", ".join(one.name for one in found) or "none"
        raise NoSuchUser(f"{instance.name} has no user {only_user!r}.", f"Its users: {names}.")
    return wanted


def give_way(instance: InstanceFacts) -> None:
    """Leave the instance to who pays or leaves, if such work is due: it gets the lease between two users."""
    until = time.monotonic() + GIVES_WAY_SECONDS
    while is_waited_for(instance.name) and time.monotonic() < until:
        time.sleep(1.0)


def is_waited_for(instance: str) -> bool:
    """Whether work is due, or soon, that an export is not to keep waiting."""
    soon = now() + HELD_AGAIN_AFTER
    with inventory().reading() as session:
        waiting = work.work_in(session, WorkState.OPEN, WorkState.DISPATCHED)
    own = (f"{instance}@", f"{instance}#")
    urgent = (one for one in waiting if one.kind in GIVES_WAY_TO and one.due_at <= soon)
    return any(one.subject.startswith(own) for one in urgent)


@reading
def make_archive(server: ServerFacts, instance: InstanceFacts, order: ExportFacts, whose: Whose) -> ArchiveFacts:
    """One user's archive in the store, whole; what a killed run had sent is taken up.

    Raises:
        Unreachable: server, database or store do not answer; tried again.
        JobComplained: it can't be written; says why.
        DriftFound: the store does not hold what was sent.
    """
    key, job = f"{order.prefix}{whose.uid}.zip", f"export-{instance.name}"
    told = left_result(server, job)
    if told is None or told.get("key") != key:
        end_job(server, job)
        told = _sent(server, instance, whose, key)
    if USER_GONE in told:
        return ArchiveFacts(whose.uid, whose.name, skipped="The user was deleted before.")
    load(BackupStore).parts.join(key, told["upload"], told["tags"], told["bytes"])
    return ArchiveFacts(
        whose.uid, whose.name, key=key, bytes=told["bytes"], sha256=told["sha256"], counts=told["counts"],
        missing=told["missing"], imap_folders=told["imap_folders"],
    )  # fmt: skip


def _sent(server: ServerFacts, instance: InstanceFacts, whose: Whose, key: str) -> Mapping[str, Any]:
    """What the server's job tells when all parts are in the store."""
    store, parts = load(BackupStore), parts_for(instance.storage_gib)
    store.remove_object(key)  # parts that a killed run has left there
    upload = store.parts.begin(key, parts.number, ZIP)
    layout = InstanceLayout.of(instance)
    trusts = store.authorities_pem or load(ServiceSettings).authorities_pem
    request = {
        "key": key,
        "program": base64.b64encode(exporter()).decode(),
        "unix_user": layout.user,
        "storage": str(layout.storage),
        "uid": whose.uid,
        "instance": instance.name,
        "now": now().isoformat(),
        "client": [SOCKET],
        "user": layout.database,
        "password": unsealed(instance.name, "database"),
        "database": layout.database,
        "prefix": TABLE_PREFIX,
        "upload": upload.id,
        "parts": upload.addresses,
        "part_bytes": parts.bytes,
        "authorities": AUTHORITIES if trusts else "",
    }
    memory = f"{MEMORY_MIB + 4 * parts.bytes // MIB}M"
    try:
        with progress_of(f"export-{instance.name}", f"{instance.name}, user {whose.uid}") as told:
            return run_job(
                server, f"export-{instance.name}", "give-out", request, seconds=EXPORT_SECONDS, told=told, keep=True,
                memory=memory,
            )  # fmt: skip
    except JobComplained as error:
        if error.kind != USER_GONE:
            raise
        return {USER_GONE: True}


@reading
def record_archive(server: ServerFacts, instance: InstanceFacts, order: ExportFacts, made: ArchiveFacts) -> ExportFacts:
    """The archive is on record; then its job's word on the server is not needed any more."""
    facts = in_transaction(inventory(), lambda session: exports.record_archive(session, order.id, made))
    end_job(server, f"export-{instance.name}")
    return facts


@reading
def record_ready(order: ExportFacts) -> ExportFacts:
    """All archives are there; when they are withdrawn follows from the contract's terms."""
    at = now()
    ends = withdrawn_at(at, read_terms.fn(order.instance))
    return in_transaction(inventory(), lambda session: exports.record_ready(session, order.id, ends, at))


@reading
def record_told(order: ExportFacts) -> None:
    """The customer has the link; nothing is left to do."""
    in_transaction(inventory(), lambda session: exports.record_told(session, order.id))


@reading
def read_ended_exports() -> list[ExportFacts]:
    """The exports whose time is over; one that nobody brought to its end in that time is called off by it."""
    with inventory().reading() as session:
        left = exports.unfinished(session)
    for one in left:
        if withdrawn_at(one.asked_at, read_terms.fn(one.instance)) <= now():
            call_off = partial(
                exports.call_off, number=one.id, by=SERVICE, why="It was not finished in time.", now=now()
            )
            in_transaction(inventory(), call_off)
    with inventory().reading() as session:
        return exports.ended(session, now())


@step
def withdraw_export(order: ExportFacts) -> bool:
    """Nothing of an export is left in the store, no version and no part; then its record says so.

    Raises:
        DriftFound: the store still has something of it.
        Unreachable: the store does not answer.
    """
    found = load(BackupStore).remove(order.prefix)
    told = {"objects": found.objects, "versions": found.versions, "bytes": found.bytes}
    in_transaction(inventory(), lambda session: exports.record_withdrawn(session, order.id, told, now()))
    return True


@reading
def show_export(order: ExportFacts) -> None:
    """What was written, as an artifact of the run."""
    lines = ["| user | MiB | mails | contacts | events | files | missing | SHA-256 |", "| --- " * 8 + "|"]
    for one in order.archives:
        counts = [str(one.counts.get(kind, 0)) for kind in ("mails", "contacts", "events", "files")]
        what = [str(one.uid), f"{one.bytes / MIB:.1f}", *counts, str(one.missing), one.skipped or f"`{one.sha256}`"]
        lines.append(f"| {' | '.join(what)} |")
    create_markdown_artifact(
        key=f"export-{order.instance}-{order.id}", description=f"Export {order.id} of {order.instance}",
        markdown="\n".join(lines),
    )  # fmt: skip


def sentence_of(order: ExportFacts) -> str:
    """How an export stands, in a sentence."""
    made = [one for one in order.archives if not one.skipped]
    size, missing = sum(one.bytes for one in made), sum(one.missing for one in made)
    return (
        f"Export {order.id} of {order.instance}: {len(made)} archives, {size / MIB:.1f} MiB, {missing} things missing."
    )


def looked_at(order_instance: str, users: Sequence[Whose]) -> str:
    """What an export would hold, in a sentence."""
    names = ", ".join(one.name for one in users) or "none"
    return f"{order_instance}: an archive for each of {len(users)} users ({names}); nothing was written."


def _text(name: Any) -> str:
    """A user's name, which the product keeps as bytes."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
