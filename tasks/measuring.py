"""What instances store, measured on their server by one command, recorded, and kept within bounds there (P04, P07)."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands.bounds import Bounds, ensure_bounds, parse_bounds
from hosting.commands.measuring import measure, parse_measured
from hosting.errors import ServiceError, StepFailed
from hosting.inventory import instances, measurements
from hosting.inventory.measurements import MeasuredFacts
from hosting.inventory.session import in_transaction
from tasks.records import inventory, now
from tasks.step import reading, run_logger, step

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


@cache
def program() -> bytes:
    """The program for servers as one zipped file."""
    packed, folder = io.BytesIO(), files("tasks.on_server")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tasks/__init__.py", "")
        archive.writestr("tasks/on_server/__init__.py", "")
        for name, source in PROGRAM.items():
            archive.writestr(zipfile.ZipInfo(name), folder.joinpath(source).read_bytes())
    return packed.getvalue()


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
        figures = MeasuredFacts(instance.name, server.name, at, told.use, told.users, 0, told.by_user)
        outcomes.append(_recorded(instance, figures))
    return _keep_within_bounds(server, outcomes)


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
    command = ensure_bounds([Bounds(instance, measured.use)], btrfs=server.has_btrfs)
    changed, failed = parse_bounds(load(SshHost).connection(server).run(command).out)
    if failed:
        message = f"The bounds of {instance.name} on {server.name} can't be set."
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
