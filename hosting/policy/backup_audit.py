"""The morning's audit of backups: what is missing, unproven, unknown or unusual, told in sentences (P19 to P22).

It compares three witnesses: the instances that are open, the records of what was backed up, and the store's own list.
So a backup that never ran is noticed as one that failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from hosting.policy.backup_plan import KEPT
from hosting.policy.backup_times import ONE_DAY, ZONE, in_hours, in_utc
from hosting.policy.states import GenerationState
from hosting.policy.terms import GIB
from hosting.policy.values import PointKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from hosting.policy.terms import Terms
    from hosting.policy.values import GenerationFacts, InstanceName, PointFacts

WEEK = 7 * ONE_DAY
DAILY_GROWTH = 10
"""An incremental that adds so many times the usual is told."""

WEEKLY_GROWTH = 2
"""A full backup that is so many times larger or smaller than the one before is told."""

LOST_SHARE = 0.01
"""More of the files that a database names, gone since the point before, is wrong; less asks for a look."""

HISTORY = 3
"""Incrementals that are needed to know what is usual."""


class Severity(StrEnum):
    """Whether a finding breaks a promise, or only asks for a look."""

    WRONG = "wrong"
    WATCH = "watch"


@dataclass(frozen=True)
class Finding:
    """What the audit found: about what, in one sentence, and what to do."""

    severity: Severity
    subject: str  # e.g. instance:k3v9
    sentence: str
    do: str


@dataclass(frozen=True)
class AuditedInstance:
    """An open instance with all that is known of its backups.

    Args:
        name: of the instance.
        active_since: when it was opened.
        points: all of its recovery points whose generation is there.
        terms: of its contract.
        last_failure: what the last failed run said, empty if the last one did not fail.
    """

    name: InstanceName
    active_since: datetime
    points: Sequence[PointFacts]
    terms: Terms
    last_failure: str = ""


class StoredGeneration(NamedTuple):
    """A generation as the store lists it: where it stands, how many objects it has, their bytes."""

    server_name: str
    instance_name: str
    generation: str
    objects: int
    bytes: int


@dataclass(frozen=True)
class BackupStanding:
    """How an instance's backups stand; None where there is no such point.

    Args:
        last_good_at: of the newest point that can be relied on.
        last_full_at: of the newest full one among them.
        proven_at: when one of them was last proven by a restore.
        unproven_since: of the oldest point that is newer than the proven one.
    """

    last_good_at: datetime | None
    last_full_at: datetime | None
    proven_at: datetime | None
    unproven_since: datetime | None


def audit(
    instances: Iterable[AuditedInstance],
    generations: Sequence[GenerationFacts],
    stored: Iterable[StoredGeneration] | None,
    now: datetime,
) -> list[Finding]:
    """All findings, what breaks a promise first.

    Args:
        instances: that are open, suspended ones included.
        generations: all that were ever recorded, those of ended instances too.
        stored: the store's list, made before the records were read: a generation is recorded before it is written.
            None where it could not be had.
        now: the moment of the audit.
    """
    now, instances = in_utc(now), list(instances)
    states = {one.id: one.state for one in generations}
    found = [finding for one in instances for finding in _of_instance(one, states, now)]
    found += _damaged(instances, generations)
    found += _of_store(generations, list(stored)) if stored is not None else []
    return sorted(found, key=lambda finding: (finding.severity is not Severity.WRONG, finding.subject))


def backup_standing(points: Iterable[PointFacts], states: Mapping[str, GenerationState]) -> BackupStanding:
    """How an instance's backups stand, given the states of its generations by their ids."""
    good = _good(points, states)
    taken = [point.taken_at for point in good]
    proofs = [point.proven_at for point in good if point.proven_at is not None]
    proven = [point.taken_at for point in good if point.proven_at is not None]
    return BackupStanding(
        max(taken, default=None),
        max((point.taken_at for point in good if point.kind is PointKind.FULL), default=None),
        max(proofs, default=None),
        min((moment for moment in taken if not proven or moment > max(proven)), default=None),
    )


def _of_instance(one: AuditedInstance, states: Mapping[str, GenerationState], now: datetime) -> Iterator[Finding]:
    """What is wrong with an instance's backups, or unusual."""
    stands = backup_standing(one.points, states)
    subject, again = f"instance:{one.name}", f"Back it up now: phm backup {one.name}."
    stale, days = one.terms.backup_stale_after, one.terms.rehearse_within_days
    if now - (stands.last_good_at or one.active_since) > stale:
        yield Finding(Severity.WRONG, subject, f"{_stale(one, stands)} {_why(one)}", again)
    elif now - (stands.last_full_at or one.active_since) > WEEK + stale:
        sentence = f"Instance {one.name} has had no full backup since {_told(stands.last_full_at or one.active_since)}."
        yield Finding(Severity.WRONG, subject, sentence, again)
    if now - (stands.proven_at or one.active_since) > days * ONE_DAY:
        last = "has never been proven" if stands.proven_at is None else f"was last proven on {_told(stands.proven_at)}"
        sentence = f"A restore of instance {one.name} {last}; a proof is owed every {days} days."
        yield Finding(Severity.WRONG, subject, sentence, f"Prove it now: phm rehearse {one.name}.")
    good = _good(one.points, states)
    yield from _growth(one, good, now)
    yield from _of_newest(one, good, now)


