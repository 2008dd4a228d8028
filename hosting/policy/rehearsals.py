"""What is rehearsed where: the newest good point, on a server with room (P20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.errors import Refused
from hosting.policy.backup_budget import restore_needs
from hosting.policy.backup_plan import GOING, KEPT
from hosting.policy.placement import takes_instances
from hosting.policy.quota import FREE_MIB_LEAST, MIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hosting.policy.values import GenerationFacts, PointFacts, ServerFacts, ServerName

TIMES_ROOM = 2
"""A server is asked for so many times the room that the copy needs: its instances go on growing meanwhile."""


class NoRoomToRehearse(Refused):
    """No server has the room to bring a point back on trial."""


class NoPoint(Refused):
    """An instance has no recovery point that could be brought back."""


def newest_good(generations: Iterable[GenerationFacts], points: Iterable[PointFacts]) -> PointFacts | None:
    """The point that a restore would take today; None where no good one is there."""
    kept = {one.id for one in generations if one.state in KEPT}
    good = [point for point in points if point.generation in kept and not point.damaged]
    return max(good, key=lambda point: (point.taken_at, point.id), default=None)


def can_be_brought_back(generation: GenerationFacts) -> bool:
    """Whether what a generation holds is in the store."""
    return generation.state not in GOING


def server_with_room(
    servers: Sequence[ServerFacts],
    free_bytes: Mapping[ServerName, Mapping[str, int]],
    point: PointFacts,
    own: ServerName,
) -> ServerFacts:
    """Where a point is brought back on trial: on another server than its instance's, the one with the most room.

    So the proof needs nothing of the server that may be lost one day; where no other has room, its own serves.

    Args:
        servers: all.
        free_bytes: what their disks have left, by path; a server that did not answer is not in it.
        point: what is brought back.
        own: the instance's server.

    Raises:
        NoRoomToRehearse: none that may take instances has the room; says what is needed.
    """
    needs = {path: TIMES_ROOM * needed + FREE_MIB_LEAST * MIB for path, needed in restore_needs(point).items()}
    fitting = [
        server for server in servers if takes_instances(server) and _fits(needs, free_bytes.get(server.name, {}))
    ]
    if not fitting:
        wanted = ", ".join(f"{needed // MIB} MiB in {path}" for path, needed in needs.items())
        message = f"No server has room to bring {point.id} back on trial: {wanted} are asked for."
        raise NoRoomToRehearse(message, "Free room on one, or add a server.")
    return max(fitting, key=lambda one: (one.name != own, min(free_bytes[one.name].values()), one.name))


def _fits(needs: Mapping[str, int], free: Mapping[str, int]) -> bool:
    """Whether each disk has what is asked for."""
    return all(free.get(path, 0) >= needed for path, needed in needs.items())
