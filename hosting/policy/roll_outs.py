"""A release is rolled out ring by ring: canaries, then server by server, halted where too much fails (P17)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from hosting.errors import Refused
from hosting.policy.states import InstanceState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from hosting.policy.values import InstanceFacts, ReleaseFacts

CANARIES = 2
"""So many instances go first where none is named: those with the least booked, which are the quickest."""

PARALLEL = 2
"""Instances of a server at once, unless told otherwise."""

PARALLEL_MOST = 8

FAILURES_MOST = 1
"""So many failures in a ring are borne, unless told otherwise; a canary that fails halts in any case."""

ATTEMPTS_MOST = 3
"""So often an instance is begun where what it needs did not answer; then it counts as failed."""


class RollOutState(StrEnum):
    """A roll-out's life: halted by the threshold or an operator, resumed by an operator alone."""

    OPEN = "open"
    HALTED = "halted"
    DONE = "done"
    ABORTED = "aborted"


class UpdateState(StrEnum):
    """An instance's way to a release; from `stopped` to `opened` nobody is served, after that there is no way back."""

    WAITING = "waiting"
    PREPARING = "preparing"
    STOPPED = "stopped"
    OPENED = "opened"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


ONWARD: Mapping[RollOutState, frozenset[RollOutState]] = {
    RollOutState.OPEN: frozenset({RollOutState.HALTED, RollOutState.DONE, RollOutState.ABORTED}),
    RollOutState.HALTED: frozenset({RollOutState.OPEN, RollOutState.ABORTED}),
    RollOutState.DONE: frozenset(),
    RollOutState.ABORTED: frozenset(),
}

AT_WORK = frozenset({UpdateState.PREPARING, UpdateState.STOPPED, UpdateState.OPENED})
"""What a run has begun and not ended: the next run goes on with it, whatever became of the roll-out."""

ENDS = frozenset({UpdateState.DONE, UpdateState.FAILED, UpdateState.SKIPPED})


class CannotRollOut(Refused):
    """A release can't be rolled out so; names every reason."""


@dataclass(frozen=True)
class Place:
    """An instance's place in a roll-out."""

    instance: str
    server: str
    ring: int
    state: UpdateState = UpdateState.WAITING


@dataclass(frozen=True)
class Going:
    """What is to be done about a roll-out now.

    Args:
        ring: at which it is; None where nothing is left.
        servers: that have something to do, by name.
        halt: why it has to halt, in a sentence; empty where it goes on.
    """

    ring: int | None
    servers: tuple[str, ...] = ()
    halt: str = ""

    @property
    def done(self) -> bool:
        """Whether all of it is at its end."""
        return self.ring is None and not self.halt


def objections_to(instance: InstanceFacts, release: ReleaseFacts) -> str:
    """Why an instance can't get a release, in a sentence; empty where it can."""
    have = instance.release
    if instance.state is not InstanceState.ACTIVE:
        return f"It is {instance.state}."
    if have.id == release.id:
        return "It has this release."
    if have.build > release.build:
        return f"It has the newer {have.version}; no data is ever brought back to an older release."
    if have.edition != release.edition:
        return f"It has the edition {have.edition}, not {release.edition}."
    return ""


def behind(instances: Sequence[InstanceFacts], release: ReleaseFacts) -> list[InstanceFacts]:
    """The instances that can get a release and don't have it."""
    return [one for one in instances if not objections_to(one, release)]


def places(
    instances: Sequence[InstanceFacts], release: ReleaseFacts, *, servers: Collection[str] = (),
    only: Collection[str] = (), canaries: Collection[str] = (),
) -> list[Place]:  # fmt: skip
    """Who gets the release in which ring: canaries in ring 0, then a ring for each server, by name.

    Args:
        instances: all of the service.
        release: that is rolled out.
        servers: only what is on these; none: on all.
        only: only these instances; none: all.
        canaries: names of instances, or of servers all of whose instances go first; none: the smallest ones.

    Raises:
        CannotRollOut: a named instance can't get it, a canary is none of them, or nobody is left; names all of it.
    """
    known = {str(one.name): one for one in instances}
    said = [f"There is no instance {name}." for name in only if name not in known]
    said += [f"{name}: {why}" for name in only if name in known and (why := objections_to(known[name], release))]
    chosen = [
        one for one in behind(instances, release)
        if (not servers or one.server_name in servers) and (not only or one.name in only)
    ]  # fmt: skip
    named = {str(one.name) for one in chosen} | {str(one.server_name) for one in chosen}
    said += [f"{name} is no instance that gets it, and no server of one." for name in canaries if name not in named]
    if not chosen and not said:
        said.append("No instance is behind that release.")
    if said:
        raise CannotRollOut(" ".join(said), "Look at: phm update plan.")
    smallest = sorted(chosen, key=lambda one: (one.storage_gib, one.number))[:CANARIES]
    first = {one.name for one in chosen if one.name in canaries or one.server_name in canaries}
    first = first or {one.name for one in smallest}
    rest = sorted({str(one.server_name) for one in chosen if one.name not in first})
    order = {name: ring for ring, name in enumerate(rest, 1)}
    return [
        Place(one.name, one.server_name, 0 if one.name in first else order[one.server_name])
        for one in sorted(chosen, key=lambda one: one.number)
    ]


def going_on(found: Sequence[Place], failures_most: int, forgiven: Collection[str] = ()) -> Going:
    """Where a roll-out is: the first ring that is not at its end, unless too much failed in one.

    Args:
        found: all instances of the roll-out.
        failures_most: so many failures in a ring are borne; of canaries none is.
        forgiven: failed instances for which an operator has said that it goes on.
    """
    failed = Counter(one.ring for one in found if one.state is UpdateState.FAILED and one.instance not in forgiven)
    for ring in sorted(failed):
        if failed[ring] > (0 if ring == 0 else failures_most):
            return Going(ring, halt=f"{failed[ring]} of the instances of ring {ring} could not be updated.")
    left = [one for one in found if one.state not in ENDS]
    if not left:
        return Going(None)
    ring = min(one.ring for one in left)
    return Going(ring, tuple(sorted({one.server for one in left if one.ring == ring})))
