"""Which server takes an instance (P02, P12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.errors import Refused
from hosting.policy.states import ServerState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hosting.policy.values import ServerFacts, ServerName

COUNTRY = "DE"
"""Servers stand in Germany (P02)."""

PAUSED = "paused"
"""The fact of a server that takes no new instance while it is updated (P14): what was begun, empty where nothing is."""

GROWTH = "growth_gib"
"""The fact of what those who are on a server, or on their way to it, will want more of it before long, in GiB."""


class NoServerHasRoom(Refused):
    """No server that may take the instance has the room that is booked."""


class MoveNeeded(Refused):
    """The server of an instance lacks the room that it is to have, and another one has it (P24)."""

    def __init__(self, here: ServerFacts, extra_gib: int, there: ServerFacts) -> None:
        """Keep who has what."""
        self.here, self.extra_gib, self.there = here, extra_gib, there
        left = max(0, here.free_gib)
        message = (
            f"{extra_gib} GiB more are needed on {here.name}, which has {left} GiB left; {there.name} has the room."
        )
        super().__init__(message, f"Agree on a move to {there.name} with the customer; then confirm the booking again.")


def is_there(server: ServerFacts) -> bool:
    """Whether a server is still in the service's hands: nothing is done on one that is retired."""
    return server.state is not ServerState.RETIRED


def takes_instances(server: ServerFacts) -> bool:
    """Whether a server may take an instance at all.

    It stands in Germany, is dedicated, active, neither draining nor being updated, and what it runs on is proven (P13).
    """
    active = server.state is ServerState.ACTIVE and not server.facts.get(PAUSED)
    return server.country == COUNTRY and server.dedicated and active and not server.flavours.unproven


def left_gib(server: ServerFacts) -> int:
    """What a server has left once all who are there have what they will want more before long; may be below nothing."""
    return server.free_gib - int(server.facts.get(GROWTH, 0))


def check_takes(server: ServerFacts, pool_gib: int) -> None:
    """See that a server that a person named may take an instance, and has the room that is booked for it.

    Raises:
        NoServerHasRoom: it may not, or hasn't.
    """
    if not takes_instances(server):
        why = " ".join((f"it is {server.state}, in {server.country}.", *server.flavours.unproven))
        message = f"The server {server.name} takes no instances: {why}"
        raise NoServerHasRoom(message, "Name another one.")
    if server.free_gib < pool_gib:
        message = f"The server {server.name} has {server.free_gib} GiB of room; {pool_gib} GiB are booked."
        raise NoServerHasRoom(message, "Name another one, or free room.")


def choose_server(pool_gib: int, servers: Sequence[ServerFacts]) -> ServerFacts:
    """The server with the most left beside growth, then the fewest instances, then the first by name.

    Growth keeps nobody out: where no server has the room beside it, the one that lacks the least takes the instance.

    Args:
        pool_gib: the whole storage that is booked for the instance, in GiB (P04, P23).
        servers: all servers with what is booked on them.

    Raises:
        NoServerHasRoom: none that may take it has the room; says what the best one could give.
    """
    able = [server for server in servers if takes_instances(server)]
    fitting = [server for server in able if server.free_gib >= pool_gib]
    if not fitting:
        best = max((server.free_gib for server in able), default=0)
        few = f"{len(able)} of {len(servers)} may take instances"
        message = f"No server has room for {pool_gib} GiB: {few}, the most free is {best} GiB."
        free = {server.name: server.free_gib for server in able}
        resting = {one.name: one.free_gib for one in servers if one.state is ServerState.DRAINING}
        raise NoServerHasRoom(message, f"{way_out(pool_gib, free, resting)} Then run again.")
    return min(fitting, key=lambda server: (-left_gib(server), server.instances, server.name))


def way_out(pool_gib: int, free: Mapping[ServerName, int], resting: Mapping[ServerName, int] | None = None) -> str:
    """What would help where so much fits nowhere, in one sentence.

    Args:
        pool_gib: what is to be placed, in GiB.
        free: what servers that take instances have left.
        resting: the same of those that are draining.
    """
    ways = [f"Add a server with {pool_gib} GiB of room or more (phm server add)"]
    if free:
        name = min(free, key=lambda one: (-free[one], one))
        ways.append(f"free {pool_gib - free[name]} GiB on {name} (phm capacity)")
    enough = sorted(name for name, gib in (resting or {}).items() if gib >= pool_gib)
    if enough:
        ways.append(f"let {enough[0]} take instances again (phm server undrain {enough[0]})")
    return f"{', or '.join(ways)}."


def server_for_growth(extra_gib: int, pool_gib: int, here: ServerFacts, servers: Sequence[ServerFacts]) -> ServerFacts:
    """Where an instance has the room that it is to have: its own server if it can be, else the one it would move to.

    Args:
        extra_gib: what is booked anew.
        pool_gib: all that is booked then.
        here: the instance's server, which may be draining: what is on it may still grow.
        servers: all servers.

    Raises:
        NoServerHasRoom: none has it; says what the best one could give.
    """
    if here.free_gib >= extra_gib:
        return here
    return choose_server(pool_gib, [server for server in servers if server.name != here.name])
