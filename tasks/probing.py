"""Instances asked from their locations and from outside, and what they answered, kept (P11).

Called by the prober (`deployments.runtime.prober`), outside of any run: nothing here is a step of a flow.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING

import dns.exception
import dns.resolver

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from hosting.commands.probing import Asked, Manner, asked_of, parse_asked, probe, told
from hosting.errors import ServiceError
from hosting.inventory import instances, levels, names, probes, servers
from hosting.inventory.probes import Timed
from hosting.inventory.session import in_transaction
from hosting.policy.probe_spans import Answer, Probe, Vantage
from hosting.policy.probing import AT_ONCE, Call, Target, answer_within, calls, interval_of
from hosting.policy.states import InstanceState, NameState
from hosting.policy.values import NameKind
from hosting.product.layout import InstanceLayout
from hosting.product.proof import HEALTH
from tasks.on_server import probing
from tasks.records import inventory, now

if TYPE_CHECKING:
    import ssl
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from concurrent.futures import Executor
    from datetime import datetime

    from hosting.policy.probe_spans import Span
    from hosting.policy.values import ServerFacts, ServerName

logger = logging.getLogger("phm.prober")

RESOLVE_SECONDS = 5.0
RESOLVED_WITHIN = 2 * RESOLVE_SECONDS
"""So long a round waits for all its names: those of one silent zone keep no others from being asked."""

RESOLVERS = 8
"""Names that are asked for at the same moment."""

PROBED = (InstanceState.ACTIVE, InstanceState.SUSPENDED)
"""Also who is suspended: that it is closed is then known, and not owed."""

SECOND_WITHIN = 0.2
"""Over so much of an interval the questions are spread that another server of the location asks in place of one."""

WITNESSES = 2
"""Servers of which none is reached by a prober: rather it than they can't be reached."""


@dataclass(frozen=True)
class Plan:
    """What is to be probed: all instances that customers have, all servers, and customers' own domains."""

    targets: tuple[Target, ...]
    servers: tuple[ServerFacts, ...]
    domains: tuple[Target, ...] = ()


def read_plan() -> Plan:
    """The plan as the inventory has it now.

    Raises:
        Unreachable: the inventory's database does not answer.
    """
    seconds = load(ServiceSettings).probes.seconds
    with inventory().reading() as session:
        known = {one.name: one for one in servers.all_servers(session)}
        terms = levels.terms_of_instances(session, now())
        found = [one for one in instances.all_instances(session) if one.state in PROBED]
        live = [one for one in names.all_names(session, NameState.LIVE) if one.kind is NameKind.DOMAIN]
    targets = []
    for one in found:
        server, interval = known[one.server_name], interval_of(terms[one.name], seconds)
        path = f"{InstanceLayout.of(one).path}{HEALTH}"
        targets.append(Target(one.name, server.name, server.host_name, server.address, path, interval))
    asked = {one.instance: one for one in targets}
    domains = [
        replace(asked[one.instance_name], host=one.a_label, path=f"/{HEALTH}")
        for one in live
        if one.instance_name in asked
    ]
    return Plan(tuple(targets), tuple(known.values()), tuple(domains))


def record(found: Iterable[Timed]) -> list[Span]:
    """Results in the inventory; the spans that they are in.

    Raises:
        Unreachable: the inventory's database does not answer.
    """
    kept = list(found)
    return in_transaction(inventory(), lambda session: probes.record_probes(session, kept))


async def addresses_of(hosts: Collection[str], resolving: Executor) -> dict[str, str]:
    """Where servers' names lead, empty where nowhere; those are left out of which no resolver says it in time.

    Where no resolver answers it is we who are cut off: nothing is told of anybody then.

    Args:
        hosts: their names.
        resolving: in which resolvers are asked, and nothing else is done: a silent one keeps its threads for long.
    """
    loop = asyncio.get_running_loop()
    asked = {loop.run_in_executor(resolving, address_of, host): host for host in sorted(set(hosts))}
    if not asked:
        return {}
    answered, late = await asyncio.wait(asked, timeout=RESOLVED_WITHIN)
    for one in late:
        one.cancel()  # those that no thread has begun with are never asked
    found = {asked[one]: one.result() for one in answered}
    if all(one is None for one in found.values()):
        logger.warning("No resolver answers: what is seen from outside is not known.")
    return {host: address for host, address in found.items() if address is not None}


