"""One instance backed up, alone and to its end; its failure is told and stops nobody else (P21, P22)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from hosting.errors import Refused, ServiceError
from hosting.inventory import cases, deeds, recovery_points, work
from hosting.inventory.leases import LeaseHeld
from hosting.inventory.session import in_transaction
from hosting.policy.backup_budget import kind_after, still_counts
from hosting.policy.states import GenerationState
from tasks.backup_dispatch import server_of
from tasks.jobs import JobComplained
from tasks.leases import working_on
from tasks.progress import progress_of
from tasks.records import inventory, now
from tasks.recovery_points import ensure_generation, read_history, record_point
from tasks.snapshots import PointWish, end_backup_job, left_point, take_point
from tasks.step import run_logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from hosting.policy.values import GenerationFacts, InstanceFacts, PointFacts, PointKind, ServerFacts


@dataclass(frozen=True)
class Outcome:
    """What became of one instance's backup: a point, or the sentence that says why there is none."""

    instance: InstanceFacts
    kind: PointKind
    point: PointFacts | None = None
    finding: str = ""


@task(name="back_up", cache_policy=NO_CACHE, persist_result=False)
def back_up(
    server: ServerFacts, instance: InstanceFacts, kind: PointKind, seconds: float, *, patient: bool = False
) -> Outcome:
    """A new point of one instance; never raises what concerns this instance alone.

    Args:
        server: where it is.
        instance: which one.
        kind: full begins a generation.
        seconds: the most it may take.
        patient: whether it waits for a while where the server is busy.
    """
    try:
        return Outcome(instance, kind, taken(server, instance, kind, seconds, patient=patient))
    except LeaseHeld as error:
        run_logger().warning("%s", error)
        return Outcome(instance, kind, finding=str(error))
    except ServiceError as error:
        run_logger().error("%s: %s", instance.name, error)  # one sentence is what helps here
        with contextlib.suppress(ServiceError):
            record_failure(instance, str(error))
        return Outcome(instance, kind, finding=str(error))


def taken(
    server: ServerFacts, instance: InstanceFacts, kind: PointKind, seconds: float, *, patient: bool
) -> PointFacts:
    """The point, taken and recorded under the instance's lease."""
    asked = now()
    with working_on(server, instance, "back up"), progress_of(f"backup-{instance.name}", instance.name) as told:
        if left := record_left(server, instance):
            if still_counts(left, kind, asked):
                return left
            kind = kind_after(left, kind)
        generation = ensure_generation(instance, kind)
        last = read_history(instance).dump_bytes
        id_ = f"{instance.name}-{now():%Y%m%dt%H%M%S}"
        wish = PointWish(generation, kind, id_, seconds, last, patient)
        with marking_damage(generation):
            point = record_point(take_point(server, instance, wish, told))
        end_backup_job(server, instance)
        return point


@contextlib.contextmanager
def marking_damage(generation: GenerationFacts) -> Iterator[None]:
    """A generation that is found spoilt in the store is marked, so that the next backup is a full one."""
    try:
        yield
    except JobComplained as error:
        if error.kind == "damaged":
            finding = str(error)
            in_transaction(
                inventory(),
                lambda session: recovery_points.mark_generation(
                    session, generation.id, GenerationState.DAMAGED, finding, now()
                ),
            )
        raise


def record_left(server: ServerFacts, instance: InstanceFacts) -> PointFacts | None:
    """The point that a killed run had begun, recorded late; None where there is none, or it can't be any more."""
    if left := left_point(server, instance):
        try:
            record_point(left)
        except Refused as error:
            run_logger().warning("The point %s of a run that was killed does not count: %s", left.id, error)
            left = None
        end_backup_job(server, instance)
    return left


def record_failure(instance: InstanceFacts, finding: str) -> None:
    """What kept an instance from being backed up, for the audit."""
    in_transaction(
        inventory(), lambda session: recovery_points.record_backup_failed(session, instance.name, finding, now())
    )


@contextlib.contextmanager
def telling_backup_failure() -> Iterator[None]:
    """The work that this run is for is recorded as done, or as failed with its sentence; a run by hand has none.

    Failed work is asked for anew while a backup is due.
    """
    try:
        yield
    except ServiceError as error:
        run_logger().error("%s", error)  # one sentence is what helps here
        finding = str(error)
        with contextlib.suppress(ServiceError):
            in_transaction(inventory(), lambda session: _end_work(session, finding))
        raise
    in_transaction(inventory(), lambda session: _end_work(session, ""))


def _end_work(session: Session, finding: str) -> None:
    """The work of this run, at its end."""
    one = work.work_of_run(session, flow_run.id) if flow_run.id else None
    if one is None or one.state in work.ENDS:
        return
    if not finding:
        work.record_done(session, one.kind, one.subject)
        settle_earlier(session, one.subject)
    else:
        work.record_failed(session, one.kind, one.subject, finding)
        subject = f"work:{one.kind}:{one.subject}"
        deeds.record(session, deeds.SERVICE, "work failed", subject, why=finding, now=now())


def settle_earlier(session: Session, subject: str) -> None:
    """Earlier work of the same server that was put before a person has come right by itself."""
    same = f"work:{work.BACK_UP_SERVER}:{server_of(subject)}@"
    for case in cases.open_cases(session):
        if case.kind == cases.NOT_DONE and case.subject.startswith(same):
            cases.settle_case(session, case.id, deeds.SERVICE, "A later run backed the server up.", now())
