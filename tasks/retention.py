"""Generations whose time is over leave the store, whole and with all versions; never the last proven one (P21)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from blocks.backup_store import BackupStore
from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands.restic import drop_unused_caches
from hosting.inventory import instances, leases, levels, recovery_points, servers
from hosting.inventory.backup_views import all_backups
from hosting.inventory.restores import open_restores
from hosting.inventory.session import in_transaction
from hosting.policy.backup_plan import droppable
from hosting.policy.states import GenerationState, InstanceState, ServerState
from tasks.records import inventory, now
from tasks.step import reading, run_logger, step

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from blocks.backup_store import Dropped
    from hosting.policy.values import GenerationFacts, ServerFacts

CACHE_DAYS = 10
"""An open generation is used every day; a cache that nobody used for so long is one of a generation that is closed."""


@dataclass(frozen=True)
class DroppedGeneration:
    """A generation that is gone, and what the store still had of it."""

    generation: GenerationFacts
    found: Dropped


@reading
def mark_droppable_generations() -> list[GenerationFacts]:
    """The generations that may go are marked as being dropped; all that are so, those of a killed run too."""
    with inventory().reading() as session:
        found = all_backups(session, now(), frozenset(InstanceState))
    with_some = [one.instance.name for one in found if droppable(one.generations, one.points, now(), one.terms)]
    return [
        going
        for name in with_some
        for going in in_transaction(inventory(), lambda session, name=name: _marked(session, name))  # type: ignore[misc]
    ]


def _marked(session: Session, name: str) -> list[GenerationFacts]:
    """Those of one instance, decided while nobody can change what is known of it.

    While somebody works on the instance nothing new is marked: a restore could be reading just that.
    """
    instances.lock(session, name)
    generations = recovery_points.generations_of(session, name)
    if not in_use(session, name):
        points = recovery_points.points_of(session, name)
        terms = levels.terms_of_instance(session, name, now())
        why = f"Its last point is {terms.backup_weeks_kept} weeks old, or it holds no good one."
        for id_ in droppable(generations, points, now(), terms):
            recovery_points.mark_generation(session, id_, GenerationState.DROPPING, why, now())
        generations = recovery_points.generations_of(session, name)
    return [one for one in generations if one.state is GenerationState.DROPPING]


def in_use(session: Session, name: str) -> bool:
    """Whether somebody works on an instance, or a restore of it was begun and is not at its end."""
    lease = leases.lease_of(session, name)
    return (lease is not None and now() < lease.expires_at) or name in {one.instance for one in open_restores(session)}


@reading
def drop_generation(generation: GenerationFacts) -> DroppedGeneration:
    """Nothing of a generation is left in the store; then it counts as dropped, with what was found as evidence.

    Raises:
        DriftFound: the store still has something of it.
        Unreachable: the store does not answer.
    """
    found = load(BackupStore).drop(generation.server_name, generation.instance_name, generation.id)
    told = {"objects": found.objects, "versions": found.versions, "bytes": found.bytes}

    def dropped(session: Session) -> None:
        recovery_points.mark_generation(session, generation.id, GenerationState.DROPPED, "", now(), told)

    in_transaction(inventory(), dropped)
    run_logger().info("%s is dropped: %d versions, %d bytes", generation.id, found.versions, found.bytes)
    return DroppedGeneration(generation, found)


@reading
def read_used_servers() -> list[ServerFacts]:
    """The servers that back up, or have backed up."""
    with inventory().reading() as session:
        unused = {ServerState.ENROLLED, ServerState.RETIRED}
        return [one for one in servers.all_servers(session) if one.state not in unused]


@step
def ensure_no_unused_caches(server: ServerFacts) -> bool:
    """On a server restic keeps no more of generations that nobody uses."""
    return load(SshHost).connection(server).run(drop_unused_caches(CACHE_DAYS)).changed
