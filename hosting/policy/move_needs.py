"""Which instances need to move, whither and why: planned by itself, begun only by a person's word (P24).

What keeps moves rare: the fewest and smallest that mend a server are named, and none goes where its coming would be the
next need.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from hosting.policy.placement import takes_instances, way_out
from hosting.policy.terms import STANDARD
from hosting.policy.values import InstanceName, ServerName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hosting.policy.values import ServerFacts

Free = dict[ServerName, int]
"""What servers may still take, in GiB, by their names."""


@dataclass(frozen=True)
class Ahead:
    """How far it is looked ahead.

    A pool that is full within so long will be asked more for: its server should have a further package by then.

    Args:
        now: the moment.
        days: from then on; a setting of the service.
    """

    now: datetime
    days: int = STANDARD.room_ahead_days

    @property
    def until(self) -> datetime:
        """The last moment that is looked at."""
        return self.now + timedelta(days=self.days)


@dataclass(frozen=True)
class Tenant:
    """An instance as it weighs on its server.

    Args:
        name: its name.
        storage_gib: what is booked for it.
        full_at: when its pool is full if it goes on so; None where that is far off or can't be told.
        asked_gib: further storage that was asked for and refused for lack of room, and is still wanted.
        movable: it is open, and is not on its way.
        going_to: the server to which it is on its way, and on which it is counted too.
        step_gib: what can be booked for it next by its terms; nothing where it has all that may be booked.
    """

    name: InstanceName
    storage_gib: int
    full_at: datetime | None = None
    asked_gib: int = 0
    movable: bool = True
    going_to: ServerName | None = None
    step_gib: int = STANDARD.storage_step_gib

    @property
    def leaving(self) -> bool:
        """Whether it is on its way to another server."""
        return self.going_to is not None

    def growth_gib(self, ahead: Ahead) -> int:
        """What it will want more of its server before long, in GiB."""
        if self.asked_gib or self.leaving:
            return self.asked_gib
        soon = self.full_at is not None and self.full_at <= ahead.until
        return self.step_gib if soon else 0


@dataclass(frozen=True)
class Standing:
    """A server with the instances that are on it and haven't ended."""

    server: ServerFacts
    tenants: tuple[Tenant, ...] = ()

    @property
    def free_gib(self) -> int:
        """What may still be booked on it; less than nothing where it can't give what is booked."""
        leaving = sum(one.storage_gib for one in self.tenants if one.leaving)
        return self.server.free_gib + leaving


@dataclass(frozen=True)
class Emptying:
    """A server that all instances are to leave.

    Args:
        why: as the operator gave it.
        to: the servers that may take them; all that take instances, if none is named.
    """

    why: str
    to: tuple[str, ...] = ()


@dataclass(frozen=True)
class MoveNeed:
    """An instance that needs to move.

    Args:
        instance: its name.
        source: its server.
        target: where it has the room; None where it has it nowhere.
        storage_gib: what is booked for it.
        why: the reason, in a sentence or two.
        help: what would help where there is no target; empty otherwise.
    """

    instance: InstanceName
    source: ServerName
    target: ServerName | None
    storage_gib: int
    why: str
    help: str = ""


def needed_moves(
    standings: Sequence[Standing], ahead: Ahead, emptied: Mapping[str, Emptying] | None = None
) -> list[MoveNeed]:
    """All moves that are needed, by instance's name: servers that are emptied first, then those that lack room.

    Args:
        standings: all servers that aren't retired.
        ahead: the moment, and how far it is looked ahead from then on.
        emptied: the servers that all instances are to leave, by name.
    """
    emptied = emptied or {}
    free: Free = {one.server.name: one.free_gib for one in standings}
    needs: list[MoveNeed] = []
    for standing in standings:
        if order := emptied.get(standing.server.name):
            wanted = {one.name: one.storage_gib for one in standing.tenants if one.movable}
            why = f"{standing.server.name} is being emptied: {order.why}"
            needs += _placed(standing, wanted, why, _open(standings, free, standing, order.to), free)
    kept = _kept_for_coming(standings, ahead)
    for standing in standings:
        free[standing.server.name] -= sum(one.growth_gib(ahead) for one in standing.tenants if not one.leaving)
    for standing in sorted(standings, key=lambda one: (free[one.server.name], one.server.name)):
        if standing.server.name not in emptied and free[standing.server.name] < 0:
            targets = {name: gib - kept[name] for name, gib in _open(standings, free, standing, ()).items()}
            needs += _mended(standing, targets, free, ahead)
    return sorted(needs, key=lambda one: one.instance)


def growth_by_server(standings: Sequence[Standing], ahead: Ahead) -> dict[ServerName, int]:
    """What will be wanted more of each server before long, in GiB, by those who are on it or on their way to it."""
    coming = _kept_for_coming(standings, ahead)
    staying = {
        one.server.name: sum(tenant.growth_gib(ahead) for tenant in one.tenants if not tenant.leaving)
        for one in standings
    }
    return {name: gib + coming[name] for name, gib in staying.items()}


