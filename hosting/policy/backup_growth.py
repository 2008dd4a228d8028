"""How an instance's backups grow or shrink: judged by share and by size, small ones by a larger share (P20 to P22).

A large instance is told of when it doubles or loses half, and by a GiB at least; a small one when it is three times
as large or small, and by what is more than somebody's attachments. What is less than that is nobody's concern.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from hosting.policy.backup_times import ONE_DAY, ZONE
from hosting.policy.quota import MIB
from hosting.policy.terms import GIB
from hosting.policy.values import PointKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from hosting.policy.terms import Terms
    from hosting.policy.values import InstanceName, PointFacts

HISTORY = 3
"""Incrementals that are needed to know what is usual."""


def growth_share(good: Iterable[PointFacts]) -> float | None:
    """How many times the size of the full backup before it the newest one has; None where there are no two."""
    sizes = [point.bytes_added for point in good if point.kind is PointKind.FULL][-2:]
    return sizes[1] / sizes[0] if len(sizes) > 1 and sizes[0] else None


def told_growth(name: InstanceName, good: Sequence[PointFacts], terms: Terms, now: datetime) -> Iterator[str]:
    """A sentence for each of the last day's points that is much larger or smaller than is usual for the instance.

    Args:
        name: of the instance.
        good: its points that can be relied on, the oldest first.
        terms: of its contract.
        now: the moment of the question.
    """
    for point in good:
        if now - point.taken_at > ONE_DAY:
            continue
        before = [one for one in good if one.taken_at < point.taken_at]
        when = f"instance {name} of {point.taken_at.astimezone(ZONE):%d %b %Y %H:%M}"
        if point.kind is PointKind.FULL:
            yield from _full(when, point, before, terms)
        else:
            yield from _incremental(when, point, before, terms)


def _full(when: str, point: PointFacts, before: Iterable[PointFacts], terms: Terms) -> Iterator[str]:
    """A full backup beside the one before it."""
    usual = [one.bytes_added for one in before if one.kind is PointKind.FULL][-1:]
    if usual and (_multiplied(usual[0], point.bytes_added, terms) or _multiplied(point.bytes_added, usual[0], terms)):
        yield f"The full backup of {when} has {_size(point.bytes_added)}, where {_size(usual[0])} were usual."


def _incremental(when: str, point: PointFacts, before: Sequence[PointFacts], terms: Terms) -> Iterator[str]:
    """An incremental beside the usual ones, and the instance with it beside the full backup that it is added to."""
    own = [one for one in before if one.generation == point.generation]
    full = sum(one.bytes_added for one in own if one.kind is PointKind.FULL)
    so_far = sum(one.bytes_added for one in own)
    days = [one.bytes_added for one in before if one.kind is PointKind.INCREMENTAL]
    usual, least = median(days) if len(days) >= HISTORY else float("inf"), terms.backup_grown_gib * GIB
    if _many_times(usual, point.bytes_added, terms.backup_day_grown_times, least):
        yield f"The incremental backup of {when} has {_size(point.bytes_added)}, where {_size(usual)} were usual."
    elif full and _multiplied(full, so_far + point.bytes_added, terms) and not _multiplied(full, so_far, terms):
        total = _size(so_far + point.bytes_added)
        yield f"With the incremental backup of {when} its generation has {total}; it began with {_size(full)}."


def _multiplied(before: float, after: float, terms: Terms) -> bool:
    """Whether something has grown by so much that it is told, as a large one or as a small one."""
    large = _many_times(before, after, terms.backup_grown_times, terms.backup_grown_gib * GIB)
    return large or _many_times(before, after, terms.backup_small_grown_times, terms.backup_small_grown_mib * MIB)


def _many_times(before: float, after: float, times: float, least: int) -> bool:
    """Whether it is more than so many times what it was, and by so many bytes at least."""
    return after > before * times and after - before >= least


def _size(size: float) -> str:
    """Bytes as people read them."""
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / MIB:.1f} MiB"
