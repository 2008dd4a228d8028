"""Suspensions of instances: wanted by a rent that is overdue or by a person, done by a run, ended by either (P41).

The records say what is wanted; `see_to_suspensions` asks for a run as long as an instance is not as they say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import instances, work
from hosting.inventory.deeds import SERVICE, record
from hosting.inventory.models import Instance, Work
from hosting.inventory.rent_rows import Suspension
from hosting.policy.states import InstanceState, WorkState, step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.values import InstanceFacts

WANTED, CLOSED = "suspension wanted", "instance suspended"
END_WANTED, OPENED = "end of suspension wanted", "instance resumed"
SERVED = frozenset({InstanceState.ACTIVE, InstanceState.SUSPENDED})
AGAIN_AFTER = timedelta(hours=1)
"""A run that failed is tried again after so long, beside the person who was told."""


class Cause(StrEnum):
    """Why an instance is suspended."""

    RENT = "rent"
    OPERATOR = "operator"


class CannotBeSuspended(Refused):
    """The instance is not served, so that nothing can be suspended."""


@dataclass(frozen=True)
class SuspensionFacts:
    """A time in which an instance is suspended, or is to be."""

    id: int
    instance: str
    cause: Cause
    because: str
    by: str
    asked_at: datetime
    closed_at: datetime | None
    ends_asked_at: datetime | None
    ends_by: str
    ends_why: str
    opened_at: datetime | None

    @property
    def stands(self) -> bool:
        """Whether it is wanted still."""
        return self.ends_asked_at is None


def suspend(
    session: Session, instance: str, cause: Cause, because: str, *, by: str, now: datetime, arrears: int | None = None
) -> SuspensionFacts:
    """An instance is to be suspended; one that is wanted for the same cause already stays as it is.

    Raises:
        UnknownInstance: no instance has this name.
        CannotBeSuspended: it is not open yet, or not any more.
    """
    facts = instances.lock(session, instance)
    if facts.state not in SERVED:
        message = f"Instance {instance} is {facts.state}: nobody uses it."
        raise CannotBeSuspended(message, f"Look at it: phm instance show {instance}.")
    known = next((one for one in standing(session, instance) if one.cause is cause), None)
    if known is None:
        row = Suspension(instance_name=instance, cause=cause, because=because, by=by, asked_at=now)
        row.arrears_id, row.ends_by, row.ends_why = arrears, "", ""
        row.closed_at = now if facts.state is InstanceState.SUSPENDED else None
        session.add(row)
        session.flush()
        record(session, by, WANTED, instances.subject_of(instance), why=because, evidence={"cause": cause}, now=now)
        known = facts_of(row)
        if cause is not Cause.RENT:
            _do_now(session, instance, now)
    see_to(session, facts, now)
    return known


def resume(
    session: Session, instance: str, why: str, *, by: str, now: datetime, cause: Cause | None = None
) -> list[SuspensionFacts]:
    """What is wanted no more: the suspensions of a cause, or all of the instance; those that this ended.

    Another one that stands keeps the instance suspended.
    """
    facts = instances.lock(session, instance)
    query = select(Suspension).where(Suspension.instance_name == instance, Suspension.ends_asked_at.is_(None))
    ended = [row for row in session.scalars(query) if cause is None or row.cause == cause]
    for row in ended:
        row.ends_asked_at, row.ends_by, row.ends_why = now, by, why
        session.flush()
        evidence = {"cause": row.cause}
        record(session, by, END_WANTED, instances.subject_of(instance), why=why, evidence=evidence, now=now)
    see_to(session, facts, now)
    return [facts_of(row) for row in ended]


def standing(session: Session, instance: str) -> list[SuspensionFacts]:
    """The suspensions of an instance that are wanted, the oldest first."""
    return [one for one in suspensions_of(session, instance) if one.stands]


def suspensions_of(session: Session, instance: str) -> list[SuspensionFacts]:
    """All suspensions of an instance, the oldest first."""
    query = select(Suspension).where(Suspension.instance_name == instance).order_by(Suspension.id)
    return [facts_of(row) for row in session.scalars(query)]


def all_suspensions(session: Session, *, standing_only: bool = False) -> list[SuspensionFacts]:
    """The suspensions of all instances, the oldest first."""
    query = select(Suspension).order_by(Suspension.id)
    if standing_only:
        query = query.where(Suspension.opened_at.is_(None))
    return [facts_of(row) for row in session.scalars(query)]


def record_closed(session: Session, instance: str, evidence: Mapping[str, Any], now: datetime) -> list[SuspensionFacts]:
    """Nobody is let in any more, proven; once for each suspension that is wanted. Nothing where none is any more."""
    facts = instances.lock(session, instance)
    query = select(Suspension).where(Suspension.instance_name == instance, Suspension.ends_asked_at.is_(None))
    wanted = session.scalars(query.order_by(Suspension.id)).all()
    if not wanted:
        return []
    for row in wanted:
        row.closed_at = row.closed_at or now
    if facts.state is InstanceState.ACTIVE:
        _set_state(session, instance, InstanceState.SUSPENDED)
        why, subject = wanted[0].because, instances.subject_of(instance)
        record(session, SERVICE, CLOSED, subject, why=why, evidence=evidence, now=now)
    session.flush()
    return [facts_of(row) for row in wanted]


def record_opened(session: Session, instance: str, evidence: Mapping[str, Any], now: datetime) -> list[SuspensionFacts]:
    """The instance is served as before, proven; those suspensions that are over by that. Nothing where one stands."""
    facts = instances.lock(session, instance)
    if standing(session, instance):
        return []
    query = select(Suspension).where(Suspension.instance_name == instance, Suspension.opened_at.is_(None))
    over = session.scalars(query.order_by(Suspension.id)).all()
    for row in over:
        row.opened_at = now
    if facts.state is InstanceState.SUSPENDED:
        _set_state(session, instance, InstanceState.ACTIVE)
        why = over[-1].ends_why if over else ""
        record(session, SERVICE, OPENED, instances.subject_of(instance), why=why, evidence=evidence, now=now)
    session.flush()
    return [facts_of(row) for row in over]


def record_over(session: Session, instance: str, now: datetime) -> None:
    """What was wanted no more of an instance that has ended, or was never closed for it, is over."""
    query = select(Suspension).where(Suspension.instance_name == instance, Suspension.ends_asked_at.is_not(None))
    for row in session.scalars(query.where(Suspension.opened_at.is_(None))):
        row.opened_at = now
    session.flush()


def not_as_wanted(session: Session) -> list[InstanceFacts]:
    """The instances that are served and should not be, or the other way round."""
    wanted = set(session.scalars(select(Suspension.instance_name).where(Suspension.ends_asked_at.is_(None))))
    half = set(session.scalars(select(Suspension.instance_name).where(Suspension.opened_at.is_(None))))
    shut = set(session.scalars(select(Instance.name).where(Instance.state == InstanceState.SUSPENDED)))
    known = [instances.instance_facts(session, name) for name in sorted(wanted | half | shut)]
    return [one for one in known if one.state in SERVED and is_other(one, wanted, half)]


def is_other(one: InstanceFacts, wanted: set[str], half: set[str]) -> bool:
    """Whether an instance is not as wanted: one that is half closed has its suspension's end to come."""
    if one.name in wanted:
        return one.state is InstanceState.ACTIVE
    return one.state is InstanceState.SUSPENDED or one.name in half


