"""Which recovery points are rehearsed, where, and what is recorded of it (P20)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands.storage import parse_free, read_free
from hosting.errors import ServiceError, Unreachable
from hosting.inventory import cases, deeds, instances, levels, recovery_points, rehearsals, releases, servers
from hosting.inventory.cases import REHEARSAL_FAILED
from hosting.inventory.session import in_transaction
from hosting.policy.backup_plan import next_rehearsals, per_night
from hosting.policy.placement import takes_instances
from hosting.policy.rehearsals import NoPoint, can_be_brought_back, newest_good, server_with_room
from hosting.policy.terms import STANDARD
from hosting.policy.values import InstanceName, RehearsalFacts, RehearsalOutcome, ServerName
from hosting.product.layout import REHEARSAL
from tasks.copies import drop_copy
from tasks.copy_proofs import CopyDead
from tasks.jobs import JobComplained
from tasks.leases import working_on_copy
from tasks.outgoing import SERVES
from tasks.records import inventory, now
from tasks.recovery_points import NotItsPoint
from tasks.step import reading, run_logger
from tasks.storage import DISKS

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.values import GenerationFacts, InstanceFacts, PointFacts, ReleaseFacts, ServerFacts

DAMAGED = ("differs", "damaged")
"""Kinds of complaint by which what the store gave back is not what was recorded."""


@dataclass(frozen=True)
class Candidate:
    """A recovery point that is brought back on trial."""

    instance: InstanceFacts
    point: PointFacts
    generation: GenerationFacts
    release: ReleaseFacts


@dataclass
class Trial:
    """A rehearsal while it goes on.

    Args:
        candidate: what is brought back.
        begun_at: since when.
        server_name: where; the instance's own as long as none is chosen.
        evidence: what was seen.
        error: what ended it, None as long as nothing did.
    """

    candidate: Candidate
    begun_at: datetime
    server_name: str
    evidence: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    error: ServiceError | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def damaged(self) -> bool:
        """Whether the store gave back something else than was recorded."""
        return isinstance(self.error, JobComplained) and self.error.kind in DAMAGED

    @property
    def outcome(self) -> RehearsalOutcome:
        """How it ended: what concerns the surroundings alone says nothing about the point."""
        if self.error is None:
            return RehearsalOutcome.PASSED
        failed = self.damaged or isinstance(self.error, CopyDead)
        return RehearsalOutcome.FAILED if failed else RehearsalOutcome.BROKEN_OFF

    @property
    def finding(self) -> str:
        """Why it did not pass, in one sentence."""
        return str(self.error) if self.error else ""


@reading
def read_candidate(instance_name: str, point_id: str) -> Candidate:
    """An instance's point, or its newest good one where none is named.

    Raises:
        NotItsPoint: the point is another instance's, or was dropped.
        NoPoint: it has none.
    """
    with inventory().reading() as session:
        return candidate_of(session, instance_name, point_id)


@reading
def read_due_candidates() -> list[Candidate]:
    """The points whose proof is due this night, the oldest proof first."""
    with inventory().reading() as session:
        proofs = rehearsals.last_proofs(session)
        agreed = {InstanceName(name): terms for name, terms in levels.terms_of_instances(session, now()).items()}
        most, failed = per_night(agreed.get(name, STANDARD) for name in proofs), rehearsals.last_failures(session)
        names = next_rehearsals(proofs, now(), STANDARD, most, levels=agreed, failed=failed)
        return [candidate_of(session, name, "") for name in names]


def candidate_of(session: Session, instance_name: str, point_id: str) -> Candidate:
    """The same within a session."""
    instance = instances.instance_facts(session, instance_name)
    if point_id:
        point = recovery_points.point(session, point_id)
        generation = recovery_points.generation(session, point.generation)
        if point.instance_name != instance.name or not can_be_brought_back(generation):
            message = f"The point {point.id} is none of {instance.name} that is still kept."
            raise NotItsPoint(message, f"List its own: phm snapshots {instance.name}.")
    else:
        generations = recovery_points.generations_of(session, instance_name)
        newest = newest_good(generations, recovery_points.points_of(session, instance_name))
        if newest is None:
            raise NoPoint(f"{instance_name} has no good recovery point.", f"Make one: phm backup {instance_name}.")
        point, generation = newest, recovery_points.generation(session, newest.generation)
    return Candidate(instance, point, generation, releases.release_facts(session, point.release_id))


@reading
def choose_server_for(candidate: Candidate) -> ServerFacts:
    """A server with room for the copy, by what the disks of all that answer have left.

    Raises:
        NoRoomToRehearse: none has.
    """
    with inventory().reading() as session:
        known = [one for one in servers.all_servers(session) if takes_instances(one)]
    free = {one.name: left for one in known if (left := free_on(one))}
    return server_with_room(known, free, candidate.point, candidate.instance.server_name)


def free_on(server: ServerFacts) -> dict[str, int]:
    """What a server's disks have left, by path; nothing where it does not answer."""
    try:
        return parse_free(DISKS, load(SshHost).connection(server).run(read_free(*DISKS)).out)
    except Unreachable as error:
        run_logger().warning("%s", error)
        return {}


