"""Generations of backups and their recovery points: what can be restored, as far as it is recorded (P19 to P22).

A row is written only after the store has accepted what it tells of; so whatever stands here was there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory.backup_rows import (
    UnknownGeneration,
    change_state,
    check_place,
    generation_facts,
    has_points,
    locked_generation,
    open_rows,
    point_facts,
    point_row,
)
from hosting.inventory.deeds import SERVICE, record
from hosting.inventory.instances import lock, subject_of
from hosting.inventory.models import Deed, Generation, Snapshot
from hosting.policy.backup_plan import GOING, current_generation
from hosting.policy.states import GenerationState
from hosting.policy.values import PointKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.values import GenerationFacts, PointFacts

FAILED = "backup failed"
"""The deed that tells why an instance has no newer backup."""

NEVER_FILLED = "It never got its full backup: the run that began it died."


class UnknownPoint(Refused):
    """No recovery point has this id."""


class NoOpenGeneration(Refused):
    """An incremental backup has nothing to be added to."""


class GenerationNotOpen(Refused):
    """A generation that is closed, damaged or dropped takes no point."""


class PointOutOfPlace(Refused):
    """A generation has one full backup, and it comes first."""


def begin_generation(  # noqa: PLR0917  # the columns of a row, in their order
    session: Session,
    generation_id: str,
    instance_name: str,
    server_name: str,
    wrapped_password: str,
    now: datetime,
) -> GenerationFacts:
    """Record a generation before its first byte is written; the same one again changes nothing.

    The one before stays open until this one has its full backup (`record_point`); one that never got its own is marked
    as damaged: the run that began it died.

    Raises:
        UnknownInstance: no instance has this name.
        DriftFound: the id belongs to another instance or server.
    """
    lock(session, instance_name)
    row = session.get(Generation, generation_id, populate_existing=True)
    if row is not None:
        check_place(row, instance_name, server_name)
        return generation_facts(row)
    for dead in open_rows(session, instance_name):
        if not has_points(session, dead.id):
            change_state(session, dead, GenerationState.DAMAGED, NEVER_FILLED, now)
    row = Generation(id=generation_id, instance_name=instance_name, server_name=server_name, begun_at=now)
    row.state, row.wrapped_password, row.bytes_added, row.finding = GenerationState.OPEN, wrapped_password, 0, ""
    session.add(row)
    session.flush()
    evidence = {"generation": generation_id, "server": server_name}
    record(session, SERVICE, "generation begun", subject_of(instance_name), evidence=evidence, now=now)
    return generation_facts(row)


def open_generation(session: Session, instance_name: str) -> GenerationFacts:
    """The generation that takes the instance's next incremental: open, and with its full backup.

    Raises:
        NoOpenGeneration: there is none.
    """
    current = current_generation(generations_of(session, instance_name), points_of(session, instance_name))
    if current is None:
        message = f"Instance {instance_name} has no generation that an incremental backup could be added to."
        raise NoOpenGeneration(message, f"Make a full backup: phm backup {instance_name} --full.")
    return current


def record_point(session: Session, point: PointFacts, now: datetime) -> PointFacts:
    """Record a recovery point that the store has wholly accepted; the same one again changes nothing.

    With a full one its generation takes over: the instance's other open generations are closed.

    Raises:
        UnknownInstance: no instance has this name.
        UnknownGeneration: its generation was never begun.
        GenerationNotOpen: its generation takes no point any more.
        PointOutOfPlace: a second full backup, or an incremental before the full one.
        DriftFound: its generation belongs to another instance or server.
    """
    lock(session, point.instance_name)
    existing = session.get(Snapshot, point.id, populate_existing=True)
    if existing is not None:
        return point_facts(existing)
    row = locked_generation(session, point.generation)
    check_place(row, point.instance_name, point.server_name)
    _check_takes(session, row, point)
    session.add(point_row(point))
    row.bytes_added += point.bytes_added
    session.flush()
    if point.kind is PointKind.FULL:
        _take_over(session, row, now)
    evidence = {
        "point": point.id,
        "generation": row.id,
        "taken_at": point.taken_at.isoformat(),
        "bytes_added": point.bytes_added,
        "seconds": round(point.seconds, 3),
    }
    record(session, SERVICE, f"{point.kind} backup recorded", subject_of(row.instance_name), evidence=evidence, now=now)
    return point_facts(session.get_one(Snapshot, point.id))


def point(session: Session, point_id: str) -> PointFacts:
    """One recovery point, also one whose generation is gone.

    Raises:
        UnknownPoint: no recovery point has this id.
    """
    row = session.get(Snapshot, point_id)
    if row is None:
        message = f"There is no recovery point {point_id}."
        raise UnknownPoint(message, "List the instance's points (phm snapshots NAME) and take one of them.")
    return point_facts(row)


def points_of(session: Session, instance_name: str) -> list[PointFacts]:
    """The recovery points of an instance whose generation is there, the oldest first."""
    query = select(Snapshot).join(Generation).where(Snapshot.instance_name == instance_name)
    there = query.where(Generation.state.not_in(GOING)).order_by(Snapshot.taken_at, Snapshot.id)
    return [point_facts(row) for row in session.scalars(there)]


def generation(session: Session, generation_id: str) -> GenerationFacts:
    """One generation.

    Raises:
        UnknownGeneration: no generation has this id.
    """
    row = session.get(Generation, generation_id)
    if row is None:
        raise UnknownGeneration(generation_id)
    return generation_facts(row)


def generations_of(session: Session, instance_name: str) -> list[GenerationFacts]:
    """All generations that an instance ever had, the oldest first."""
    rows = select(Generation).where(Generation.instance_name == instance_name)
    return [generation_facts(row) for row in session.scalars(rows.order_by(Generation.begun_at, Generation.id))]


def all_generations(session: Session) -> list[GenerationFacts]:
    """All generations that there ever were, those of ended instances too, the oldest first."""
    rows = select(Generation).order_by(Generation.begun_at, Generation.id)
    return [generation_facts(row) for row in session.scalars(rows)]


def mark_generation(  # noqa: PLR0917  # the columns of a row, in their order
    session: Session,
    generation_id: str,
    state: GenerationState,
    finding: str,
    now: datetime,
    told: Mapping[str, Any] | None = None,
) -> GenerationFacts:
    """Change a generation's state, with the reason and further evidence; the state that it has changes nothing.

    Once it is dropped, its password and what its points' manifests told are gone with it.

    Raises:
        UnknownGeneration: no generation has this id.
        ForbiddenEdge: no edge leads there.
    """
    row = locked_generation(session, generation_id)
    change_state(session, row, state, finding, now, told)
    return generation_facts(row)


def record_backup_failed(session: Session, instance_name: str, sentence: str, now: datetime) -> None:
    """Record why an instance's backup failed, for the audit."""
    record(session, SERVICE, FAILED, subject_of(instance_name), why=sentence, now=now)


