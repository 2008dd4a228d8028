"""What people see of backups: a table of a run, a page of one point; a run that left one out fails and says which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from hosting.errors import ServiceError
from tasks.letters import local
from tasks.records import now
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hosting.policy.values import PointFacts, ServerFacts
    from tasks.backup_runs import Outcome
    from tasks.retention import DroppedGeneration

MIB = 2**20


class NotBackedUp(ServiceError):
    """Instances of a server have no new recovery point."""


@reading
def report_backups(server: ServerFacts, outcomes: Sequence[Outcome]) -> None:
    """Every instance that was due, with what was made of it, as a table."""
    rows = [
        {
            "instance": one.instance.name,
            "kind": one.kind.value,
            "point": one.point.id if one.point else "-",
            "database MiB": f"{one.point.manifest['database']['bytes'] / MIB:.1f}" if one.point else "-",
            "files": one.point.manifest["files"]["files"] if one.point else "-",
            "new MiB": f"{one.point.bytes_added / MIB:.1f}" if one.point else "-",
            "seconds": f"{one.point.seconds:.1f}" if one.point else "-",
            "finding": one.finding or "good",
        }
        for one in outcomes
    ]
    create_table_artifact(key=f"backups-{server.name}", table=rows, description=f"Backups of {server.name} (P21, P22)")


def check_all_backed_up(server: ServerFacts, outcomes: Sequence[Outcome]) -> None:
    """See that every instance that was due has its point.

    Raises:
        NotBackedUp: some have not; names them with the first reason.
    """
    without = [one for one in outcomes if one.point is None]
    if without:
        names = ", ".join(one.instance.name for one in without)
        message = f"{len(without)} of {len(outcomes)} instances on {server.name} have no new backup: {names}."
        raise NotBackedUp(f"{message} The first reason: {without[0].finding}", "They are tried again within the hour.")


def report_point(outcome: Outcome) -> PointFacts:
    """The page of one point.

    Raises:
        NotBackedUp: there is none.
    """
    if outcome.point is None:
        raise NotBackedUp(f"{outcome.instance.name} has no new backup: {outcome.finding}")
    show_point(outcome.point)
    return outcome.point


@reading
def show_point(point: PointFacts) -> None:
    """A point's manifest in few words, as an artifact."""
    database, files = point.manifest["database"], point.manifest["files"]
    rows = sum(one["rows"] for one in database["tables"].values())
    named = "; ".join(
        f"{one['named']} {what} named, {one['missing']} missing" for what, one in point.manifest["named"].items()
    )
    create_markdown_artifact(
        key=f"point-{point.instance_name}",
        description=f"Recovery point of {point.instance_name}",
        markdown=f"""# {point.id}

| | |
| --- | --- |
| Kind | {point.kind.value}, generation {point.generation} |
| Moment | {local(point.taken_at)}; tables locked for {point.manifest["lock"]["held_ms"]} ms |
| Database | {len(database["tables"])} tables, {rows} rows, {database["bytes"]} bytes |
| Files | {files["files"]} files, {files["bytes"]} bytes, sum {files["sha256"][:16]} |
| Named by the database | {named} |
| Release | {point.manifest["release"]["version"]} |
| New in the store | {point.bytes_added} bytes in {point.seconds:.1f} s |
""",
    )


@reading
def report_dropped(dropped: Sequence[DroppedGeneration]) -> None:
    """Every generation that went, as a table."""
    rows = [
        {
            "generation": one.generation.id,
            "instance": one.generation.instance_name,
            "server": one.generation.server_name,
            "begun": local(one.generation.begun_at),
            "objects": one.found.objects,
            "versions": one.found.versions,
            "MiB": f"{one.found.bytes / MIB:.1f}",
        }
        for one in dropped
    ]
    create_table_artifact(key="backups-dropped", table=rows, description=f"Generations dropped {local(now())} (P21)")
