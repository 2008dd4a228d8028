"""Recovery points on a server: taken into the store, brought back beside what is there (P19 to P22)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from blocks.backup_store import BackupStore
from blocks.loading import load
from blocks.mariadb_server import mariadb_of
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from hosting.commands import mariadb
from hosting.commands.application import AUTHORITIES
from hosting.policy.values import InstanceName, PointFacts, PointKind, ReleaseId, ServerName
from hosting.product.layout import BACKUP, InstanceLayout
from hosting.product.named_files import LEFT_OUT, named_files
from tasks.jobs import end_job, left_result, run_job
from tasks.records import now
from tasks.recovery_points import password_of
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hosting.policy.values import GenerationFacts, InstanceFacts, ServerFacts
    from tasks.jobs import Told

LOCK_SECONDS = 2
"""MariaDB waits so long for the tables of one instance before it is tried again; others of it wait behind."""

TURN_SECONDS = 3600.0
"""One dump at a time on a server: one waits so long for those of its neighbours, beside what it may take itself."""

LOAD_MOST_A_CORE = 3.0
LOAD_SECONDS = 120.0
"""A nightly backup waits so long for a server with more to do than that; one that a person asked for does not."""


@dataclass(frozen=True)
class PointWish:
    """A point that is to be taken.

    Args:
        generation: where it goes.
        kind: a full one begins the generation.
        seconds: the most it may take, without what it waits for others.
        dump_bytes: what the last dump had, for the progress; 0 where there was none.
        patient: whether it waits for a while where the server is busy.
    """

    generation: GenerationFacts
    kind: PointKind
    id: str
    seconds: float
    dump_bytes: int = 0
    patient: bool = False


def job_of(instance: str) -> str:
    """The one job that backs an instance up, at most one at a time."""
    return f"point-{instance}"


@reading
def ensure_store_ready() -> bool:
    """The bucket of backups is there and keeps versions; whether anything of it had to be set.

    Raises:
        Refused: nobody stated that the store stands in Germany (P02).
        DriftFound: it does not keep what it was told.
        Unreachable: it does not answer.
    """
    return load(BackupStore).ensure_ready()


@reading
def take_point(server: ServerFacts, instance: InstanceFacts, wish: PointWish, told: Told | None = None) -> PointFacts:
    """The point in the store; what its job says of it stays on the server until `end_backup_job`.

    Raises:
        Unreachable: server, database or store do not answer, or the tables are too busy; tried again.
        JobComplained: the dump could not be accepted, or the store holds something else than was sent.
    """
    result = run_job(
        server, job_of(instance.name), "take-point", _point_request(server, instance, wish),
        seconds=wish.seconds + TURN_SECONDS + LOAD_SECONDS, told=told, keep=True,
    )  # fmt: skip
    return _point(instance, result)


@reading
def left_point(server: ServerFacts, instance: InstanceFacts) -> PointFacts | None:
    """The point that a run which was killed had begun, waited for; None where it had begun none, or it failed."""
    result = left_result(server, job_of(instance.name))
    return _point(instance, result) if result else None


@reading
def end_backup_job(server: ServerFacts, instance: InstanceFacts) -> bool:
    """No job backs the instance up, and none tells of a point: it is recorded, or somebody does something else now."""
    return end_job(server, job_of(instance.name))


@reading
def bring_back(
    server: ServerFacts, point: PointFacts, generation: GenerationFacts, *, into: str, work: str, path: str = "",
    files: bool = True, seconds: float, told: Told | None = None,
) -> Mapping[str, Any]:  # fmt: skip
    """A point beside what is there: its database in the empty one of that name, its files below `work`; compared.

    Args:
        server: where; any that may read the store.
        point: what is brought back.
        generation: its generation.
        into: the database; empty: no database.
        work: the folder to work in.
        path: below the data folder; empty: all of it.
        files: whether files are wanted.
        seconds: the most it may take.
        told: is told of its progress.

    Returns:
        `data` (the folder), `seconds`, the number of `tables` and `files`.

    Raises:
        Unreachable: server, database or store do not answer.
        JobComplained: it can't be brought back, or is not what was recorded (kind `differs`).
    """
    request = reading_request(generation) | {
        "instance": point.instance_name,
        "manifest": dict(point.manifest),
        "database_snapshot": point.database_snapshot,
        "files_snapshot": point.files_snapshot,
        "work": work,
        "into": into,
        "path": path,
        "files": files,
        "btrfs": server.has_btrfs,
    }
    id_ = f"restore-{work.rpartition('/')[2]}"
    end_job(server, id_)
    return run_job(server, id_, "restore-point", request, seconds=seconds, told=told)


def _point_request(server: ServerFacts, instance: InstanceFacts, wish: PointWish) -> dict[str, Any]:
    """What the conductor is told."""
    layout = InstanceLayout.of(instance)
    keys = load(BackupStore).credentials(server.name)
    release = instance.release
    cores = float(server.facts.get("cores", 2))
    return _repository(server.name, instance.name, wish.generation) | {
        "access_key": keys.access_key,
        "secret_key": keys.secret_key,
        "point": wish.id,
        "now": now().isoformat(),
        "instance": instance.name,
        "database": layout.database,
        "data": str(layout.data),
        "work": str(BACKUP / instance.name),
        "btrfs": server.has_btrfs,
        "begins": wish.kind is PointKind.FULL,
        "named": named_files(layout.database),
        "left_out": list(LEFT_OUT),
        "salt_file": layout.settings.name,
        "seconds": wish.seconds,
        "turn_seconds": TURN_SECONDS,
        "lock_seconds": LOCK_SECONDS,
        "load_most": LOAD_MOST_A_CORE * cores,
        "load_seconds": LOAD_SECONDS if wish.patient else 0.0,
        "dump_bytes": wish.dump_bytes,
        "about": {
            "kind": wish.kind.value,
            "generation": wish.generation.id,
            "server": server.name,
            "release": {"id": release.id, "version": release.version, "build": release.build},
        },
    }  # fmt: skip


def reading_request(generation: GenerationFacts) -> dict[str, Any]:
    """Where a generation lies, what opens it, and who may read it and do nothing else."""
    reader = load(BackupStore).reader()
    return _repository(generation.server_name, generation.instance_name, generation) | {
        "access_key": reader.access_key,
        "secret_key": reader.secret_key,
    }


def _repository(server: str, instance: str, generation: GenerationFacts) -> dict[str, Any]:
    """Where a generation lies and what opens it."""
    store = load(BackupStore)
    return {
        "repository": store.repository(server, instance, generation.id),
        "password": password_of(generation),
        "region": store.region,
        "authorities": AUTHORITIES if store.authorities_pem or load(ServiceSettings).authorities_pem else "",
    }


def _point(instance: InstanceFacts, result: Mapping[str, Any]) -> PointFacts:
    """What the conductor made, by its own word."""
    manifest = {**result["manifest"], "peak_kib": result["peak_kib"], "phases": result.get("phases", {})}
    return PointFacts(
        id=manifest["point"],
        instance_name=InstanceName(instance.name),
        generation=manifest["generation"],
        server_name=ServerName(manifest["server"]),
        kind=PointKind(manifest["kind"]),
        taken_at=datetime.fromisoformat(manifest["taken_at"]),
        release_id=ReleaseId(manifest["release"]["id"]),
        manifest=manifest,
        database_snapshot=result["database_snapshot"],
        files_snapshot=result["files_snapshot"],
        bytes_added=result["bytes_added"],
        seconds=result["seconds"],
    )


def ensure_empty_database(server: ServerFacts, name: str) -> None:
    """An empty database of root's own, for something that is brought back."""
    with mariadb_of(load(SshHost).connection(server)) as database:
        database.rows(mariadb.drop_database(name))
        database.rows(mariadb.create_database(name))
