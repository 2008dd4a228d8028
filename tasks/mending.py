"""Objects of a generation that were overwritten or hidden in the store: what was first written is back (P20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.artifacts import create_table_artifact

from blocks.backup_store import BackupStore
from blocks.loading import load
from hosting.errors import DriftFound, Refused, ServiceError
from hosting.inventory import instances, mends, recovery_points, servers
from hosting.inventory.backup_rows import has_points
from hosting.inventory.session import in_transaction
from hosting.policy.backup_checks import NextCheck
from hosting.policy.backup_plan import GOING
from hosting.policy.states import ServerState
from hosting.policy.stored_versions import altered_object
from tasks.generation_checks import check_generation
from tasks.letters import local
from tasks.records import inventory, now
from tasks.step import reading, run_logger, stop_if_lost

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.stored_versions import AlteredObject
    from hosting.policy.values import GenerationFacts, InstanceFacts, ServerFacts

AT_WORK = frozenset({ServerState.ACTIVE, ServerState.DRAINING})
MOST_ROWS = 200


class CanNotBeMended(ServiceError):
    """Some objects have no version that belongs there, or the generation is spoilt besides."""


def generation_to_mend(session: Session, generation_id: str) -> GenerationFacts:
    """A generation that is there and holds a point.

    Raises:
        UnknownGeneration: no generation has this id.
        Refused: it was dropped, or never got its full backup.
    """
    generation = recovery_points.generation(session, generation_id)
    if generation.state in GOING or not has_points(session, generation_id):
        message = f"Generation {generation_id} is {generation.state} and holds no point that could be restored."
        raise Refused(message, f"Take one that does: phm snapshots {generation.instance_name} --json.")
    return generation


def altered_objects(generation: GenerationFacts) -> list[AlteredObject]:
    """What of a generation is not what was first written there; whatever has several versions is read for that.

    Raises:
        Unreachable: the store does not answer.
    """
    store = load(BackupStore)
    prefix = store.prefix(generation.server_name, generation.instance_name, generation.id)
    found = (altered_object(versions, store.versions.sum_of) for versions in store.versions.below(prefix))
    return [one for one in found if one is not None]


@reading
def read_generation(generation_id: str) -> tuple[GenerationFacts, InstanceFacts]:
    """A generation that can be mended, and its instance; raises as `generation_to_mend`."""
    with inventory().reading() as session:
        generation = generation_to_mend(session, generation_id)
        return generation, instances.instance_facts(session, generation.instance_name)


@reading
def read_checking_server(generation: GenerationFacts) -> ServerFacts:
    """Who looks the generation through: another server than the one whose key wrote it, where there is one."""
    with inventory().reading() as session:
        own = servers.server_facts(session, generation.server_name)
        others = [one for one in servers.all_servers(session) if one.state in AT_WORK and one.name != own.name]
    return min(others, key=lambda one: one.name, default=own)


@reading
def read_altered(generation: GenerationFacts) -> list[AlteredObject]:
    """What is to be mended; raises as `altered_objects`."""
    return altered_objects(generation)


@reading
def read_left_to_mend(generation: GenerationFacts, altered: Sequence[AlteredObject]) -> bool:
    """Whether there is something to do; raises as `left_to_mend`."""
    with inventory().reading() as session:
        return mends.left_to_mend(session, generation, altered)


@reading
def record_begun(generation: GenerationFacts, altered: Sequence[AlteredObject]) -> None:
    """Before anything is brought back: what a run that is killed leaves altered no more is gone on with."""
    if objects := sum(bool(one.right) for one in altered):
        in_transaction(inventory(), lambda session: mends.record_mend_begun(session, generation, objects, now()))


@reading
def ensure_first_written(generation: GenerationFacts, altered: Sequence[AlteredObject]) -> int:
    """Readers get again what was first written; nothing is taken away. How many objects that concerned.

    Raises:
        DriftFound: somebody has altered some again meanwhile.
        Unreachable: the store does not answer.
    """
    versions, mendable = load(BackupStore).versions, [one.right for one in altered if one.right]
    for right in mendable:
        stop_if_lost()
        versions.make_current(right)
    if mendable and any(one.right for one in altered_objects(generation)):
        message = f"Objects of generation {generation.id} are altered again while they are mended."
        raise DriftFound(message, f"First take the key of {generation.server_name} away, then run again.")
    run_logger().info("%s: %d objects are what was first written there", generation.id, len(mendable))
    return len(mendable)


def prove_whole(server: ServerFacts, generation: GenerationFacts, altered: Sequence[AlteredObject]) -> None:
    """All of the generation is read and compared with its sums; one that is spoilt is marked as damaged.

    Raises:
        CanNotBeMended: it is spoilt all the same, or objects have no version that belongs there.
        Unreachable: server or store do not answer.
    """
    checked = check_generation(server, NextCheck(generation, 1, 1))
    if checked.damaged:
        lost = [one.name for one in altered if not one.right]
        of_lost = f" {len(lost)} of its objects have no version that belongs there: {lost[0]} …" if lost else ""
        message = f"Generation {generation.id} is damaged: {checked.finding}{of_lost}"
        do = f"See to which other points the instance can be restored: phm snapshots {generation.instance_name}."
        raise CanNotBeMended(message, do)


@reading
def record_mended(server: ServerFacts, generation: GenerationFacts, mended: int, since: datetime) -> None:
    """It can be relied on again; since when it was looked through is kept with it."""
    in_transaction(
        inventory(),
        lambda session: mends.record_mend_ended(session, generation, server.name, mended, since, now()),
    )


@reading
def report_mended(generation: GenerationFacts, altered: Sequence[AlteredObject]) -> None:
    """What was found of each object, as a table."""
    rows = [
        {
            "object": one.name,
            "altered": ("hidden " if one.newest.hides else "overwritten ") + local(one.newest.at),
            "brought back": local(one.right.at) if one.right else "no version is what its name says",
        }
        for one in altered[:MOST_ROWS]
    ]
    description = f"Generation {generation.id}: {len(altered)} objects that were altered in the store (P20)"
    create_table_artifact(key=f"mended-{generation.id.lower()}", table=rows, description=description)
