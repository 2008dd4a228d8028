"""Which server takes an instance (P02, P12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.errors import Refused
from hosting.policy.states import ServerState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hosting.policy.values import ServerFacts

COUNTRY = "DE"
"""Servers stand in Germany (P02)."""


class NoServerHasRoom(Refused):
    """No server that may take the instance has the room that is booked."""


def takes_instances(server: ServerFacts) -> bool:
    """Whether a server may take an instance at all: in Germany, dedicated, active and not draining (P02, P12)."""
    return server.country == COUNTRY and server.dedicated and server.state is ServerState.ACTIVE


def choose_server(pool_gib: int, servers: Sequence[ServerFacts]) -> ServerFacts:
    """The server with the most free room, then the fewest instances, then the first by name.

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
        raise NoServerHasRoom(message, "Add a server (phm server add) or free room, then run again.")
    return min(fitting, key=lambda server: (-server.free_gib, server.instances, server.name))
