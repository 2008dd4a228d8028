"""What an operator may have mended by his word: rights, units, what is left of who has gone, instances that are closed.

Each way can be taken twice. An instance is worked on under its lease; of one that has ended there is none to take.
"""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import PurePosixPath as Path
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mariadb_server import mariadb_of
from blocks.ssh_host import SshHost
from hosting.commands import packages, replication, sites
from hosting.commands.files import ensure_gone, read_if_there
from hosting.commands.inspecting import ensure_rights
from hosting.commands.server_link import take_writes
from hosting.commands.services import APACHE, uninstall
from hosting.commands.updating import open_gate
from hosting.errors import DriftFound, Refused
from hosting.inventory import findings, instances, servers
from hosting.inventory.deeds import SERVICE
from hosting.inventory.expected_fleet import busy, half_done
from hosting.inventory.session import in_transaction
from hosting.policy.inspection import Way, told_mend
from hosting.policy.states import InstanceState
from hosting.product.layout import InstanceLayout
from tasks.leases import working_on
from tasks.passing_on import ensure_passed_on
from tasks.records import inventory, now
from tasks.step import reading, step
from tasks.web import FOR_OPERATOR, ensure_cron, ensure_site

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from hosting.policy.inspection import FleetFinding, KnownFinding
    from hosting.policy.values import InstanceFacts, ServerFacts


class MendedByHand(Refused):
    """A finding that no command mends."""


class WorkedOn(Refused):
    """An instance that is worked on is not mended beside that."""


@reading
def read_mendable(key: str) -> KnownFinding:
    """A finding that can be mended by an operator's word.

    Raises:
        UnknownFinding: none has this key.
        MendedByHand: it is gone, or no command mends it.
    """
    with inventory().reading() as session:
        known = findings.finding(session, key)
    if known.gone_at is not None:
        raise MendedByHand(f"{key} is gone since {known.gone_at:%Y-%m-%d %H:%M} UTC.", "There is nothing to mend.")
    if not known.mend:
        raise MendedByHand(f"{key} is mended by hand alone.", known.do)
    return known


@reading
def record_mended(known: KnownFinding, done: str, by: str, why: str) -> None:
    """What was done, by whose word."""
    told = partial(findings.record_mended, known=known, done=done, by=by or SERVICE, why=why, now=now())
    in_transaction(inventory(), told)


def mend_now(server: ServerFacts, found: FleetFinding) -> str:
    """Mend what was found just now; what was done, in one sentence.

    Raises:
        WorkedOn: somebody works on the instance, or it stands half done.
        LeaseHeld: another run has it.
    """
    ways: Mapping[Way, Callable[[ServerFacts, Mapping[str, str]], object]] = {
        Way.RIGHTS: put_rights, Way.START: start_unit, Way.CRON: drop_cron, Way.SITE: drop_site,
        Way.FORWARD: forward, Way.OPEN: open_again,
    }  # fmt: skip
    ways[Way(found.mend["way"])](server, found.mend)
    return told_mend(found.mend)


@step
def put_rights(server: ServerFacts, mend: Mapping[str, str]) -> bool:
    """Owner and mode as they have to be."""
    command = ensure_rights(mend["path"], mend["owner"], mend["mode"])
    return load(SshHost).connection(server).run(command).changed


@step
def start_unit(server: ServerFacts, mend: Mapping[str, str]) -> bool:
    """A unit of ours runs."""
    return load(SshHost).connection(server).run(packages.ensure_units_run(mend["unit"])).changed


@step
def drop_cron(server: ServerFacts, mend: Mapping[str, str]) -> bool:
    """No cron job of an instance that is not served there any more."""
    with _not_served(server, mend["instance"]):
        return load(SshHost).connection(server).run(ensure_gone(Path(mend["path"]))).changed


@step
def drop_site(server: ServerFacts, mend: Mapping[str, str]) -> bool:
    """No site of an instance that has ended."""
    with _not_served(server, mend["instance"]):
        command = uninstall(APACHE, Path(mend["path"]), host=server.host_name)
        return load(SshHost).connection(server).run(command, FOR_OPERATOR).changed


def forward(server: ServerFacts, mend: Mapping[str, str]) -> object:
    """A server that an instance has left passes its requests on, and serves it no more.

    Raises:
        DriftFound: it is there, served or not; or where the inventory has it, it is passed on.
    """
    with _not_served(server, mend["instance"]) as instance:
        target = _server_of(instance)
        if target.name == server.name:
            raise _changed(instance.name, server)
        check_no_circle(server, instance, target)
        return ensure_passed_on(server, instance, target)