def last_failure(session: Session, instance_name: str) -> str:
    """Why the instance's last backup failed; empty if a point was recorded since, or none failed."""
    deeds = select(Deed).where(Deed.subject == subject_of(instance_name))
    told = deeds.where((Deed.what == FAILED) | Deed.what.in_([f"{kind} backup recorded" for kind in PointKind]))
    last = session.scalars(told.order_by(Deed.id.desc()).limit(1)).first()
    return last.why if last is not None and last.what == FAILED else ""


def _check_takes(session: Session, row: Generation, point: PointFacts) -> None:
    """Refuse a point that its generation can't take."""
    if row.state != GenerationState.OPEN:
        message = f"Generation {row.id} is {row.state}: it takes no point."
        raise GenerationNotOpen(message, "Begin a new generation with a full backup.")
    if has_points(session, row.id) == (point.kind is PointKind.FULL):
        message = f"Generation {row.id} can't take {point.kind} backup {point.id}."
        raise PointOutOfPlace(message, "A generation has one full backup, and it comes first.")


def _take_over(session: Session, row: Generation, now: datetime) -> None:
    """Close the instance's other open generations: this one has its full backup now."""
    for other in open_rows(session, row.instance_name):
        if other.id != row.id:
            filled = has_points(session, other.id)
            state, finding = (GenerationState.CLOSED, "") if filled else (GenerationState.DAMAGED, NEVER_FILLED)
            change_state(session, other, state, finding, now)
