"""Where an instance is, asked of the servers themselves: for an inventory that is older than a switch (P24)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands import sites
from hosting.commands.files import read_if_there
from hosting.inventory import found_switches, servers
from hosting.policy.found_switch import SiteThere, found_on
from hosting.policy.placement import is_there
from hosting.product.layout import InstanceLayout
from tasks.jobs import has_job
from tasks.kept_source import check_is_there
from tasks.move_after_check import sums_job_of
from tasks.probes import prove_shown, url_of
from tasks.records import inventory, now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hosting.policy.values import InstanceFacts, ServerFacts


@dataclass(frozen=True)
class FoundSwitch:
    """A switch that the inventory does not know of, proven on the servers.

    Args:
        instance: which one, as the inventory has it.
        source: the server on which the inventory has it.
        target: the server that serves it.
        seen: what every server has of it.
        compared: whether the target still holds what it had at the switch.
    """

    instance: InstanceFacts
    source: ServerFacts
    target: ServerFacts
    seen: tuple[SiteThere, ...]
    compared: bool


def find_switch(name: str) -> FoundSwitch:
    """Where an instance is: every server is asked for its site, both addresses from outside; nothing is changed.

    Raises:
        UnknownInstance: no instance has this name.
        NothingToRecord: it is where the inventory has it.
        SwitchNotProven: the servers do not tell beyond doubt; or it is not open.
        LeaseHeld: somebody works on it.
        Unreachable: a server does not answer: it might serve it, too.
        DriftFound: the server that serves it has not its database and files.
        StepFailed: it is not served as it must be.
    """
    with inventory().reading() as session:
        instance = found_switches.may_be_found(session, name, now())
        asked = [one for one in servers.all_servers(session) if is_there(one)]
    with ThreadPoolExecutor() as pool:
        seen = tuple(pool.map(lambda server: _site_there(server, instance), asked))
    home = found_on(name, instance.server_name, seen)
    source, target = (_named(asked, one) for one in (instance.server_name, home.server))
    check_is_there(target, instance)
    there = replace(instance, server_name=target.name)
    for place in (target, replace(target, host_name=source.host_name)):
        prove_shown(url_of(place, there), place, there)
    return FoundSwitch(instance, source, target, seen, has_job(target, sums_job_of(name)))


def _site_there(server: ServerFacts, instance: InstanceFacts) -> SiteThere:
    """What a server does with an instance's requests."""
    site = load(SshHost).connection(server).run(read_if_there(InstanceLayout.of(instance).site_file)).out
    return SiteThere(
        str(server.name), server.host_name, bool(site.strip()), sites.serves(site), sites.passed_on_to(site)
    )


def _named(asked: Sequence[ServerFacts], name: str) -> ServerFacts:
    """One of the servers that were asked."""
    return next(one for one in asked if one.name == name)