@reading
def drop_left_rehearsals() -> None:
    """What killed rehearsals left on servers is taken away; where one goes on, or none can be asked, it stays."""
    with inventory().reading() as session:
        known = [one for one in servers.all_servers(session) if one.state in SERVES]
    for server in known:
        try:
            with working_on_copy(server, REHEARSAL, "clear"):
                drop_copy.fn(server, REHEARSAL)
        except ServiceError as error:
            run_logger().warning("%s", error)


def begin_trial(candidate: Candidate) -> Trial:
    """A rehearsal that begins now."""
    return Trial(candidate, now(), candidate.instance.server_name)


@reading
def record_trial(trial: Trial) -> Trial:
    """How the rehearsal ended: on the point as evidence, and before a person where the point does not hold."""
    if trial.error:
        run_logger().error("%s: %s", trial.candidate.instance.name, trial.finding)  # one sentence is what helps here
    in_transaction(inventory(), partial(_record, trial=trial, rehearsal=_facts(trial)))
    return trial


def _facts(trial: Trial) -> RehearsalFacts:
    """The rehearsal as it is recorded."""
    point, manifest = trial.candidate.point, trial.candidate.point.manifest
    compared = {
        "tables": len(manifest["database"]["tables"]),
        "rows": sum(one["rows"] for one in manifest["database"]["tables"].values()),
        "files": manifest["files"]["files"],
        "bytes": manifest["database"]["bytes"] + manifest["files"]["bytes"],
    }
    evidence = {"compared": compared if trial.outcome is RehearsalOutcome.PASSED else {}, **trial.evidence}
    return RehearsalFacts(
        id=f"{point.id}-r{trial.begun_at:%Y%m%dt%H%M%S}",
        point_id=point.id,
        instance_name=trial.candidate.instance.name,
        server_name=ServerName(trial.server_name),
        begun_at=trial.begun_at,
        ended_at=now(),
        outcome=trial.outcome,
        evidence={**evidence, "seconds": trial.seconds, "finding": trial.finding},
        seconds=time.monotonic() - trial.began,
    )


def _record(session: Session, trial: Trial, rehearsal: RehearsalFacts) -> None:
    """The rehearsal's row, and its case."""
    at, subject = now(), instances.subject_of(rehearsal.instance_name)
    rehearsals.record_rehearsal(session, rehearsal, at, damaged=trial.damaged, finding=trial.finding)
    if rehearsal.outcome is RehearsalOutcome.FAILED:
        key, facts = f"rehearsal:{rehearsal.point_id}", {"point": rehearsal.point_id, "server": rehearsal.server_name}
        summary = f"The recovery point {rehearsal.point_id} does not hold. {trial.finding}"
        cases.raise_case(session, key, REHEARSAL_FAILED, subject, summary, facts=facts, now=at)
    elif rehearsal.outcome is RehearsalOutcome.PASSED:
        for case in cases.cases_of(session, subject):
            if case.kind == REHEARSAL_FAILED and case.settled_at is None:
                decision = f"The recovery point {rehearsal.point_id} was proven since."
                cases.settle_case(session, case.id, deeds.SERVICE, decision, at)