def see_to(session: Session, facts: InstanceFacts, now: datetime) -> str:
    """Ask for the run that brings an instance to what is wanted, unless one is on its way; its subject, or nothing."""
    instance = facts.name
    wanted = bool(standing(session, instance))
    if facts.state not in SERVED:
        record_over(session, instance, now)
        return ""
    if instance not in {one.name for one in not_as_wanted(session)}:
        return ""
    kind, other = (work.SUSPEND, work.RESUME) if wanted else (work.RESUME, work.SUSPEND)
    rows = session.scalars(select(Work).where(Work.kind.in_([kind, other]), Work.subject.startswith(f"{instance}@")))
    known = list(rows)
    for row in known:
        if row.kind == other and row.state in {WorkState.OPEN, WorkState.FAILED}:
            work.cancel(session, row.kind, row.subject, "Nobody wants it any more.")
    own = [row for row in known if row.kind == kind]
    if any(row.state in {WorkState.OPEN, WorkState.DISPATCHED} for row in own):
        return ""
    failed = next((row for row in own if row.state == WorkState.FAILED), None)
    if failed is not None and now < failed.due_at + AGAIN_AFTER:
        return ""
    subject = failed.subject if failed is not None else f"{instance}@{now:%Y-%m-%dT%H:%M:%S}Z"
    work.ask_for(session, kind, subject, now, by=SERVICE, now=now)
    return subject


def _do_now(session: Session, instance: str, now: datetime) -> None:
    """A run that was put off to a morning, for a rent, comes at once: a person's word waits for none."""
    for one in work.work_in(session, WorkState.OPEN):
        if one.kind == work.SUSPEND and one.subject.startswith(f"{instance}@") and one.due_at > now:
            work.reschedule(session, one.id, now)


def facts_of(row: Suspension) -> SuspensionFacts:
    """The row, frozen."""
    return SuspensionFacts(
        id=row.id,
        instance=row.instance_name,
        cause=Cause(row.cause),
        because=row.because,
        by=row.by,
        asked_at=row.asked_at,
        closed_at=row.closed_at,
        ends_asked_at=row.ends_asked_at,
        ends_by=row.ends_by,
        ends_why=row.ends_why,
        opened_at=row.opened_at,
    )


def _set_state(session: Session, instance: str, state: InstanceState) -> None:
    """The instance's state, along an edge."""
    row = session.get_one(Instance, instance)
    row.state = step(InstanceState(row.state), state)
    session.flush()
