"""The morning's audit of backups: what is missing, not looked at, unknown or unusual, told in sentences (P19 to P22).

It compares three witnesses: the instances that are open, the records of what was backed up, and the store's own list.
So a backup that never ran is noticed as one that failed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from hosting.policy.backup_growth import growth_share, told_growth
from hosting.policy.backup_plan import KEPT
from hosting.policy.backup_times import ONE_DAY, ZONE, in_hours, in_utc
from hosting.policy.states import GenerationState
from hosting.policy.values import PointKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from hosting.policy.terms import Terms
    from hosting.policy.values import GenerationFacts, InstanceName, PointFacts

WEEK = 7 * ONE_DAY
LOST_SHARE = 0.01
"""More of the files that a database names, gone since the point before, is wrong; less asks for a look."""


class Severity(StrEnum):
    """Whether a finding breaks a promise, or only asks for a look."""

    WRONG = "wrong"
    WATCH = "watch"


@dataclass(frozen=True)
class Finding:
    """What the audit found: about what, in one sentence, and what to do; the code is its kind, whatever its figures."""

    severity: Severity
    subject: str  # e.g. instance:k3v9
    sentence: str
    do: str
    code: str = field(default="", compare=False)


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
    """A generation as the store lists it: where it stands, how many objects it has, their bytes, how many are altered.

    An object is altered that is not what was first written there: it was overwritten, or is hidden; the last one at
    `altered_at`, by the store's clock.
    """

    server_name: str
    instance_name: str
    generation: str
    objects: int
    bytes: int
    altered: int = 0
    altered_at: datetime | None = None


@dataclass(frozen=True)
class BackupStanding:
    """How an instance's backups stand; None where there is no such point.

    Args:
        last_good_at: of the newest point that can be relied on.
        last_full_at: of the newest full one among them.
        proven_at: when one of them was last proven by a restore.
        not_looked_at: the oldest of all that are kept which no rehearsal has proven and no check has looked through.
        grown: how many times the full backup before it the last one has.
    """

    last_good_at: datetime | None
    last_full_at: datetime | None
    proven_at: datetime | None
    not_looked_at: PointFacts | None
    grown: float | None


def audit(
    instances: Iterable[AuditedInstance],
    generations: Sequence[GenerationFacts],
    stored: Iterable[StoredGeneration] | None,
    now: datetime,
    sound: Mapping[str, datetime] | None = None,
) -> list[Finding]:
    """All findings, what breaks a promise first.

    Args:
        instances: that are open, suspended ones included.
        generations: all that were ever recorded, those of ended instances too.
        stored: the store's list, made before the records were read: a generation is recorded before it is written.
            None where it could not be had.
        now: the moment of the audit.
        sound: when the look began by which a mend last found a generation sound as a whole, by its id.
    """
    now, instances = in_utc(now), list(instances)
    states = {one.id: one.state for one in generations}
    found = [finding for one in instances for finding in _of_instance(one, states, now)]
    found += _damaged(instances, generations)
    found += _of_store(generations, list(stored), sound or {}) if stored is not None else []
    return sorted(found, key=lambda finding: (finding.severity is not Severity.WRONG, finding.subject))


def backup_standing(
    points: Iterable[PointFacts],
    states: Mapping[str, GenerationState],
    checked: Mapping[str, datetime] | None = None,
) -> BackupStanding:
    """How an instance's backups stand.

    Args:
        points: of the instance.
        states: of its generations, by their ids.
        checked: when they were last looked through; one that never was is not in it.
    """
    good = good_points(points, states)
    return BackupStanding(
        max((point.taken_at for point in good), default=None),
        max((point.taken_at for point in good if point.kind is PointKind.FULL), default=None),
        max((point.proven_at for point in good if point.proven_at is not None), default=None),
        next((point for point in good if not was_looked_at(point, checked or {})), None),
        growth_share(good),
    )


def was_looked_at(point: PointFacts, checked: Mapping[str, datetime]) -> bool:
    """Whether a rehearsal has proven a point, or a check has looked through its generation since it was taken."""
    at = checked.get(point.generation)
    return point.proven_at is not None or (at is not None and at > point.taken_at)


def oldest_not_looked_at(standings: Iterable[BackupStanding]) -> PointFacts | None:
    """The oldest point of all instances that was neither proven nor looked through; None where there is none."""
    left = [one.not_looked_at for one in standings if one.not_looked_at is not None]
    return min(left, key=lambda point: (point.taken_at, point.id), default=None)


def told_oldest(point: PointFacts | None, now: datetime) -> str:
    """The oldest point of all that nothing has looked at, in a sentence."""
    if point is None:
        return "No point is kept that neither a rehearsal has proven nor a check has looked through since it was taken."
    days = (in_utc(now) - point.taken_at) / ONE_DAY
    told = f"{point.id} of {_told(point.taken_at)}, {days:.0f} days old"
    return f"The oldest point that no rehearsal has proven and no check has looked through: {told}."


def _of_instance(one: AuditedInstance, states: Mapping[str, GenerationState], now: datetime) -> Iterator[Finding]:
    """What is wrong with an instance's backups, or unusual."""
    stands = backup_standing(one.points, states)
    subject, again = f"instance:{one.name}", f"Back it up now: phm backup {one.name}."
    stale, days = one.terms.backup_stale_after, one.terms.rehearse_within_days
    if now - (stands.last_good_at or one.active_since) > stale:
        yield Finding(Severity.WRONG, subject, f"{_stale(one, stands)} {_why(one)}", again, "stale")
    elif now - (stands.last_full_at or one.active_since) > WEEK + stale:
        sentence = f"Instance {one.name} has had no full backup since {_told(stands.last_full_at or one.active_since)}."
        yield Finding(Severity.WRONG, subject, sentence, again, "no full")
    if now - (stands.proven_at or one.active_since) > days * ONE_DAY:
        last = "has never been proven" if stands.proven_at is None else f"was last proven on {_told(stands.proven_at)}"
        sentence = f"A restore of instance {one.name} {last}; a proof is owed every {days} days."
        yield Finding(Severity.WRONG, subject, sentence, f"Prove it now: phm rehearse {one.name}.", "unproven")
    good = good_points(one.points, states)
    look = "Look at what grew or is gone, before older points are dropped."
    grown = told_growth(one.name, good, one.terms, now)
    yield from (Finding(Severity.WATCH, subject, said, look, f"grown {number}") for number, said in enumerate(grown, 1))
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
            yield Finding(severity, f"instance:{one.name}", sentence, do, f"lacks {what}")
    if newest.manifest.get("salt") is False:
        sentence = f"The settings of instance {one.name} had no salt on {_told(newest.taken_at)}: nobody can log in."
        yield Finding(Severity.WRONG, f"instance:{one.name}", sentence, do, "no salt")


