"""What instances store, measured on their server by one command, recorded, and kept within bounds there (P04, P07)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands.bounds import Bounds, ensure_bounds, parse_bounds
from hosting.commands.measuring import look, measure, parse_look, parse_measured
from hosting.errors import ServiceError, StepFailed
from hosting.inventory import instances, measurements
from hosting.inventory.measurements import MeasuredFacts
from hosting.inventory.session import in_transaction
from hosting.policy.quota import has_moved
from tasks.records import inventory, now
from tasks.step import reading, run_logger, step
from tasks.zipped import zipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hosting.policy.values import InstanceFacts, ServerFacts

PROGRAM = {"__main__.py": "measuring.py", "tasks/on_server/mariadb_session.py": "mariadb_session.py"}
"""What the program for servers is made of: its entries, and the files that they are."""


NO_BOUNDS = "its bounds on the server could not be set"


class NotMeasured(StepFailed):
    """What an instance stores could not be told."""


@dataclass(frozen=True)
class MeasuredOne:
    """What became of one instance's measuring: its figures, or the sentence that says why there are none."""

    instance: InstanceFacts
    measured: MeasuredFacts | None = None
    finding: str = ""


@dataclass(frozen=True)
class Known:
    """An instance with what is known of it."""

    instance: InstanceFacts
    measured: MeasuredFacts

    def has_moved(self, database_file_bytes: int, files_bytes: int | None) -> bool:
        """Whether it is to be measured at once, as a look at its disks tells; once it is on another server, always."""
        if self.measured.server_name != self.instance.server_name:
            return True
        seen = self.measured.use_by(database_file_bytes, files_bytes)
        pool = self.instance.storage_gib
        return has_moved(self.measured.use.per_mille(pool), seen.per_mille(pool))


@cache
def program() -> bytes:
    """The program for servers as one zipped file."""
    return zipped(PROGRAM)


@reading
def measure_instances(server: ServerFacts, wanted: Sequence[InstanceFacts]) -> list[MeasuredOne]:
    """What instances of a server store now, by one command; recorded, and told to the product of each.

    One that can't be measured stops none of the others.

    Raises:
        Unreachable: the server does not answer.
        StepFailed: it can't measure at all.
    """
    ssh = load(SshHost).connection(server)
    found, at = parse_measured(ssh.run(measure(program(), server, wanted)).out), now()
    outcomes = []
    for instance in wanted:
        told = found[instance.name]
        if told.complaint:
            run_logger().error("%s can't be measured: %s", instance.name, told.complaint)
            outcomes.append(MeasuredOne(instance, finding=told.complaint))
            continue
        figures = MeasuredFacts(instance.name, server.name, at, told.use, told.users, 0, told.by_user, told.free_bytes)
        outcomes.append(_recorded(instance, figures))
    return _keep_within_bounds(server, outcomes)


@reading
def look_at_growth(server: ServerFacts, known: Sequence[Known]) -> list[InstanceFacts]:
    """The instances of a server whose pools are nearly full and have moved since they were measured; one command.

    Of one that is just being set up, moved or restored nothing is seen; the next look is minutes away.

    Raises:
        Unreachable: the server does not answer.
        StepFailed: it can't look at all.
    """
    command = look(program(), server, [one.instance for one in known])
    seen = parse_look(load(SshHost).connection(server).run(command).out)
    return [one.instance for one in known if one.instance.name in seen and one.has_moved(*seen[one.instance.name])]


def measured_now(server: ServerFacts, instance: InstanceFacts) -> MeasuredFacts:
    """One instance measured now.

    Raises:
        Unreachable: the server does not answer.
        NotMeasured: what it stores can't be told.
    """
    one = measure_instances(server, [instance])[0]
    if one.measured is None:
        message = f"{instance.name} on {server.name} can't be measured: {one.finding}."
        raise NotMeasured(message, "Look at its database and its folder there, then run again.")
    return one.measured


@step
def ensure_room(server: ServerFacts, instance: InstanceFacts, measured: MeasuredFacts) -> bool:
    """The bounds of one instance on its server are those that are booked now.

    Raises:
        Unreachable: the server does not answer.
        NotMeasured: they can't be set, for example while its folder is exchanged.
    """
    return _bounds_set(server, Bounds(instance, measured.use), btrfs=server.has_btrfs)


@step
def ensure_last_room(server: ServerFacts, instance: InstanceFacts) -> bool:
    """The product is told on a server what was measured of its instance last, wherever that was.

    Without figures it stops nothing: they are there before an instance opens on another server, and are measured there
    with the next look. Of one that was never measured there are none.

    Raises:
        Unreachable: the server does not answer.
        NotMeasured: they can't be set.
    """
    with inventory().reading() as session:
        last = measurements.last_measured(session, instance.name)
    if last is None:
        return False
    return _bounds_set(server, Bounds(instance, last.use), btrfs=False)


def _bounds_set(server: ServerFacts, bounds: Bounds, *, btrfs: bool) -> bool:
    """Whether the bounds of one instance changed."""
    changed, failed = parse_bounds(load(SshHost).connection(server).run(ensure_bounds([bounds], btrfs=btrfs)).out)
    if failed:
        message = f"The bounds of {bounds.instance.name} on {server.name} can't be set."
        raise NotMeasured(message, "Look whether a restore of it is under way, then run again.")
    return changed


def _recorded(instance: InstanceFacts, figures: MeasuredFacts) -> MeasuredOne:
    """The figures in the inventory."""
    kept = in_transaction(inventory(), lambda session: measurements.record_measured(session, figures))
    return MeasuredOne(instance, kept)


def _keep_within_bounds(server: ServerFacts, outcomes: Sequence[MeasuredOne]) -> list[MeasuredOne]:
    """The bounds of all that were measured, by what is booked at this moment; where they can't be set, that is told."""
    good = {one.instance.name: one.measured.use for one in outcomes if one.measured is not None}
    if not good:
        return list(outcomes)
    with inventory().reading() as session:
        bounds = [Bounds(instances.instance_facts(session, name), use) for name, use in good.items()]
    said = load(SshHost).connection(server).run(ensure_bounds(bounds, btrfs=server.has_btrfs)).out
    _, failed = parse_bounds(said)
    return [replace(one, finding=NO_BOUNDS) if one.instance.name in failed else one for one in outcomes]


def finding_of(error: ServiceError, wanted: Sequence[InstanceFacts]) -> list[MeasuredOne]:
    """The same finding for all instances of a server that could not be asked."""
    return [MeasuredOne(instance, finding=str(error)) for instance in wanted]
