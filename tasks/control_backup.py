"""The control machine's own backup: all that it can't make anew, to be read by the escrow key's holder alone."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from blocks.backup_store import BackupStore
from blocks.envelope import envelope
from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.errors import ServiceError
from hosting.inventory import cases
from hosting.inventory.cases import CONTROL_NOT_BACKED_UP
from hosting.inventory.control_archive import ControlArchive, pack
from hosting.inventory.deeds import SERVICE
from hosting.inventory.portable import take_rows
from hosting.inventory.session import in_transaction
from hosting.policy.control_backups import KEPT, droppable, key_at
from hosting.policy.store_rights import CONTROL
from hosting.settings import SETTINGS_FILE, home
from tasks.escrow import escrow, problems
from tasks.letters import local
from tasks.records import inventory, now
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

SUBJECT = "control machine"


class NotReadBack(ServiceError):
    """The store has something else than what was just put there."""


@dataclass(frozen=True)
class ControlBackup:
    """One backup of the control machine in the store.

    Args:
        key: its name there.
        bytes: its size.
        rows: of the inventory, in all its tables.
        problems: what could not be opened or read on the way, in sentences.
    """

    key: str
    bytes: int
    rows: int
    problems: tuple[str, ...]


@reading
def store_control_backup() -> ControlBackup:
    """Settings, inventory, own name lists and the way to every backup, encrypted, in the store, read back and compared.

    Raises:
        ServiceError: no escrow certificate; no settings file here.
        Unreachable: inventory or store do not answer.
    """
    store, at = load(BackupStore), now()
    revision, rows = take_rows(inventory())
    way = escrow()
    lists, unread = _name_lists()
    archive = ControlArchive(at.isoformat(), revision, _settings(), rows, way, lists)
    content = envelope(pack(archive, at), store.escrow_certificate_pem)
    store.ensure_ready()
    store.put_bytes(key_at(at), content)
    if store.get_bytes(key_at(at)) != content:
        raise NotReadBack(f"The store does not give {key_at(at)} back as it was put.", "Look at the store.")
    lines = sum(table.count(b"\n") for table in rows.values())
    return ControlBackup(key_at(at), len(content), lines, (*problems(way), *unread))


@reading
def drop_old_control_backups() -> list[str]:
    """Those that are older than they are kept are removed, all versions; their names."""
    store = load(BackupStore)
    old = droppable([found.key for found in store.objects(f"{CONTROL}/")], now())
    for key in old:
        store.remove_object(key)
    return old


@reading
def report_control_backup(made: ControlBackup, dropped: Sequence[str]) -> None:
    """What was stored and dropped, as an artifact of the run; what could not be opened is a warning."""
    for problem in made.problems:
        run_logger().warning("%s", problem)
    create_markdown_artifact(
        key="control-backup",
        description=f"Backup of the control machine, {local(now())}",
        markdown=f"""| | |
| --- | --- |
| Stored | `{made.key}` |
| Bytes | {made.bytes} |
| Rows of the inventory | {made.rows} |
| What could not be opened or read | {len(made.problems)} |
| Dropped, older than {KEPT.days} days | {len(dropped)} |
""",
    )


@contextlib.contextmanager
def telling_control_failure() -> Iterator[None]:
    """A backup that fails is put before a person, once; the case is settled when a later one is good."""
    try:
        yield
    except ServiceError as error:
        said = str(error)
        with contextlib.suppress(ServiceError):  # an inventory that does not answer: the failed run has to do
            in_transaction(inventory(), lambda session: _put_before_a_person(session, said))
        raise
    in_transaction(inventory(), _settle)


def _put_before_a_person(session: Session, said: str) -> None:
    """The case, unless it is open already."""
    if not _waiting(session):
        at = now()
        key = f"{CONTROL_NOT_BACKED_UP}:{at.isoformat()}"
        cases.raise_case(session, key, CONTROL_NOT_BACKED_UP, SUBJECT, said, facts=_run(), now=at)


def _settle(session: Session) -> None:
    """What waited has come right by itself."""
    for case in _waiting(session):
        cases.settle_case(session, case.id, SERVICE, "A later backup is good.", now())


def _waiting(session: Session) -> list[cases.CaseFacts]:
    """The open cases of this kind."""
    return [case for case in cases.open_cases(session) if case.kind == CONTROL_NOT_BACKED_UP]


def _run() -> dict[str, str]:
    """The run that failed, for who looks for it."""
    return {"run": str(flow_run.id)} if flow_run.id else {}


def _name_lists() -> tuple[dict[str, bytes], list[str]]:
    """The operator's own lists of names as they stand, whether they can be read as such or not; what kept one away."""
    folder = load(ServiceSettings).name_lists
    if not folder:
        return {}, []
    try:
        lists, why = {file.name: file.read_bytes() for file in sorted(Path(folder).glob("*.csv"))}, "there are none"
    except OSError as error:
        lists, why = {}, str(error.strerror)
    return lists, [] if lists else [f"The lists of names in {folder} are not in the backup: {why}."]


def _settings() -> str:
    """The text of the settings file.

    Raises:
        ServiceError: there is none on this machine.
    """
    file = home() / SETTINGS_FILE
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        message = f"{file} can't be read here ({error.strerror})."
        raise ServiceError(message, "Run the worker on the machine that has it, with its PHM_HOME.") from error
