"""What opens every backup without this program: where each generation lies, its password, its points (P20)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from blocks.backup_store import BackupStore
from blocks.loading import load
from hosting.errors import ServiceError
from hosting.inventory import recovery_points, releases
from hosting.policy.backup_plan import GOING
from tasks.records import inventory, now
from tasks.recovery_points import password_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hosting.policy.values import GenerationFacts, PointFacts, ReleaseFacts


def escrow() -> dict[str, Any]:
    """All of it, in the clear: encrypt it before it is written anywhere; never a task's result.

    A generation whose password can't be unwrapped has `problem` in place of it.
    """
    with inventory().reading() as session:
        found = [one for one in recovery_points.all_generations(session) if one.state not in GOING]
        points: dict[str, list[PointFacts]] = {one.id: [] for one in found}
        for name in {one.instance_name for one in found}:
            for point in recovery_points.points_of(session, name):
                points[point.generation].append(point)
        known: dict[str, ReleaseFacts] = {release.id: release for release in releases.all_releases(session)}
    repositories = [_repository(generation, points[generation.id], known) for generation in found]
    return {"made_at": now().isoformat(), "store": _store(), "repositories": repositories}


def problems(content: Mapping[str, Any]) -> list[str]:
    """The sentences of what could not be opened."""
    return [one["problem"] for one in content["repositories"] if "problem" in one]


def _store() -> dict[str, str]:
    """How the store is read; with the reader's key, where there is one."""
    store = load(BackupStore)
    told = {"endpoint": store.endpoint, "region": store.region, "bucket": store.bucket}
    with contextlib.suppress(ServiceError):
        keys = store.reader()
        told |= {"access_key": keys.access_key, "secret_key": keys.secret_key}
    return told | {"authorities_pem": store.authorities_pem}


def _repository(
    generation: GenerationFacts, points: list[PointFacts], known: Mapping[str, ReleaseFacts]
) -> dict[str, Any]:
    """One generation."""
    server, instance = generation.server_name, generation.instance_name
    told = {
        "instance": instance,
        "server": server,
        "generation": generation.id,
        "state": generation.state.value,
        "repository": load(BackupStore).repository(server, instance, generation.id),
    }
    try:
        told |= {"password": password_of(generation)}
    except ServiceError as error:
        told |= {"problem": str(error)}
    return told | {"points": [_point(point, known) for point in points]}


def _point(point: PointFacts, known: Mapping[str, ReleaseFacts]) -> dict[str, Any]:
    """One recovery point, and the product's release that it belongs to."""
    release = known.get(point.release_id)
    return {
        "id": point.id,
        "kind": point.kind.value,
        "taken_at": point.taken_at.isoformat(),
        "damaged": point.damaged,
        "database_snapshot": point.database_snapshot,
        "files_snapshot": point.files_snapshot,
        "release": {"id": point.release_id}
        | ({"version": release.version, "build": release.build, "edition": release.edition} if release else {}),
    }