def _of_store(
    generations: Iterable[GenerationFacts], stored: Iterable[StoredGeneration], sound: Mapping[str, datetime]
) -> Iterator[Finding]:
    """What the record and the store don't say alike, both ways."""
    listed = {(one.server_name, one.instance_name, one.generation): one for one in stored if one.objects or one.altered}
    for one in generations:
        there = listed.pop((one.server_name, one.instance_name, one.id), None)
        there = there or StoredGeneration(one.server_name, one.instance_name, one.id, 0, 0)
        yield from _of_stored(one, there, sound.get(one.id))
    for there in listed.values():
        place = f"{there.server_name}/{there.instance_name}/{there.generation}"
        sentence = f"The store has {there.objects} objects under {place}, which no record knows."
        do = "Find out who wrote them; nothing removes them by itself."
        yield Finding(Severity.WRONG, f"generation:{there.generation}", sentence, do, "unknown")


def _of_stored(one: GenerationFacts, there: StoredGeneration, sound: datetime | None) -> Iterator[Finding]:
    """What a generation's record and the store don't say alike."""
    subject, name = f"generation:{one.id}", f"Generation {one.id} of instance {one.instance_name}"
    gone = one.state in {GenerationState.DROPPING, GenerationState.DROPPED}
    if there.altered and not gone:
        yield _altered(one, there, sound)
    elif not there.objects and one.bytes_added and not gone:
        sentence, do = f"{name} is recorded, but the store has no object of it.", "Ask the store's provider, now."
        yield Finding(Severity.WRONG, subject, sentence, do, "not stored")
    if there.objects and one.state is GenerationState.DROPPED:
        sentence = f"{name} was dropped, but the store still has {there.objects} objects of it."
        yield Finding(Severity.WRONG, subject, sentence, "Remove them in the store, all versions.", "not removed")


def _altered(one: GenerationFacts, there: StoredGeneration, sound: datetime | None) -> Finding:
    """Objects of a generation are not what was first written there; whether a mend has found it sound without them.

    What was altered in the second in which the mend began to look may not have been seen: stores tell whole seconds.
    """
    subject, name = f"generation:{one.id}", f"Generation {one.id} of instance {one.instance_name}"
    many, count = there.altered > 1, f"{there.altered} object{'s' * (there.altered > 1)}"
    if sound is not None and there.altered_at is not None and there.altered_at < sound.replace(microsecond=0):
        sentence = f"{name} was mended since, and is sound; {count} of somebody else's {'are' if many else 'is'} left."
        do = f"Nothing of it needs them, and they go with it. See which: phm mend {one.id}."
        return Finding(Severity.WATCH, subject, sentence, do, "altered")
    sentence = f"{name} has {count} that {'are' if many else 'is'} not what was first written there."
    do = f"See which, and what belongs there: phm mend {one.id}."
    return Finding(Severity.WRONG, subject, sentence, do, "altered")


def _damaged(instances: Iterable[AuditedInstance], generations: Iterable[GenerationFacts]) -> Iterator[Finding]:
    """The generations of open instances that hold points which can't be relied on."""
    held = {point.generation for one in instances for point in one.points}
    for one in generations:
        if one.state is GenerationState.DAMAGED and one.id in held:
            sentence = f"Generation {one.id} of instance {one.instance_name} is damaged: {one.finding}"
            do = f"A full backup takes its place in the next run; older points: phm snapshots {one.instance_name}."
            yield Finding(Severity.WATCH, f"generation:{one.id}", sentence, do, "damaged")


def good_points(points: Iterable[PointFacts], states: Mapping[str, GenerationState]) -> list[PointFacts]:
    """The points that can be relied on, the oldest first."""
    good = [point for point in points if not point.damaged and states.get(point.generation) in KEPT]
    return sorted(good, key=lambda point: point.taken_at)


def _told(moment: datetime) -> str:
    """A moment as the clock in Berlin shows it."""
    return f"{moment.astimezone(ZONE):%d %b %Y %H:%M}"
