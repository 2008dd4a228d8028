"""`phm backups`, `phm snapshots`: how backups stand, and to what can be restored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import now, reading
from deployments.console.output import Json, emit
from hosting.policy.backup_audit import audit, oldest_not_looked_at, told_oldest, was_looked_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hosting.inventory.backup_views import InstanceBackups
    from hosting.policy.values import PointFacts

MIB = 2**20
STANDING_COLUMNS = {
    "instance": "instance", "server": "server", "last_good_at": "last good", "hours": "h ago", "kind": "kind",
    "mib": "new, MiB", "took": "s", "last_full_at": "last full", "proven_at": "proven", "days": "d ago",
    "not_looked_at_days": "not looked at, d", "finding": "finding",
}  # fmt: skip
POINT_COLUMNS = {
    "point": "point", "instance": "instance", "kind": "kind", "taken_at": "moment", "mib": "new, MiB",
    "tables": "tables", "database_mib": "database, MiB", "files": "files", "files_mib": "files, MiB",
    "proven_at": "proven", "stands": "state",
}  # fmt: skip


def backups(*, as_json: Json = False) -> None:
    """Show how the backups of all instances stand: last good one, last proof, oldest not looked at, what is wrong."""
    from hosting.inventory.backup_views import all_backups, audited_instances  # noqa: PLC0415  # help is quick
    from hosting.inventory.recovery_points import all_generations  # noqa: PLC0415  # as above

    at = now()
    with reading() as session:
        found = all_backups(session, now())
        findings = audit(audited_instances(session, found), all_generations(session), None, at)
    said = {
        one.instance.name: [finding.sentence for finding in findings if finding.subject in subjects_of(one)]
        for one in found
    }
    oldest = oldest_not_looked_at(one.standing for one in found)
    rows = [standing_row(one, said[one.instance.name], oldest, at) for one in found]
    emit(rows if as_json else [standing_told(row) for row in rows], STANDING_COLUMNS, as_json=as_json,
         empty="There is no open instance.")  # fmt: skip
    if rows and not as_json:
        typer.echo(told_oldest(oldest, at))


def snapshots(
    instance: Annotated[str, typer.Argument(help="Of this instance; all by default.")] = "", *, as_json: Json = False
) -> None:
    """List the points to which instances can be restored, the oldest first."""
    from hosting.inventory.backup_views import last_checked, points_with_manifests  # noqa: PLC0415  # as above
    from hosting.inventory.instances import instance_facts  # noqa: PLC0415  # as above

    with reading() as session:
        if instance:
            instance_facts(session, instance)
        checked = last_checked(session)
        rows = [point_row(point, checked) for point in points_with_manifests(session, instance or None)]
    empty = f"There is no point of {instance}; make one: phm backup {instance}." if instance else "There is no point."
    emit(rows if as_json else [point_told(row) for row in rows], POINT_COLUMNS, as_json=as_json, empty=empty)


def subjects_of(one: InstanceBackups) -> set[str]:
    """How findings name an instance and its generations."""
    return {f"instance:{one.instance.name}", *(f"generation:{generation.id}" for generation in one.generations)}


def standing_row(
    one: InstanceBackups, findings: Sequence[str], oldest: PointFacts | None, at: datetime
) -> dict[str, Any]:
    """An instance's backups, with ages in seconds."""
    stands, due = one.standing, one.due(at)
    left = stands.not_looked_at
    last = next((point for point in reversed(one.points) if point.taken_at == stands.last_good_at), None)
    return {
        "instance": one.instance.name,
        "server": one.instance.server_name,
        "last_good_at": stands.last_good_at,
        "last_good_age_seconds": age(stands.last_good_at, at),
        "kind": last.kind if last else None,
        "bytes_added": last.bytes_added if last else None,
        "seconds": last.seconds if last else None,
        "last_full_at": stands.last_full_at,
        "proven_at": stands.proven_at,
        "proven_age_seconds": age(stands.proven_at, at),
        "not_looked_at_point": left.id if left else None,
        "not_looked_at_since": left.taken_at if left else None,
        "not_looked_at_age_seconds": age(left.taken_at if left else None, at),
        "oldest_not_looked_at_of_all": left is not None and left == oldest,
        "points": len(one.points),
        "grown_times": stands.grown,
        "due": due.kind if due else None,
        "due_because": due.because if due else "",
        "findings": list(findings),
    }


def standing_told(row: dict[str, Any]) -> dict[str, Any]:
    """The same as people read it."""
    last, proven, left = (row[f"{what}_age_seconds"] for what in ("last_good", "proven", "not_looked_at"))
    return {
        **row,
        "hours": None if last is None else f"{last / 3600:.1f}",
        "days": None if proven is None else f"{proven / 86_400:.0f}",
        "not_looked_at_days": None if left is None else f"{left / 86_400:.0f}",
        "mib": None if row["bytes_added"] is None else f"{row['bytes_added'] / MIB:.1f}",
        "took": None if row["seconds"] is None else f"{row['seconds']:.1f}",
        "finding": " ".join(row["findings"]) or "good",
    }


def age(moment: datetime | None, at: datetime) -> float | None:
    """The seconds since a moment."""
    return None if moment is None else (at - moment).total_seconds()


def point_row(point: PointFacts, checked: Mapping[str, datetime]) -> dict[str, Any]:
    """A point with the figures of its manifest, and whether something has looked at it."""
    database, files = point.manifest.get("database", {}), point.manifest.get("files", {})
    return {
        "point": point.id,
        "instance": point.instance_name,
        "server": point.server_name,
        "generation": point.generation,
        "kind": point.kind,
        "taken_at": point.taken_at,
        "release": point.release_id,
        "bytes_added": point.bytes_added,
        "seconds": point.seconds,
        "tables": len(database.get("tables", {})),
        "database_bytes": database.get("bytes"),
        "files": files.get("files"),
        "files_bytes": files.get("bytes"),
        "proven_at": point.proven_at,
        "looked_at": was_looked_at(point, checked),
        "damaged": point.damaged,
    }


def point_told(row: dict[str, Any]) -> dict[str, Any]:
    """The same as people read it."""
    return {
        **row,
        "mib": f"{row['bytes_added'] / MIB:.1f}",
        "database_mib": f"{(row['database_bytes'] or 0) / MIB:.1f}",
        "files_mib": f"{(row['files_bytes'] or 0) / MIB:.1f}",
        "stands": "damaged" if row["damaged"] else "good" if row["looked_at"] else "not looked at",
    }
