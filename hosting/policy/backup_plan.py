"""The plan of backups: what is due for an instance, in which order, what may go, what is proven next (P19 to P22).

All of it is decided on records alone, so that a night that was lost is seen by the next one and caught up.
Worked examples: `docs/backup-plan.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from hosting.policy.backup_times import ONE_DAY, in_hours, in_utc, next_full, next_slot
from hosting.policy.states import GenerationState
from hosting.policy.values import PointKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hosting.policy.terms import Terms
    from hosting.policy.values import GenerationFacts, InstanceName, PointFacts, ServerName

SPARE_NIGHTS = 4
"""Nights of a round of rehearsals that may be lost, so that everyone is proven in time all the same."""

KEPT = frozenset({GenerationState.OPEN, GenerationState.CLOSED})
"""The states of a generation that is relied on."""

GOING = frozenset({GenerationState.DROPPING, GenerationState.DROPPED})
"""The states of a generation that is not there any more, or only in part."""

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Due:
    """A backup that is due now: its kind, why in one sentence, and since when."""

    kind: PointKind
    because: str
    was_due_at: datetime


def due_backup(  # noqa: PLR0917  # the facts of one question, in the order in which it is asked
    generations: Sequence[GenerationFacts],
    points: Sequence[PointFacts],
    server_name: ServerName,
    now: datetime,
    terms: Terms,
    active_since: datetime | None,
) -> Due | None:
    """The backup of an instance that is due now, if one is (P21, P22).

    Full: there is none yet, the instance has moved, the open generation is damaged, or the weekly night has come since
    its full backup; else incremental, when its time has come since the last point. What was missed stays due.

    Args:
        generations: all of the instance.
        points: all of the instance.
        server_name: the server on which the instance is now.
        now: the moment of the question.
        terms: of the instance's contract.
        active_since: when the instance was opened; nothing is due as long as it isn't.
    """
    now = in_utc(now)
    if active_since is None:
        return None
    if not points:
        return Due(PointKind.FULL, "There is no backup yet.", min(now, in_utc(active_since)))
    current = current_generation(generations, points)
    because = _why_anew(current, generations, points, server_name)
    if current is None or because:
        last = max(point.taken_at for point in points)
        return Due(PointKind.FULL, because, min(now, next_slot(last, terms)))
    return _due_in_time([point for point in points if point.generation == current.id], now, terms)


def current_generation(generations: Iterable[GenerationFacts], points: Iterable[PointFacts]) -> GenerationFacts | None:
    """The open generation that has its full backup; one that a dead run began and never filled does not count."""
    filled = {point.generation for point in points if point.kind is PointKind.FULL}
    begun = [one for one in generations if one.state is GenerationState.OPEN and one.id in filled]
    return max(begun, key=_age, default=None)


def catch_up_order(due: Mapping[InstanceName, Due], points: Iterable[PointFacts]) -> list[InstanceName]:
    """The instances in the order of their backups: the longest overdue first, then the longest without a point.

    On ordinary nights each so keeps its place from the night before, and what one night left undone comes first.

    Args:
        due: what is due, by instance.
        points: of these instances, as far as there are any.
    """
    last: dict[InstanceName, datetime] = {}
    for point in points:
        if not point.damaged:
            last[point.instance_name] = max(point.taken_at, last.get(point.instance_name, NEVER))
    return sorted(due, key=lambda name: (due[name].was_due_at, last.get(name, NEVER), name))


def spread(servers: Iterable[str], window: timedelta) -> dict[str, timedelta]:
    """When each server's nightly run starts after the opening: evenly apart, in the order of the names.

    Args:
        servers: names of the servers.
        window: the time over which the starts are spread; whole minutes come out.
    """
    names = sorted(set(servers))
    minutes = window // timedelta(minutes=1)
    return {name: timedelta(minutes=minutes * place // len(names)) for place, name in enumerate(names)}


def droppable(
    generations: Sequence[GenerationFacts], points: Sequence[PointFacts], now: datetime, terms: Terms
) -> list[str]:
    """The generations of one instance that may go, the oldest first; nothing smaller is ever removed (P21).

    A generation goes when its last point is `backup_weeks_kept` old; one that holds no good point goes as soon as
    another holds one. Never goes: the open one, the newest that was proven, the newest with a good point.
    What is being dropped already is named again, so that a removal that was broken off is ended.
    """
    last = _last_good(generations, points)
    stays = _must_stay(generations, points, last)
    oldest = in_utc(now) - timedelta(weeks=terms.backup_weeks_kept)

    def goes(one: GenerationFacts) -> bool:
        """Whether this generation may go."""
        if one.state not in {GenerationState.CLOSED, GenerationState.DAMAGED}:
            return one.state is GenerationState.DROPPING
        return one.id not in stays and (last[one.id] <= oldest if one.id in last else bool(last))

    return [one.id for one in sorted(generations, key=_age) if goes(one)]


def per_night(terms: Iterable[Terms]) -> int:
    """How many rehearsals a night needs so that all are proven in time, lost nights included (P20).

    Args:
        terms: of each instance that has a point to prove.
    """
    return ceil(sum(Fraction(1, max(1, one.rehearse_within_days - SPARE_NIGHTS)) for one in terms))


def next_rehearsals(
    last_proofs: Mapping[InstanceName, datetime | None],
    now: datetime,
    terms: Terms,
    most: int,
    *,
    levels: Mapping[InstanceName, Terms] | None = None,
    failed: Mapping[InstanceName, datetime] | None = None,
) -> list[InstanceName]:
    """The instances whose backup is proven next: who never was, then whose proof runs out first (P20).

    Who was tried and not proven is tried again beside the others, so that he keeps nobody from a proof.

    Args:
        last_proofs: of all instances that have a point to prove; None where none was proven.
        now: the moment of the question; who was proven within the last half day is left alone.
        terms: the standard ones.
        most: how many at most, and at most so many of those that failed.
        levels: the terms of instances whose contract agreed on others.
        failed: when the last try ended of those whose last one did not prove them.
    """
    recent = in_utc(now) - ONE_DAY / 2
    runs_out: dict[InstanceName, datetime] = {}
    for name, proven_at in last_proofs.items():
        if proven_at is None or proven_at <= recent:
            within = timedelta(days=(levels or {}).get(name, terms).rehearse_within_days)
            runs_out[name] = NEVER if proven_at is None else proven_at + within
    return fair_turns(sorted(runs_out, key=lambda name: (runs_out[name], name)), failed or {}, most)


def fair_turns(due: Sequence[InstanceName], failed: Mapping[InstanceName, datetime], most: int) -> list[InstanceName]:
    """Whose turn it is: so many that did not fail, in their order, and at most as many of those that did.

    Of those that failed, whose last try is the longest ago comes first.
    """
    waiting = [name for name in due if name not in failed]
    again = sorted((name for name in due if name in failed), key=lambda name: failed[name])
    return [*waiting[:most], *again[:most]]


def _why_anew(
    current: GenerationFacts | None,
    generations: Iterable[GenerationFacts],
    points: Iterable[PointFacts],
    server_name: ServerName,
) -> str:
    """Why the instance needs a new generation whatever the day; empty if the current one can be added to."""
    if current is None:
        filled = {point.generation for point in points}
        newest = max((one for one in generations if one.id in filled), key=_age, default=None)
        return "No generation is open." if newest is None else f"Generation {newest.id} is {newest.state}."
    if current.server_name != server_name:
        return f"The instance has moved from {current.server_name} to {server_name}."
    damaged = any(point.damaged for point in points if point.generation == current.id)
    return f"A point of generation {current.id} is damaged." if damaged else ""


def _due_in_time(own: Sequence[PointFacts], now: datetime, terms: Terms) -> Due | None:
    """What the clock asks of a generation that can be added to, given its points."""
    weekly = next_full(max(point.taken_at for point in own if point.kind is PointKind.FULL), terms)
    if weekly <= now:
        return Due(PointKind.FULL, "The night of the weekly full backup has come.", weekly)
    slot = next_slot(max(point.taken_at for point in own), terms)
    because = f"A backup is due every {in_hours(terms.backup_every)}."
    return Due(PointKind.INCREMENTAL, because, slot) if slot <= now else None


def _last_good(generations: Iterable[GenerationFacts], points: Iterable[PointFacts]) -> dict[str, datetime]:
    """When the last good point was taken of each generation that is there and holds one."""
    there = {one.id for one in generations if one.state not in GOING}
    good = [point for point in points if point.generation in there and not point.damaged]
    return {point.generation: point.taken_at for point in sorted(good, key=lambda point: point.taken_at)}


def _must_stay(
    generations: Iterable[GenerationFacts], points: Iterable[PointFacts], good: Mapping[str, datetime]
) -> set[str]:
    """The newest proven generation and the newest with a good point; a damaged one only where no other holds any."""
    proven = {point.generation for point in points if point.proven_at is not None and not point.damaged}
    holding = sorted((one for one in generations if one.id in good), key=_age)
    relied = [one for one in holding if one.state in KEPT]
    verified = [one for one in relied if one.id in proven]
    return {one.id for one in [*verified[-1:], *(relied or holding)[-1:]]}


def _age(generation: GenerationFacts) -> tuple[datetime, str]:
    """What generations are sorted by: the oldest first."""
    return generation.begun_at, generation.id
