"""The morning's audit: records and the store's own list held against each other, told as a table and a letter."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from prefect.artifacts import create_table_artifact

from blocks.backup_store import BackupStore
from blocks.loading import load
from hosting.errors import ServiceError
from hosting.inventory import leases, recovery_points
from hosting.inventory.backup_views import all_backups, audited_instances
from hosting.inventory.mends import found_sound
from hosting.inventory.restores import open_restores, restores_elsewhere
from hosting.policy.backup_audit import Finding, Severity, StoredGeneration, oldest_not_looked_at, told_oldest
from hosting.policy.restore_audit import OpenRestore
from tasks.letters import local, tell_findings
from tasks.records import inventory, now
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.backup_views import InstanceBackups
    from hosting.policy.backup_audit import AuditedInstance
    from hosting.policy.values import GenerationFacts

MIB = 2**20


class BackupsWanting(ServiceError):
    """Something breaks a promise about backups."""


@dataclass(frozen=True)
class BackupRecords:
    """What the inventory knows of backups, all read at one moment.

    Args:
        backups: of all instances that are open.
        generations: that were ever recorded.
        audited: the same instances as the audit looks at them.
        restores: that are not at their end.
        sound: when the look began by which a mend last found a generation sound, by its id.
    """

    backups: Sequence[InstanceBackups]
    generations: Sequence[GenerationFacts]
    audited: Sequence[AuditedInstance]
    restores: Sequence[OpenRestore]
    sound: Mapping[str, datetime]


@reading
def read_store_list() -> list[StoredGeneration]:
    """What the store says that it has.

    Raises:
        Unreachable: it does not answer.
    """
    return [
        StoredGeneration(one.server, one.instance, one.generation, one.objects, one.bytes, one.altered, one.altered_at)
        for one in load(BackupStore).generations()
    ]


@reading
def read_backup_records() -> BackupRecords:
    """What the inventory knows."""
    with inventory().reading() as session:
        backups = all_backups(session, now())
        generations = recovery_points.all_generations(session)
        audited, restores = audited_instances(session, backups), _restores(session)
        return BackupRecords(backups, generations, audited, restores, found_sound(session))


def _restores(session: Session) -> list[OpenRestore]:
    """The restores that are not at their end, and whether a run works on them."""
    found, elsewhere = [], {one.instance for one in restores_elsewhere(session) if not one.left}
    for one in open_restores(session):
        lease = leases.lease_of(session, one.instance)
        worked_on = lease is not None and now() < lease.expires_at
        server = one.server if one.instance in elsewhere else ""
        found.append(OpenRestore(one.instance, one.point, one.begun_at, worked_on, server, one.wish[2]))
    return found


def store_unread(failures: Sequence[ServiceError]) -> list[Finding]:
    """The finding that the store's list could not be had."""
    do = "See whether the store answers; then start audit-backups again."
    return [
        Finding(Severity.WRONG, "store", f"The store's own list could not be read: {one}", do, "store unread")
        for one in failures
    ]


@reading
def report_audit(records: BackupRecords, findings: Sequence[Finding]) -> None:
    """How each instance's backups stand, and what was found, as tables."""
    at = now()
    oldest = told_oldest(oldest_not_looked_at(one.standing for one in records.backups), at)
    description = f"Backups as of {local(at)} (P20). {oldest}"
    create_table_artifact(key="backups", table=[_row(one, at) for one in records.backups], description=description)
    rows = [
        {"": one.severity.value, "about": one.subject, "what": one.sentence, "what to do": one.do} for one in findings
    ]
    create_table_artifact(key="backup-findings", table=rows, description=f"What the audit found {local(at)}")


def _row(one: InstanceBackups, at: datetime) -> dict[str, object]:
    """An instance's backups in one line."""
    stands = one.standing
    left = stands.not_looked_at.taken_at if stands.not_looked_at else None
    return {
        "instance": one.instance.name,
        "server": one.instance.server_name,
        "last good": local(stands.last_good_at),
        "hours ago": _ago(stands.last_good_at, at, 3600, "{:.1f}"),
        "last full": local(stands.last_full_at),
        "last proven": local(stands.proven_at),
        "days ago": _ago(stands.proven_at, at, 86_400, "{:.0f}"),
        "oldest not looked at": local(left),
        "days old": _ago(left, at, 86_400, "{:.0f}"),
        "points": len(one.points),
        "MiB": f"{sum(point.bytes_added for point in one.points) / MIB:.1f}",
        "times the last": "-" if stands.grown is None else f"{stands.grown:.1f}",
    }


def _ago(moment: datetime | None, at: datetime, unit: int, form: str) -> str:
    """An age in a unit."""
    return "-" if moment is None else form.format((at - moment).total_seconds() / unit)


@reading
def tell_audit(findings: Sequence[Finding]) -> bool:
    """One letter with all that was found: each day while something is wrong, else once for what asks for a look."""
    if not findings:
        return False
    wrong = any(one.severity is Severity.WRONG for one in findings)
    said = sha256("\n".join(sorted(one.sentence for one in findings)).encode()).hexdigest()[:16]
    key = f"audit:{local(now())[:10]}:{said}" if wrong else f"audit-look:{said}"
    title = f"Backups: {len(findings)} finding{'s' * (len(findings) > 1)} of the audit of {local(now())[:10]}"
    told = [{"subject": one.subject.replace(":", " "), "sentence": one.sentence, "do": one.do} for one in findings]
    return tell_findings(key, title, told)


def check_nothing_wrong(findings: Sequence[Finding]) -> None:
    """See that no promise is broken.

    Raises:
        BackupsWanting: one is; tells how many findings there are, and the first.
    """
    wrong = [one for one in findings if one.severity is Severity.WRONG]
    if wrong:
        count = "One thing is" if len(wrong) == 1 else f"{len(wrong)} things are"
        raise BackupsWanting(f"{count} wrong with the backups. The first: {wrong[0].sentence}", wrong[0].do)