def check_no_circle(server: ServerFacts, instance: InstanceFacts, target: ServerFacts) -> None:
    """See that the server on which the inventory has an instance does not pass its requests on itself.

    Raises:
        DriftFound: it does: an inventory from a backup may be older than a move, and nobody would serve it.
    """
    site = load(SshHost).connection(target).run(read_if_there(InstanceLayout.of(instance).site_file)).out
    if to := sites.passed_on_to(site):
        message = f"{target.name}, to which {server.name} would pass {instance.name} on, passes it on to {to}."
        do = f"Nothing was changed. What all servers have: phm move found-switched {instance.name} --reason …."
        raise DriftFound(message, do)


def open_again(server: ServerFacts, mend: Mapping[str, str]) -> None:
    """An open instance that was closed is reachable again: folder, database's user, cron job, site, and last its gate.

    Raises:
        DriftFound: it is not served there, or not any more: suspended, closed, gone elsewhere.
        WorkedOn: it stands half done: what is there may be neither its old state nor its new one.
    """
    with _alone_on(_instance(mend["instance"]), server, server) as instance:
        if not _is_served(server, instance):
            raise _changed(instance.name, server)
        let_in(server, instance)
        ensure_cron(server, instance)
        ensure_site(server, instance)
        ensure_gate_open(server, instance)


@step
def let_in(server: ServerFacts, instance: InstanceFacts) -> bool:
    """The instance's database user may come in, and its folder takes writes."""
    layout, ssh = InstanceLayout.of(instance), load(SshHost).connection(server)
    with mariadb_of(ssh) as database:
        database.rows(replication.let_in(layout.database))
    return server.has_btrfs and ssh.run(take_writes(layout.data, taken=True)).changed


@step
def ensure_gate_open(server: ServerFacts, instance: InstanceFacts) -> bool:
    """The instance's gate is open."""
    return load(SshHost).connection(server).run(open_gate(InstanceLayout.of(instance).gate)).changed


@contextlib.contextmanager
def _not_served(server: ServerFacts, name: str) -> Iterator[InstanceFacts]:
    """An instance that a server does not serve any more, alone as long as it lives.

    Raises:
        DriftFound: it does.
        WorkedOn: somebody works on it.
    """
    instance = _instance(name)
    if instance.state is InstanceState.ENDED:
        yield instance
        return
    if _is_served(server, instance):
        raise _changed(name, server)
    with _alone_on(instance, _server_of(instance), server) as now_so:
        if now_so.server_name != instance.server_name or _is_served(server, now_so):
            raise _changed(name, server)
        yield now_so


@contextlib.contextmanager
def _alone_on(instance: InstanceFacts, home: ServerFacts, server: ServerFacts) -> Iterator[InstanceFacts]:
    """An instance as it is once nobody else works on it: what was read before may have changed until then.

    Raises:
        WorkedOn: somebody works on it, or something has left it half done.
    """
    with inventory().reading() as session:
        _stop_if_among(busy(session, now()), instance.name)
    with working_on(home, instance, "mend", also_on={server.name}):
        with inventory().reading() as session:
            _stop_if_among(half_done(session), instance.name)
            now_so = instances.instance_facts(session, instance.name)
        yield now_so


def _is_served(server: ServerFacts, instance: InstanceFacts) -> bool:
    """Whether a server serves an instance."""
    return instance.server_name == server.name and instance.state is InstanceState.ACTIVE


def _changed(name: str, server: ServerFacts) -> DriftFound:
    """What was found is not so any more."""
    message = f"{name} is not on {server.name} as it was when that was found."
    return DriftFound(message, "Nothing was changed; inspect the server again.")


def _instance(name: str) -> InstanceFacts:
    """An instance as the inventory has it now."""
    with inventory().reading() as session:
        return instances.instance_facts(session, name)


def _server_of(instance: InstanceFacts) -> ServerFacts:
    """The server that serves an instance."""
    with inventory().reading() as session:
        return servers.server_facts(session, instance.server_name)


def _stop_if_among(kept: Collection[str], name: str) -> None:
    """An instance is none of those on which somebody works, or that stand half done.

    Raises:
        WorkedOn: it is.
    """
    if name in kept:
        message = f"{name} is worked on, or stands half done: nothing was changed."
        raise WorkedOn(message, f"Let that come to its end first (phm instance show {name}).")
