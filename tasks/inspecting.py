"""A server looked at by one call, and what the inventory says of it held against that (P18)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands.inspecting import Asked, home_of, inspect, own_places, parse_inspection
from hosting.errors import ServiceError, StepFailed
from hosting.inventory import servers
from hosting.inventory.expected_fleet import expected_on
from hosting.policy.fleet_drift import drift
from hosting.policy.fleet_expected import across
from hosting.policy.fleet_health import health
from hosting.policy.inspection import Look, gravest_first
from hosting.policy.states import ServerState
from tasks.records import inventory, now
from tasks.step import reading, run_logger
from tasks.zipped import zipped

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from hosting.policy.fleet_expected import Expected
    from hosting.policy.inspected import Seen
    from hosting.policy.inspection import FleetFinding
    from hosting.policy.values import ServerFacts

PROGRAM = {
    "__main__.py": "inspecting.py",
    "tasks/on_server/mariadb_session.py": "mariadb_session.py",
    "tasks/on_server/places.py": "places.py",
}
"""What the program for servers is made of: its entries, and the files that they are."""

UNSURE_AT_WORK = frozenset({Look.SERVICES, Look.PACKAGES, Look.DATABASE, Look.DATABASES})
"""The looks that say nothing while a server is updated or rebooted."""

UNREADABLE = (LookupError, ValueError, TypeError, AttributeError)
"""What parsers raise over words of a server that they don't know: that one is not judged, the others are."""


@dataclass(frozen=True)
class Looked:
    """What came of looking at a server.

    Args:
        looks: that were really made; what others had found stays as it was.
        found: by them, the gravest first.
    """

    server: str
    looks: frozenset[Look]
    found: Sequence[FleetFinding]


@cache
def program() -> bytes:
    """The program for servers as one zipped file."""
    return zipped(PROGRAM)


@reading
def read_inspected_servers(names: Collection[str] = ()) -> list[ServerFacts]:
    """The servers that are there, or those of these names.

    Raises:
        UnknownServer: no server has one of them.
    """
    with inventory().reading() as session:
        if names:
            return [servers.server_facts(session, name) for name in names]
        return [one for one in servers.all_servers(session) if one.state is not ServerState.RETIRED]


@reading
def look_at_server(server: ServerFacts, looks: Collection[Look], root: str = "/") -> Looked:
    """Everything about a server that these looks tell; nothing on it is changed.

    The inventory is read before and after: what somebody works on meanwhile is not judged.

    Args:
        server: which.
        looks: the looks to make.
        root: where its files are read; another folder there holds recorded ones.

    Returns:
        What was found; no look at all where it can't be looked at since it is just updated or rebooted.

    Raises:
        Unreachable: it does not answer.
        StepFailed: it can't be looked at at all, or what it said can't be read.
    """
    before, sent = _expected(server), now()
    try:
        answer = load(SshHost).connection(server).run(inspect(program(), Asked(looks, before, root)))
    except ServiceError as error:
        if not across(before, _expected(server)).at_work:
            raise
        run_logger().info("%s is being updated or rebooted, and was not looked at: %s", server.name, error)
        return Looked(server.name, frozenset(), [])
    try:
        return _judged(server, looks, before, parse_inspection(server.name, answer.out, sent, now()))
    except UNREADABLE as error:
        run_logger().exception("%s said what can't be read.", server.name)
        message = f"What {server.name} said of itself can't be read ({type(error).__name__})."
        raise StepFailed(message, "The run's log has the place; tell the developers.") from error


def _judged(server: ServerFacts, looks: Collection[Look], before: Expected, seen: Seen) -> Looked:
    """What was seen of a server, held against what the inventory says."""
    expected = across(before, _expected(server))
    unsure = UNSURE_AT_WORK if expected.at_work else frozenset()
    made = (frozenset(looks) - {Look(name) for name in seen.failed} - unsure) | {Look.REACH}
    arrays = [one.split()[0] for one in server.facts.get("raid", ())]
    found = [*health(seen, arrays, has_fence=not server.has_no_limits), *drift(seen, expected)]
    return Looked(server.name, made, gravest_first(one for one in found if one.look not in unsure))


def _expected(server: ServerFacts) -> Expected:
    """What the inventory says of a server now."""
    with inventory().reading() as session:
        return expected_on(session, server.name, home_of, own_places(), now())