def spread(wanted: Mapping[InstanceName, int], free: Mapping[ServerName, int]) -> dict[InstanceName, ServerName | None]:
    """A server for each instance, the largest first to the one with the most room; tighter where that leaves one out.

    Args:
        wanted: GiB by instance.
        free: GiB that each server may take; none gets more.

    Returns:
        Every instance; None for those that fit nowhere.
    """
    evenly = _assigned(wanted, free, evenly=True)
    if None not in evenly.values():
        return evenly
    tightly = _assigned(wanted, free, evenly=False)
    return min((evenly, tightly), key=lambda found: sum(one is None for one in found.values()))


def fewest_and_smallest(weights: Mapping[InstanceName, int], missing_gib: int) -> list[InstanceName]:
    """The fewest instances that weigh as much as is missing, and of so many the smallest; all, if all are not enough.

    Args:
        weights: GiB by instance.
        missing_gib: more than nothing.
    """
    ordered = sorted(weights, key=lambda name: (-weights[name], name))
    chosen: list[InstanceName] = []
    while ordered[len(chosen) :] and sum(weights[one] for one in chosen) < missing_gib:
        chosen.append(ordered[len(chosen)])
    spare = sum(weights[one] for one in chosen) - missing_gib
    for place, name in enumerate(chosen):
        smaller = [one for one in ordered if one not in chosen and 0 < weights[name] - weights[one] <= spare]
        if smaller:
            chosen[place] = min(smaller, key=lambda one: (weights[one], one))
            spare -= weights[name] - weights[chosen[place]]
    return sorted(chosen)


def _kept_for_coming(standings: Sequence[Standing], ahead: Ahead) -> Counter[ServerName]:
    """What those who are on their way asked for more: it is kept where they go, once, and nowhere else."""
    kept = Counter[ServerName]()
    for tenant in (one for standing in standings for one in standing.tenants):
        if tenant.going_to is not None:
            kept[tenant.going_to] += tenant.growth_gib(ahead)
    return kept


def _mended(standing: Standing, targets: Mapping[ServerName, int], free: Free, ahead: Ahead) -> list[MoveNeed]:
    """The moves that give a server back what it lacks; whoever goes takes its own growth along."""
    name = standing.server.name
    weights = {one.name: one.storage_gib + one.growth_gib(ahead) for one in standing.tenants if one.movable}
    fitting = {one: gib for one, gib in weights.items() if gib <= max(targets.values(), default=0)}
    enough = sum(fitting.values()) >= -free[name]
    chosen = fewest_and_smallest(fitting if enough else weights, -free[name])
    return _placed(standing, {one: weights[one] for one in chosen}, _reason(standing, ahead), targets, free)


def _placed(
    standing: Standing, wanted: Mapping[InstanceName, int], why: str, targets: Mapping[ServerName, int], free: Free
) -> list[MoveNeed]:
    """Needs with their targets, whose room is taken from `free`."""
    booked = {one.name: one.storage_gib for one in standing.tenants}
    found = spread(wanted, targets)
    for name, target in found.items():
        if target is not None:
            free[target] -= wanted[name]
            free[standing.server.name] += wanted[name]
    placed = Counter[ServerName]()
    for name, target in found.items():
        if target is not None:
            placed[target] += wanted[name]
    left = {target: gib - placed[target] for target, gib in targets.items()}
    return [
        MoveNeed(
            name, standing.server.name, target, booked[name], why, "" if target else way_out(wanted[name], left)
        )
        for name, target in found.items()
    ]  # fmt: skip


def _open(standings: Sequence[Standing], free: Free, source: Standing, to: Sequence[str]) -> Free:
    """The servers that may take instances of another one, with what each may take."""
    return {
        one.server.name: free[one.server.name]
        for one in standings
        if one.server.name != source.server.name and takes_instances(one.server) and (not to or one.server.name in to)
    }


def _assigned(
    wanted: Mapping[InstanceName, int], free: Mapping[ServerName, int], *, evenly: bool
) -> dict[InstanceName, ServerName | None]:
    """Each instance to the server with the most room, or with the least that is enough."""
    left, found = dict(free), dict[InstanceName, ServerName | None]()
    sign = -1 if evenly else 1
    for name in sorted(wanted, key=lambda one: (-wanted[one], one)):
        able = [server for server, gib in left.items() if gib >= wanted[name]]
        found[name] = min(able, key=lambda server: (sign * left[server], server), default=None)
        if (target := found[name]) is not None:
            left[target] -= wanted[name]
    return found


def _reason(standing: Standing, ahead: Ahead) -> str:
    """Why a server lacks room, in a sentence or two."""
    server, said = standing.server, []
    settled = replace(standing, tenants=tuple(one for one in standing.tenants if not one.leaving))
    room = f"{server.name} has {max(0, standing.free_gib)} GiB left."
    if standing.free_gib < 0:
        booked = server.room_gib - standing.free_gib
        said.append(f"{booked} GiB are booked on {server.name}, which can give {server.room_gib} GiB.")
    asked = [f"{one.name} ({one.asked_gib} GiB)" for one in settled.tenants if one.asked_gib]
    if asked:
        said.append(f"More was asked for by {', '.join(asked)}; {room}")
    filling = sorted(one.name for one in settled.tenants if not one.asked_gib and one.growth_gib(ahead))
    if filling:
        pools = f"The pool of {filling[0]} is" if len(filling) == 1 else f"The pools of {', '.join(filling)} are"
        said.append(f"{pools} full within {ahead.days} days; {room}")
    return " ".join(said)
