"""The backups of all instances at once, for who decides on all of them: dispatcher, audit, retention, console."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from hosting.inventory.backup_rows import point_facts
from hosting.inventory.deeds import deeds_called
from hosting.inventory.instances import all_instances
from hosting.inventory.levels import terms_of_instances
from hosting.inventory.models import Generation, Snapshot
from hosting.inventory.recovery_points import last_failure
from hosting.policy.backup_audit import AuditedInstance, BackupStanding, backup_standing, good_points
from hosting.policy.backup_plan import GOING, Due, due_backup
from hosting.policy.states import GenerationState, InstanceState
from hosting.policy.values import GenerationFacts, InstanceName, PointFacts, PointKind, ReleaseId, ServerName

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.terms import Terms
    from hosting.policy.values import InstanceFacts

BACKED_UP = frozenset({InstanceState.ACTIVE, InstanceState.SUSPENDED})
"""The states of an instance that is backed up."""

CHECKED = "generation checked"
"""The deed of a check that found nothing; its evidence names the generation."""

COLUMNS = (
    Snapshot.id, Snapshot.instance_name, Snapshot.generation, Snapshot.server_name, Snapshot.kind, Snapshot.taken_at,
    Snapshot.release_id, Snapshot.database_snapshot, Snapshot.files_snapshot, Snapshot.proven_at, Snapshot.damaged,
    Snapshot.bytes_added, Snapshot.seconds,
)  # fmt: skip
"""A point without its manifest: those of all points together would be hundreds of MiB."""


@dataclass(frozen=True)
class InstanceBackups:
    """An instance with its backups, as far as they are there: dropped ones and the points' manifests are left out.

    Args:
        instance: which.
        terms: of its contract.
        generations: the oldest first.
        points: the oldest first.
        checked: when generations were last looked through; left out where only the newest points are asked for.
    """

    instance: InstanceFacts
    terms: Terms
    generations: tuple[GenerationFacts, ...]
    points: tuple[PointFacts, ...]
    checked: Mapping[str, datetime] = field(default_factory=dict)

    def due(self, at: datetime) -> Due | None:
        """The backup that is due at a moment."""
        one = self.instance
        return due_backup(self.generations, self.points, one.server_name, at, self.terms, one.active_at)

    @property
    def standing(self) -> BackupStanding:
        """How its backups stand."""
        return backup_standing(self.points, self.states, self.checked)

    @property
    def states(self) -> dict[str, GenerationState]:
        """Of its generations, by their ids."""
        return {one.id: one.state for one in self.generations}


def all_backups(
    session: Session, at: datetime, states: Collection[InstanceState] = BACKED_UP, *, newest_only: bool = False
) -> list[InstanceBackups]:
    """The backups of all instances in these states, in the order of the instances' numbers; asked in few queries.

    Args:
        session: to read from.
        at: by the terms of this moment.
        states: of the instances.
        newest_only: of each generation's points of a kind only the newest good and the newest damaged one, which is
            all that what is due depends on; for who asks each minute.
    """
    generations = generations_there(session)
    points = newest_points(session) if newest_only else points_there(session)
    checked = {} if newest_only else last_checked(session)
    terms = terms_of_instances(session, at)
    return [
        InstanceBackups(one, terms[one.name], tuple(generations[one.name]), tuple(points[one.name]), checked)
        for one in all_instances(session)
        if one.state in states
    ]


def audited_instances(session: Session, backups: Iterable[InstanceBackups]) -> list[AuditedInstance]:
    """The instances as the audit looks at them: with what the last failed run and the newest points' manifests say."""
    return [
        AuditedInstance(
            one.instance.name,
            one.instance.active_at or one.instance.reserved_at,
            with_newest_manifests(session, one),
            one.terms,
            last_failure(session, one.instance.name),
        )
        for one in backups
    ]


def with_newest_manifests(session: Session, one: InstanceBackups) -> tuple[PointFacts, ...]:
    """An instance's points; the two newest good ones, which the audit compares, with their manifests."""
    newest = [point.id for point in good_points(one.points, one.states)[-2:]]
    query = select(Snapshot.id, Snapshot.manifest).where(Snapshot.id.in_(newest))
    manifests = {row.id: row.manifest for row in session.execute(query)}
    return tuple(replace(point, manifest=manifests.get(point.id, {})) for point in one.points)


def points_with_manifests(session: Session, instance: str | None = None) -> list[PointFacts]:
    """The points of an instance that can be restored, or of all, the oldest first; whole, so not for each minute."""
    query = select(Snapshot).join(Generation, Snapshot.generation == Generation.id)
    query = query.where(Generation.state.not_in(GOING)).order_by(Snapshot.taken_at, Snapshot.id)
    if instance is not None:
        query = query.where(Snapshot.instance_name == instance)
    return [point_facts(row) for row in session.scalars(query)]


def last_checked(session: Session) -> dict[str, datetime]:
    """When each generation that a check found good was last looked through, by its id."""
    return {str(deed.evidence.get("generation")): deed.at for deed in deeds_called(session, CHECKED)}


def generations_there(session: Session) -> defaultdict[str, list[GenerationFacts]]:
    """The generations that are not dropped, the oldest first, by instance."""
    found: defaultdict[str, list[GenerationFacts]] = defaultdict(list)
    query = select(*Generation.__table__.columns).where(Generation.state != GenerationState.DROPPED)
    for row in session.execute(query.order_by(Generation.begun_at, Generation.id)).mappings():
        found[row["instance_name"]].append(GenerationFacts(**{**row, "state": GenerationState(row["state"])}))
    return found


def newest_points(session: Session) -> defaultdict[str, list[PointFacts]]:
    """Of each generation that is there its newest full and incremental point, a good and a damaged one, by instance.

    They hold no more than what the plan of backups looks at.
    """
    kinds = (Snapshot.instance_name, Snapshot.generation, Snapshot.server_name, Snapshot.kind, Snapshot.damaged)
    query = select(*kinds, func.max(Snapshot.taken_at)).join(Generation, Snapshot.generation == Generation.id)
    query = query.where(Generation.state != GenerationState.DROPPED).group_by(*kinds)
    found: defaultdict[str, list[PointFacts]] = defaultdict(list)
    for name, generation, server, kind, damaged, taken_at in session.execute(query):
        place = InstanceName(name), generation, ServerName(server)
        found[name].append(
            PointFacts("", *place, PointKind(kind), taken_at, ReleaseId(""), {}, "", "", damaged=damaged)
        )
    return found


def points_there(session: Session) -> defaultdict[str, list[PointFacts]]:
    """The points of all generations that are not dropped, the oldest first, by instance; without manifests."""
    query = select(*COLUMNS).join(Generation, Snapshot.generation == Generation.id)
    query = query.where(Generation.state != GenerationState.DROPPED).order_by(Snapshot.taken_at, Snapshot.id)
    found: defaultdict[str, list[PointFacts]] = defaultdict(list)
    for row in session.execute(query).mappings():
        found[row["instance_name"]].append(PointFacts(**{**row, "kind": PointKind(row["kind"])}, manifest={}))
    return found
