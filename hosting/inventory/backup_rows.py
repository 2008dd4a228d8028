"""The rows of generations and recovery points: found, locked, changed along the edges, frozen into facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from hosting.errors import DriftFound, Refused
from hosting.inventory.deeds import SERVICE, record
from hosting.inventory.instances import subject_of
from hosting.inventory.models import Generation, Snapshot
from hosting.policy.states import GenerationState, step
from hosting.policy.values import GenerationFacts, InstanceName, PointFacts, PointKind, ReleaseId, ServerName

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session


class UnknownGeneration(Refused):
    """No generation has this id."""

    def __init__(self, generation_id: str) -> None:
        super().__init__(
            f"There is no generation {generation_id}.", "List those of an instance: phm snapshots INSTANCE."
        )


def locked_generation(session: Session, generation_id: str) -> Generation:
    """A generation's row, locked.

    Raises:
        UnknownGeneration: no generation has this id.
    """
    row = session.get(Generation, generation_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise UnknownGeneration(generation_id)
    return row


def open_rows(session: Session, instance_name: str) -> list[Generation]:
    """The instance's open generations, the newest first."""
    query = select(Generation).where(Generation.instance_name == instance_name)
    rows = query.where(Generation.state == GenerationState.OPEN).order_by(Generation.begun_at.desc(), Generation.id)
    return list(session.scalars(rows))


def has_points(session: Session, generation_id: str) -> bool:
    """Whether a generation holds a recorded point."""
    return session.scalars(select(Snapshot.id).where(Snapshot.generation == generation_id).limit(1)).first() is not None


def change_state(  # noqa: PLR0917  # the columns of a row, in their order
    session: Session,
    row: Generation,
    state: GenerationState,
    finding: str,
    now: datetime,
    told: Mapping[str, Any] | None = None,
) -> None:
    """Change a generation's state along an edge, with all that belongs to it, and record it; once.

    Args:
        session: of the transaction.
        row: locked.
        state: the new one.
        finding: why, in one sentence.
        now: the moment.
        told: further evidence.

    Raises:
        ForbiddenEdge: no edge leads there.
    """
    before = GenerationState(row.state)
    if step(before, state) is before:
        return
    row.state, row.finding = state, finding or row.finding
    if before is GenerationState.OPEN:
        row.closed_at = now
    if state is GenerationState.DROPPED:
        row.wrapped_password = ""
        session.execute(update(Snapshot).where(Snapshot.generation == row.id).values(manifest={}))
    session.flush()
    evidence = {"generation": row.id, "from": before.value, **(told or {})}
    subject = subject_of(row.instance_name)
    record(session, SERVICE, f"generation {state}", subject, why=finding, evidence=evidence, now=now)


def check_place(row: Generation, instance_name: str, server_name: str) -> None:
    """A generation belongs to one instance on one server.

    Raises:
        DriftFound: to another one than is said.
    """
    if (row.instance_name, row.server_name) != (instance_name, server_name):
        place = f"instance {row.instance_name} on {row.server_name}, not to {instance_name} on {server_name}"
        raise DriftFound(f"Generation {row.id} belongs to {place}.", "Look at the run that wrote it.")


def generation_facts(row: Generation) -> GenerationFacts:
    """A generation's row, frozen."""
    return GenerationFacts(
        id=row.id,
        instance_name=InstanceName(row.instance_name),
        server_name=ServerName(row.server_name),
        begun_at=row.begun_at,
        state=GenerationState(row.state),
        wrapped_password=row.wrapped_password,
        verified_at=row.verified_at,
        bytes_added=row.bytes_added,
        closed_at=row.closed_at,
        finding=row.finding,
    )


def point_facts(row: Snapshot) -> PointFacts:
    """A recovery point's row, frozen."""
    return PointFacts(
        id=row.id,
        instance_name=InstanceName(row.instance_name),
        generation=row.generation,
        server_name=ServerName(row.server_name),
        kind=PointKind(row.kind),
        taken_at=row.taken_at,
        release_id=ReleaseId(row.release_id),
        manifest=row.manifest,
        database_snapshot=row.database_snapshot,
        files_snapshot=row.files_snapshot,
        proven_at=row.proven_at,
        damaged=row.damaged,
        bytes_added=row.bytes_added,
        seconds=row.seconds,
    )


def point_row(point: PointFacts) -> Snapshot:
    """The row that tells a new recovery point."""
    return Snapshot(
        id=point.id,
        instance_name=point.instance_name,
        generation=point.generation,
        server_name=point.server_name,
        kind=point.kind,
        taken_at=point.taken_at,
        release_id=point.release_id,
        manifest=dict(point.manifest),
        database_snapshot=point.database_snapshot,
        files_snapshot=point.files_snapshot,
        proven_at=point.proven_at,
        damaged=point.damaged,
        bytes_added=point.bytes_added,
        seconds=point.seconds,
    )
