"""Recovery points in the inventory: what is due, where it goes, what was made of it (docs/decisions/0008)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken

from blocks.loading import load
from blocks.service_settings import SealedOtherwise, ServiceSettings
from hosting.errors import Refused
from hosting.inventory import instances, levels, recovery_points, releases
from hosting.inventory.session import in_transaction
from hosting.policy.backup_plan import GOING, due_backup
from hosting.policy.states import InstanceState
from hosting.policy.values import PointKind
from tasks.records import inventory, now
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.backup_plan import Due
    from hosting.policy.terms import Terms
    from hosting.policy.values import GenerationFacts, InstanceFacts, PointFacts, ReleaseFacts

BACKUP_KEY = "backup"
"""The purpose of the secret that wraps the passwords of an instance's generations."""


class NotItsPoint(Refused):
    """A recovery point that can't be brought back there."""


class PointGone(Refused):
    """A recovery point whose time is over."""


BACKED_UP = (InstanceState.ACTIVE, InstanceState.SUSPENDED)


@dataclass(frozen=True)
class History:
    """What the inventory knows of an instance's backups."""

    instance: InstanceFacts
    terms: Terms
    generations: tuple[GenerationFacts, ...]
    points: tuple[PointFacts, ...]

    def due(self, at: datetime) -> Due | None:
        """What is due of it at a moment."""
        return due_backup(
            self.generations, self.points, self.instance.server_name, at, self.terms, self.instance.active_at or at
        )

    def kind_of(self, wish: str, at: datetime) -> PointKind:
        """The kind of the next point: as wished where that can be, full where there is nothing to add to."""
        due = self.due(at)
        if wish == "full" or (due is not None and due.kind is PointKind.FULL):
            return PointKind.FULL
        return PointKind.INCREMENTAL

    @property
    def dump_bytes(self) -> int:
        """What the last dump had."""
        return int(self.points[-1].manifest["database"]["bytes"]) if self.points else 0


def history_of(session: Session, instance: InstanceFacts) -> History:
    """The backups of one instance, the oldest first."""
    return History(
        instance,
        levels.terms_of_instance(session, instance.name, now()),
        tuple(recovery_points.generations_of(session, instance.name)),
        tuple(recovery_points.points_of(session, instance.name)),
    )


@reading
def read_instance(name: str) -> InstanceFacts:
    """An instance as the inventory knows it."""
    with inventory().reading() as session:
        return instances.instance_facts(session, name)


@reading
def read_history(instance: InstanceFacts) -> History:
    """The backups of one instance as the inventory knows them."""
    with inventory().reading() as session:
        return history_of(session, instance)


@reading
def read_histories(server_name: str) -> list[History]:
    """The backups of all instances on a server that are to be backed up."""
    with inventory().reading() as session:
        there = [one for one in instances.all_instances(session) if one.server_name == server_name]
        return [history_of(session, one) for one in there if one.state in BACKED_UP]


@reading
def read_point(point_id: str) -> tuple[PointFacts, GenerationFacts]:
    """A recovery point and its generation.

    Raises:
        UnknownPoint: no point has this id.
        PointGone: its generation was dropped.
    """
    with inventory().reading() as session:
        point = recovery_points.point(session, point_id)
        generation = recovery_points.generation(session, point.generation)
    if generation.state in GOING:
        message = f"The point {point.id} is not there any more: its generation is {generation.state}."
        raise PointGone(message, f"Take one of those that are: phm snapshots {point.instance_name}.")
    return point, generation


def check_point_of(instance: InstanceFacts, point: PointFacts, what: str) -> None:
    """See that a point can be brought back into an instance.

    Raises:
        NotItsPoint: it is another instance's, or only a part is wanted of a point of another release.
    """
    if point.instance_name != instance.name:
        message = f"The point {point.id} is one of {point.instance_name}, not of {instance.name}."
        raise NotItsPoint(message, f"List its own: phm snapshots {instance.name}.")
    if what != "all" and point.release_id != instance.release.id:
        message = f"The point {point.id} was taken with another release, to which its database and files belong."
        raise NotItsPoint(message, "Restore all of it.")


@reading
def read_release(release_id: str) -> ReleaseFacts:
    """A registered release."""
    with inventory().reading() as session:
        return releases.release_facts(session, release_id)


@reading
def record_release(instance: InstanceFacts) -> None:
    """The release that an instance has now."""
    in_transaction(
        inventory(), lambda session: instances.record_release(session, instance.name, instance.release.id, now())
    )


@reading
def ensure_generation(instance: InstanceFacts, kind: PointKind) -> GenerationFacts:
    """Where the next point goes: the open generation, or for a full backup a new one with a password of its own."""

    def ensure(session: Session) -> GenerationFacts:
        return (
            recovery_points.open_generation(session, instance.name) if kind is PointKind.INCREMENTAL else begin(session)
        )

    def begin(session: Session) -> GenerationFacts:
        at = now()
        key = _key(session, instance.name, make=True)
        wrapped = Fernet(key).encrypt(secrets.token_urlsafe(32).encode()).decode()
        id_ = f"{instance.name}-{at:%Y%m%dt%H%M%S}"
        return recovery_points.begin_generation(session, id_, instance.name, instance.server_name, wrapped, at)

    return in_transaction(inventory(), ensure)


@reading
def record_point(point: PointFacts) -> PointFacts:
    """The point is in the store and accepted: from now on it counts."""
    run_logger().info(
        "%s: %s point %s, %s bytes new, %.1f s",
        point.instance_name,
        point.kind,
        point.id,
        point.bytes_added,
        point.seconds,
    )
    in_transaction(inventory(), lambda session: recovery_points.record_point(session, point, now()))
    return point


def password_of(generation: GenerationFacts) -> str:
    """What opens a generation; never a task of its own, since a task's result could be kept.

    Raises:
        SealedOtherwise: it was wrapped by another key than the instance's.
    """
    with inventory().reading() as session:
        key = _key(session, generation.instance_name, make=False)
    try:
        return Fernet(key).decrypt(generation.wrapped_password.encode()).decode()
    except InvalidToken:
        message = f"The password of the generation {generation.id} is wrapped by another key than the instance's."
        raise SealedOtherwise(message, "Bring the inventory back whole: phm escrow.") from None


def _key(session: Session, instance: str, *, make: bool) -> str:
    """The instance's backup key, unsealed; made where there is none yet."""
    settings = load(ServiceSettings)
    if make:
        instances.ensure_secret(session, instance, BACKUP_KEY, lambda: settings.seal(Fernet.generate_key().decode()))
    return settings.unseal(instances.sealed_secret(session, instance, BACKUP_KEY))
