"""Rehearsals: recovery points restored on trial, and what that says about them (P20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from hosting.inventory.backup_rows import change_state, locked_generation
from hosting.inventory.deeds import SERVICE, record
from hosting.inventory.instances import lock, subject_of
from hosting.inventory.models import Generation, Instance, Rehearsal, Snapshot
from hosting.inventory.recovery_points import UnknownPoint
from hosting.policy.backup_plan import GOING, KEPT
from hosting.policy.states import GenerationState, InstanceState
from hosting.policy.values import InstanceName, RehearsalFacts, RehearsalOutcome, ServerName

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

SERVED = (InstanceState.ACTIVE, InstanceState.SUSPENDED)
"""The states of an instance whose backups are owed a proof."""


def record_rehearsal(
    session: Session, rehearsal: RehearsalFacts, now: datetime, *, damaged: bool = False, finding: str = ""
) -> RehearsalFacts:
    """Record a rehearsal and what it says about its point; the same one again changes nothing.

    One that passed proves the point, also one that was found damaged and was mended since, and verifies its generation.

    Args:
        session: of the transaction.
        rehearsal: as it ended.
        now: the moment of the record.
        damaged: it failed because of what the store gave back: the point and its whole generation are marked, and
            nothing is added to it any more.
        finding: why it failed or was broken off, in one sentence.

    Raises:
        UnknownInstance: no instance has this name.
        UnknownPoint: no recovery point of the instance has this id.
    """
    lock(session, rehearsal.instance_name)
    if session.get(Rehearsal, rehearsal.id, populate_existing=True) is None:
        point = session.get(Snapshot, rehearsal.point_id, with_for_update=True, populate_existing=True)
        if point is None or point.instance_name != rehearsal.instance_name:
            message = f"Instance {rehearsal.instance_name} has no recovery point {rehearsal.point_id}."
            raise UnknownPoint(message, "Record the point before its rehearsal.")
        session.add(_row(rehearsal))
        session.flush()
        if damaged or rehearsal.outcome is RehearsalOutcome.PASSED:
            _conclude(session, point, rehearsal, finding, now)
        evidence = {
            "rehearsal": rehearsal.id,
            "point": point.id,
            "server": rehearsal.server_name,
            "seconds": round(rehearsal.seconds, 3),
        }
        subject, what = subject_of(rehearsal.instance_name), f"rehearsal {rehearsal.outcome}"
        record(session, SERVICE, what, subject, why=finding, evidence=evidence, now=now)
    return _facts(session.get_one(Rehearsal, rehearsal.id))


def rehearsals_of(session: Session, instance_name: str) -> list[RehearsalFacts]:
    """The rehearsals of an instance's points, the oldest first."""
    rows = select(Rehearsal).where(Rehearsal.instance_name == instance_name)
    return [_facts(row) for row in session.scalars(rows.order_by(Rehearsal.ended_at, Rehearsal.id))]


def last_proofs(session: Session) -> dict[InstanceName, datetime | None]:
    """When a point of each instance was last proven, None if none was; of all that have a point to prove."""
    query = select(Snapshot.instance_name, func.max(Snapshot.proven_at))
    query = query.join(Generation).join(Instance, Snapshot.instance_name == Instance.name)
    query = query.where(Generation.state.in_(KEPT), Snapshot.damaged.is_(False), Instance.state.in_(SERVED))
    return {InstanceName(name): at for name, at in session.execute(query.group_by(Snapshot.instance_name))}


def last_failures(session: Session) -> dict[InstanceName, datetime]:
    """When the last rehearsal ended of each instance whose last one did not pass."""
    query = select(Rehearsal.instance_name, Rehearsal.outcome, func.max(Rehearsal.ended_at))
    passed: dict[str, datetime] = {}
    failed: dict[str, datetime] = {}
    for name, outcome, at in session.execute(query.group_by(Rehearsal.instance_name, Rehearsal.outcome)):
        of = passed if outcome == RehearsalOutcome.PASSED else failed
        of[name] = max(at, of.get(name, at))
    return {InstanceName(name): at for name, at in failed.items() if name not in passed or passed[name] < at}


def _conclude(session: Session, point: Snapshot, rehearsal: RehearsalFacts, finding: str, now: datetime) -> None:
    """Mark its point and generation: as proven if it passed, else as damaged."""
    generation = locked_generation(session, point.generation)
    if rehearsal.outcome is RehearsalOutcome.PASSED:
        point.proven_at, point.damaged = max(rehearsal.ended_at, point.proven_at or rehearsal.ended_at), False
        generation.verified_at = max(rehearsal.ended_at, generation.verified_at or rehearsal.ended_at)
        return
    point.damaged = True
    if generation.state not in GOING:
        change_state(session, generation, GenerationState.DAMAGED, finding, now)


def _row(rehearsal: RehearsalFacts) -> Rehearsal:
    """The row that tells a rehearsal."""
    return Rehearsal(
        id=rehearsal.id,
        point_id=rehearsal.point_id,
        instance_name=rehearsal.instance_name,
        server_name=rehearsal.server_name,
        begun_at=rehearsal.begun_at,
        ended_at=rehearsal.ended_at,
        outcome=rehearsal.outcome,
        evidence=dict(rehearsal.evidence),
        seconds=rehearsal.seconds,
    )


def _facts(row: Rehearsal) -> RehearsalFacts:
    """The row, frozen."""
    return RehearsalFacts(
        id=row.id,
        point_id=row.point_id,
        instance_name=InstanceName(row.instance_name),
        server_name=ServerName(row.server_name),
        begun_at=row.begun_at,
        ended_at=row.ended_at,
        outcome=RehearsalOutcome(row.outcome),
        evidence=row.evidence,
        seconds=row.seconds,
    )