async def ask_from_outside(
    targets: Sequence[Target],
    within: float,
    trust: ssl.SSLContext,
    addresses: Mapping[str, str],
    vantage: Vantage = Vantage.OUTSIDE,
) -> list[Timed]:
    """Instances asked from here by their servers' names, as their customers do.

    Args:
        targets: of one interval.
        within: the seconds over which the questions are spread.
        trust: by which certificates are judged.
        addresses: where the names lead, as `addresses_of` found it; of one that is not in it nothing is told.
        vantage: as which it counts.
    """
    began = now()
    led = [replace(one, address=addresses[one.host]) for one in targets if one.host in addresses]
    known = [one for one in led if one.address]
    seconds = answer_within(targets[0].interval).total_seconds()
    said = await probing.ask_all(asked_of(known), trust, within=within, seconds=seconds, at_once=AT_ONCE)
    nowhere = [Asked(one.instance, Answer.UNREACHABLE, 0.0) for one in led if not one.address]
    return _timed(targets, vantage, [*(told(*one) for one in said), *nowhere], began)


async def ask_by_domain(
    targets: Sequence[Target], within: float, trust: ssl.SSLContext, servers: Iterable[ServerFacts], resolving: Executor
) -> list[Timed]:
    """Instances asked from here by their customers' own domains; one that leads to no server of ours is not asked.

    Args:
        targets: of one interval.
        within: the seconds over which the questions are spread.
        trust: by which certificates are judged.
        servers: all of ours.
        resolving: as `addresses_of` has it.
    """
    ours = {one.address for one in servers}
    led = await addresses_of({one.host for one in targets}, resolving)
    here = {host: address if address in ours else "" for host, address in led.items()}
    return await ask_from_outside(targets, within, trust, here, Vantage.DOMAIN)


def address_of(host: str) -> str | None:
    """Where a server's name leads: an address, empty where it leads nowhere, None where no resolver says."""
    resolvers = load(ServiceSettings).resolvers
    resolver = dns.resolver.Resolver(configure=not resolvers)
    if resolvers:
        resolver.nameservers = list(resolvers)
    try:
        return str(next(iter(resolver.resolve(host, "A", lifetime=RESOLVE_SECONDS))))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ""
    except dns.exception.DNSException:
        return None


def ask_at_location(
    targets: Sequence[Target], here: Sequence[ServerFacts], within: float
) -> tuple[list[Timed], set[ServerName]]:
    """Instances of a location asked by servers there, none of them by the one that serves it.

    Where a server can't ask, or reaches none of several others, another one asks in its place; what nobody could ask
    has no result.

    Args:
        targets: of one interval, all on servers of this location.
        here: its servers, in the order in which they are to ask.
        within: the seconds over which the questions are spread.

    Returns:
        The results, and the servers that could not ask.
    """
    found: list[Timed] = []
    doubted: list[Timed] = []
    failed: set[ServerName] = set()
    left: tuple[Target, ...] = tuple(targets)
    while made := calls(left, [one for one in here if one.name not in failed]):
        with ThreadPoolExecutor(len(made), "probe") as pool:
            outcomes = list(pool.map(partial(_called, within=within), made))
        again: list[Target] = []
        for call, told_here in zip(made, outcomes, strict=True):
            if told_here is None or _reached_nobody(call, told_here):
                failed.add(call.server.name)
                doubted += told_here or []
                again += call.targets
            else:
                found += told_here
        left, within = tuple(again), within * SECOND_WITHIN
    unasked = {one.instance for one in left}
    return [*found, *(one for one in doubted if one.probe.instance in unasked)], failed


def _called(call: Call, within: float) -> list[Timed] | None:
    """What one server of a location was told; None where it could not ask."""
    settings = load(ServiceSettings)
    seconds = answer_within(call.targets[0].interval).total_seconds()
    manner = Manner(within, seconds, AT_ONCE, settings.authorities_pem)
    program = files("tasks.on_server").joinpath("probing.py").read_bytes()
    began = now()
    try:
        said = load(SshHost).connection(call.server).run(probe(program, call.targets, manner)).out
        return _timed(call.targets, Vantage.LOCATION, parse_asked(said), began)
    except (ServiceError, ValueError) as error:
        logger.warning("%s asks nobody: %s", call.server.name, error)
        return None


def _reached_nobody(call: Call, results: Collection[Timed]) -> bool:
    """Whether a server reached none of several others: then it is rather the one that is cut off."""
    asked = {one.server for one in call.targets}
    return len(asked) >= WITNESSES and all(one.probe.answer is Answer.UNREACHABLE for one in results)


def _timed(targets: Sequence[Target], vantage: Vantage, said: Iterable[Asked], began: datetime) -> list[Timed]:
    """Answers as probes, at our own clock."""
    by_name = {str(one.instance): one for one in targets}
    return [
        Timed(
            Probe(by_name[one.instance].instance, vantage, one.answer, began + timedelta(seconds=one.after_seconds)),
            by_name[one.instance].interval,
        )
        for one in said
    ]