def _stale(one: AuditedInstance, stands: BackupStanding) -> str:
    """Since when an instance has no good backup."""
    if stands.last_good_at is None:
        return f"Instance {one.name}, opened on {_told(one.active_since)}, has no good backup."
    within = in_hours(one.terms.backup_stale_after)
    return (
        f"Instance {one.name} has had no good backup since {_told(stands.last_good_at)}, which is more than {within}."
    )


def _why(one: AuditedInstance) -> str:
    """Why, as far as a run has said."""
    return f"The last run said: {one.last_failure}" if one.last_failure else "No run has said why: perhaps none ran."


def _growth(one: AuditedInstance, good: Sequence[PointFacts], now: datetime) -> Iterator[Finding]:
    """The last day's points that are much larger or smaller than what is usual for the instance."""
    do = "Look at what grew or is gone, before older points are dropped."
    for point in good:
        usual = _usual(point, good)
        if usual is None or now - point.taken_at > ONE_DAY or abs(point.bytes_added - usual) < GIB:
            continue
        times = WEEKLY_GROWTH if point.kind is PointKind.FULL else DAILY_GROWTH
        shrunk = point.kind is PointKind.FULL and point.bytes_added * times < usual
        if shrunk or point.bytes_added > usual * times:
            sizes = f"{point.bytes_added / GIB:.1f} GiB, where {usual / GIB:.1f} GiB were usual"
            sentence = f"The {point.kind} backup of instance {one.name} of {_told(point.taken_at)} has {sizes}."
            yield Finding(Severity.WATCH, f"instance:{one.name}", sentence, do)


def _of_newest(one: AuditedInstance, good: Sequence[PointFacts], now: datetime) -> Iterator[Finding]:
    """What the newest point lacks, if it is of the last day: files that its database names, and the salt.

    Such a point is a true copy of an instance that has lost something: the points before it are what helps.
    """
    if not good or now - good[-1].taken_at > ONE_DAY:
        return
    newest, before = good[-1], good[-2].manifest if len(good) > 1 else {}
    do = f"Restore what is gone from a point before it: phm snapshots {one.name}."
    for what, seen in newest.manifest.get("named", {}).items():
        earlier = before.get("named", {}).get(what, {}).get("missing", 0)
        if (gone := seen["missing"] - earlier) > 0:
            severity = Severity.WRONG if gone > LOST_SHARE * seen["named"] else Severity.WATCH
            sentence = (
                f"Of {seen['named']} {what} that the database of instance {one.name} names, {seen['missing']} were not "
                f"in its folder on {_told(newest.taken_at)}; the point before lacked {earlier}."
            )
            yield Finding(severity, f"instance:{one.name}", sentence, do)
    if newest.manifest.get("salt") is False:
        sentence = f"The settings of instance {one.name} had no salt on {_told(newest.taken_at)}: nobody can log in."
        yield Finding(Severity.WRONG, f"instance:{one.name}", sentence, do)


def _usual(point: PointFacts, good: Iterable[PointFacts]) -> float | None:
    """The bytes that such a point usually adds: the full one before it, or the middle of the incrementals."""
    before = [one.bytes_added for one in good if one.kind is point.kind and one.taken_at < point.taken_at]
    if point.kind is PointKind.FULL:
        return before[-1] if before else None
    return median(before) if len(before) >= HISTORY else None


def _of_store(generations: Iterable[GenerationFacts], stored: Iterable[StoredGeneration]) -> Iterator[Finding]:
    """What the record and the store don't say alike, both ways."""
    listed = {(one.server_name, one.instance_name, one.generation): one for one in stored if one.objects}
    for one in generations:
        there = listed.pop((one.server_name, one.instance_name, one.id), None)
        subject, name = f"generation:{one.id}", f"Generation {one.id} of instance {one.instance_name}"
        gone = one.state in {GenerationState.DROPPING, GenerationState.DROPPED}
        if there is None and one.bytes_added and not gone:
            sentence, do = f"{name} is recorded, but the store has no object of it.", "Ask the store's provider, now."
            yield Finding(Severity.WRONG, subject, sentence, do)
        if there is not None and one.state is GenerationState.DROPPED:
            sentence = f"{name} was dropped, but the store still has {there.objects} objects of it."
            yield Finding(Severity.WRONG, subject, sentence, "Remove them in the store, all versions.")
    for there in listed.values():
        place = f"{there.server_name}/{there.instance_name}/{there.generation}"
        sentence = f"The store has {there.objects} objects under {place}, which no record knows."
        do = "Find out who wrote them; nothing removes them by itself."
        yield Finding(Severity.WRONG, f"generation:{there.generation}", sentence, do)


def _damaged(instances: Iterable[AuditedInstance], generations: Iterable[GenerationFacts]) -> Iterator[Finding]:
    """The generations of open instances that hold points which can't be relied on."""
    held = {point.generation for one in instances for point in one.points}
    for one in generations:
        if one.state is GenerationState.DAMAGED and one.id in held:
            sentence = f"Generation {one.id} of instance {one.instance_name} is damaged: {one.finding}"
            do = f"A full backup takes its place in the next run; older points: phm snapshots {one.instance_name}."
            yield Finding(Severity.WATCH, f"generation:{one.id}", sentence, do)


def _good(points: Iterable[PointFacts], states: Mapping[str, GenerationState]) -> list[PointFacts]:
    """The points that can be relied on, the oldest first."""
    good = [point for point in points if not point.damaged and states.get(point.generation) in KEPT]
    return sorted(good, key=lambda point: point.taken_at)


def _told(moment: datetime) -> str:
    """A moment as the clock in Berlin shows it."""
    return f"{moment.astimezone(ZONE):%d %b %Y %H:%M}"
