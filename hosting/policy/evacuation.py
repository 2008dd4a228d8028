"""Emptying a server: which instance goes whither, in which order, how long it takes, what stays and why (P12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.errors import Refused
from hosting.policy.move_needs import spread
from hosting.policy.move_plan import Sizes, plan
from hosting.policy.placement import left_gib, takes_instances, way_out
from hosting.policy.states import EDGES, ServerState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from hosting.policy.values import InstanceName, ServerFacts, ServerName

PARALLEL = 2
"""Moves at once, unless told otherwise: each one reads from the server that is emptied."""

PARALLEL_MOST = 8


class CannotBeEmptied(Refused):
    """A server is not one that can be emptied, or nobody can take what is on it."""


@dataclass(frozen=True)
class Leaving:
    """An instance that is to leave.

    Args:
        name: its name.
        storage_gib: what is booked for it.
        database_bytes: as measured last, 0 where it never was.
        files_bytes: the same.
        hindered: why it can't be moved now, in a sentence; empty where it can.
        going_to: the server to which it is on its way already; empty where it isn't.
        unasked: its customer need not be asked: it is suspended, so that nobody is served by it.
    """

    name: InstanceName
    storage_gib: int
    database_bytes: int = 0
    files_bytes: int = 0
    hindered: str = ""
    going_to: str = ""
    unasked: bool = False


@dataclass(frozen=True)
class PlannedMove:
    """One move of the plan, with what it takes, estimated; unasked, where no customer has to agree."""

    instance: InstanceName
    target: ServerName
    storage_gib: int
    seconds: float
    stop_seconds: float
    unasked: bool = False


@dataclass(frozen=True)
class Staying:
    """An instance that can't go, why, and what would help."""

    instance: InstanceName
    storage_gib: int
    why: str


@dataclass(frozen=True)
class EvacuationPlan:
    """What emptying a server will be.

    Args:
        server: its name.
        batches: the moves that run at the same time, one batch after another.
        going: instances that are on their way already, with their targets.
        staying: instances that can't go.
    """

    server: ServerName
    batches: tuple[tuple[PlannedMove, ...], ...]
    going: tuple[Leaving, ...]
    staying: tuple[Staying, ...]

    @property
    def moves(self) -> tuple[PlannedMove, ...]:
        """All moves in their order."""
        return tuple(one for batch in self.batches for one in batch)

    @property
    def seconds(self) -> float:
        """How long it takes, estimated: of each batch the longest."""
        return round(sum(max(one.seconds for one in batch) for batch in self.batches), 1)


def plan_evacuation(
    server: ServerFacts, leaving: Sequence[Leaving], others: Sequence[ServerFacts], *, parallel: int = PARALLEL,
    to: Collection[str] = (),
) -> EvacuationPlan:  # fmt: skip
    """Where everything goes, the smallest first: what is wrong shows on what is quickly put right.

    No target gets more than it has room for; where all fit so, each keeps the room for the growth of who is there. In
    a batch each target takes one instance: it replicates one database at a time (docs/decisions/0010).

    Args:
        server: that is emptied.
        leaving: what is on it and hasn't ended.
        others: all servers.
        parallel: how many moves at once.
        to: the servers that may take them, by name; all that take instances, if none is named.
    """
    open_to = [one for one in others if one.name != server.name and takes_instances(one) and (not to or one.name in to)]
    free = {one.name: one.free_gib for one in open_to}
    able = {one.name: one for one in leaving if not one.hindered and not one.going_to}
    wanted = {name: one.storage_gib for name, one in able.items()}
    places = spread(wanted, {one.name: left_gib(one) for one in open_to})
    if None in places.values():
        places = spread(wanted, free)
    moves, staying = [], [Staying(one.name, one.storage_gib, one.hindered) for one in leaving if one.hindered]
    for name, target in places.items():
        if target is not None:
            moves.append(_move(able[name], target))
            free[target] -= able[name].storage_gib
    for name, target in places.items():
        if target is None:
            gib = able[name].storage_gib
            why = f"{gib} GiB fit on no server that may take it. {way_out(gib, free)}"
            staying.append(Staying(name, gib, why))
    moves.sort(key=lambda one: (one.seconds, one.instance))
    going = tuple(one for one in leaving if one.going_to and not one.hindered)
    return EvacuationPlan(server.name, tuple(_batches(moves, parallel)), going, tuple(staying))


def next_moves(moves: Sequence[PlannedMove], busy: Collection[str], running: int, parallel: int) -> list[PlannedMove]:
    """The moves that may begin now, in their order: to targets that take in nothing else, as many as are let.

    Args:
        moves: that nobody has to be asked about, in the plan's order.
        busy: servers that take in an instance just now.
        running: moves of this evacuation that are under way.
        parallel: how many of them may be.
    """
    taken, found = set(busy), list[PlannedMove]()
    for one in moves:
        if running + len(found) < parallel and one.target not in taken:
            taken.add(one.target)
            found.append(one)
    return found


def check_can_be_emptied(server: ServerFacts, others: Sequence[ServerFacts], to: Collection[str] = ()) -> None:
    """See that a server may be emptied, and that what is named may take something.

    Raises:
        CannotBeEmptied: it is retired or was never ready, or a target takes no instances; names all of it.
    """
    known = {str(one.name): one for one in others}
    said = []
    if ServerState.DRAINING not in (server.state, *EDGES[ServerState][server.state]):
        said.append(f"It is {server.state}.")
    for name in to:
        if name == server.name:
            said.append("It can't take its own instances.")
        elif name not in known:
            said.append(f"There is no server {name}.")
        elif not takes_instances(known[name]):
            said.append(f"{name} takes no instances ({known[name].state}).")
    if said:
        raise CannotBeEmptied(f"{server.name} can't be emptied so: {' '.join(said)}", "Look at them: phm server list.")


def choose_successor(server: ServerFacts, others: Sequence[ServerFacts], preferred: str = "") -> ServerFacts:
    """The server that answers under the name of one that is retired: as named, else that with the most room (P10).

    Raises:
        CannotBeEmptied: there is none, or the named one doesn't serve.
    """
    serving = [one for one in others if one.name != server.name and takes_instances(one)]
    found = [one for one in serving if one.name == preferred] if preferred else serving
    if not found:
        message = f"{preferred or 'No other server'} takes instances, so that {server.host_name} has nobody to answer."
        if preferred:
            message = f"{preferred} takes no instances, and can't answer for {server.host_name}."
        raise CannotBeEmptied(message, "Add a server (phm server add), or let one take instances (phm server undrain).")
    return max(found, key=lambda one: (one.free_gib, one.name))


def _move(one: Leaving, target: ServerName) -> PlannedMove:
    """A move with its estimates."""
    what = plan(Sizes(one.database_bytes, one.files_bytes, {}), replicating=False)
    return PlannedMove(one.name, target, one.storage_gib, what.seconds, what.stop_seconds, one.unasked)


def _batches(moves: Sequence[PlannedMove], parallel: int) -> Iterator[tuple[PlannedMove, ...]]:
    """The moves in their order, each in the first batch that has a place and does not use its target yet."""
    waiting = list(moves)
    while waiting:
        batch: list[PlannedMove] = []
        for one in waiting:
            if len(batch) < parallel and one.target not in {other.target for other in batch}:
                batch.append(one)
        waiting = [one for one in waiting if one not in batch]
        yield tuple(batch)
