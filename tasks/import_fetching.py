"""An archive on its way from a customer to the server of his instance, and through nobody else (P37).

Each hop: the server asks its resolver once, the policy decides on the answer, and curl goes to that one address. A
redirect is decided on like the first address. What came stays on the server, and is gone on with by the next run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from hosting.commands import importing
from hosting.commands.application import AUTHORITIES
from hosting.commands.storage import parse_free, read_free
from hosting.errors import Refused
from hosting.inventory import imports, servers
from hosting.inventory.session import in_transaction
from hosting.policy import import_rules as rules
from hosting.policy.addresses import networks
from hosting.policy.import_source import (
    REDIRECTS_MOST,
    check_archive,
    check_source,
    choose_address,
    fetch_limits,
    follow,
    refused_by_source,
)
from hosting.policy.quota import FREE_MIB_LEAST, MIB, DiskFull
from hosting.product.layout import SERVICE_ROOT
from tasks.drafts import place_of
from tasks.jobs import JobInterrupted, end_job, run_job
from tasks.progress import progress_of
from tasks.records import inventory, read_terms
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hosting.policy.findings import Finding
    from hosting.policy.import_source import FetchLimits, Source, SourceCheck
    from hosting.policy.imports import ImportFacts
    from hosting.policy.values import InstanceFacts, ServerFacts


class NotTaken(Refused):
    """What a customer offers can't be taken as it is; carries every finding."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        """Keep them."""
        super().__init__(" ".join(str(finding) for finding in findings))
        self.findings = tuple(findings)


@dataclass(frozen=True)
class Opener:
    """What is needed to fetch and open an archive: never shown, never recorded but sealed.

    Args:
        url: as the customer gave it.
        password: of the archive.
        login: of the server that offers it, for the user in the URL.
        host_key: of an SFTP server.
    """

    url: str = field(repr=False)
    password: str = field(default="", repr=False)
    login: str = field(default="", repr=False)
    host_key: str = ""

    def sealed(self) -> str:
        """As the inventory keeps it."""
        return load(ServiceSettings).seal(json.dumps(vars(self)))

    @property
    def check(self) -> SourceCheck:
        """Whether it may be fetched from there, before anybody is asked."""
        return check_source(self.url, protected=bool(self.password), host_key=self.host_key)


@dataclass(frozen=True)
class Fetched:
    """An archive that lies whole on the server."""

    sha256: str
    bytes: int
    is_secured: bool


@dataclass(frozen=True)
class Hop:
    """One connection on the way to an archive: to which address, and with which password of the source's server."""

    source: Source
    address: str
    login: str = field(repr=False)


def opener_of(order: ImportFacts) -> Opener:
    """What opens an import's archive; never a task of its own, since a task's result could be kept.

    Raises:
        ImportStands: it is forgotten already.
    """
    with inventory().reading() as session:
        sealed = imports.sealed_source(session, order.id)
    return Opener(**json.loads(load(ServiceSettings).unseal(sealed)))


def shown_url(source: Source) -> str:
    """The URL without what may open the archive: the user, and what stands behind the question mark."""
    return replace(source, path=source.path.partition("?")[0]).url


@reading
def fetch_archive(server: ServerFacts, order: ImportFacts, instance: InstanceFacts) -> Fetched:
    """The archive on the server, whole, with its sum; one that is there already is looked at again.

    Raises:
        NotTaken: it can't be had from there, is too large, or is another one than was told.
        DiskFull: the server has no room for it.
        Unreachable: the source or the server does not answer; what came is gone on with.
    """
    opener, limits = opener_of(order), fetch_limits(instance.storage_gib)
    check = opener.check
    if check.source is None:
        raise NotTaken(check.findings)
    told = _known(server, order) or _followed(server, order, opener, check.source, limits)
    terms = read_terms.fn(order.instance)
    if findings := check_archive(int(told["size"]), str(told["sha256"]), limits, order.told_sha256, terms):
        raise NotTaken(findings)
    return Fetched(str(told["sha256"]), int(told["size"]), check.source.is_secured)


@reading
def record_fetched(order: ImportFacts, fetched: Fetched) -> ImportFacts:
    """The archive's sum is on record."""
    return in_transaction(
        inventory(), lambda session: imports.record_fetched(session, order.id, fetched.sha256, fetched.bytes)
    )


def _known(server: ServerFacts, order: ImportFacts) -> Mapping[str, Any] | None:
    """The archive that a run before had fetched, if it lies there as it was recorded."""
    if not order.sha256:
        return None
    said = load(SshHost).connection(server).run(importing.archive_sum(place_of(order))).out.strip()
    return {"sha256": said, "size": order.bytes} if said == order.sha256 else None


def _followed(
    server: ServerFacts, order: ImportFacts, opener: Opener, source: Source, limits: FetchLimits
) -> Mapping[str, Any]:
    """What the last of all hops gave."""
    most, first = _room(server, limits), (source.host, source.port)
    for followed in range(REDIRECTS_MOST + 1):
        address = _address(server, source)
        login = opener.login if (source.host, source.port) == first else ""
        told = _asked(server, order, Hop(source, address, login), replace(limits, bytes=most))
        if "refused" in told:
            raise _refusal(server, order, source, told, limits, most)
        if "location" not in told:
            return told
        check = follow(source, str(told["location"]), followed, protected=bool(opener.password))
        if check.source is None:
            raise NotTaken(check.findings)
        source = check.source
    raise NotTaken((rules.REDIRECTS.found(most=REDIRECTS_MOST),))


def _room(server: ServerFacts, limits: FetchLimits) -> int:
    """The most bytes that are fetched: what is booked, or what the server has room for."""
    path = str(SERVICE_ROOT)
    free = parse_free((path,), load(SshHost).connection(server).run(read_free(path)).out)[path]
    return max(1, min(limits.bytes, free - FREE_MIB_LEAST * MIB))


def _address(server: ServerFacts, source: Source) -> str:
    """The one address that is connected to; the server's own resolver is asked, once.

    Raises:
        NotTaken: the name leads inside, or nowhere.
    """
    literal = source.host.replace(".", "").isdigit() or ":" in source.host
    ssh = load(SshHost).connection(server)
    found = (source.host,) if literal else tuple(ssh.run(importing.resolve(source.host)).out.split())
    with inventory().reading() as session:
        ours = networks([one.address for one in servers.all_servers(session)])
    pinned = choose_address(source, found, networks(load(ServiceSettings).import_networks), ours)
    if pinned.finding:
        raise NotTaken((pinned.finding,))
    return pinned.address


def _asked(server: ServerFacts, order: ImportFacts, hop: Hop, limits: FetchLimits) -> Mapping[str, Any]:
    """One hop, as a job on the server."""
    place, source = place_of(order), hop.source
    request = {
        "url": source.url,
        "scheme": source.scheme,
        "host": source.host,
        "port": source.port,
        "address": "" if source.host == hop.address else hop.address,
        "user": source.user,
        "login": hop.login,
        "host_key": source.host_key,
        "most_bytes": limits.bytes,
        "seconds": limits.seconds,
        "silence_seconds": limits.silence_seconds,
        "authorities": AUTHORITIES,
        "folder": str(place),
    }
    end_job(server, f"restore-{place.name}")
    try:
        with progress_of(f"import-{order.instance}", order.instance) as told:
            return run_job(
                server, f"restore-{place.name}", "fetch-archive", request, seconds=limits.seconds + 600.0, told=told
            )
    except JobInterrupted as error:  # nobody starts the run again by himself: the source is a stranger's
        do = f"What came stays; once it answers: phm import start --number {order.id}."
        raise JobInterrupted(error.what, do) from error


def _refusal(  # noqa: PLR0917  # what was asked for, and what came of it
    server: ServerFacts, order: ImportFacts, source: Source, told: Mapping[str, Any], limits: FetchLimits, most: int
) -> Exception:
    """Why there is nothing to be had."""
    if told["refused"] == "too_large":
        if most < limits.bytes:
            message = f"{server.name} has no room for the archive: {most // MIB} MiB are left for it."
            return DiskFull(message, "Free room on it, or move the instance, then go on.")
        size, step = -(-int(told["size"]) // MIB), read_terms.fn(order.instance).storage_step_gib
        return NotTaken((rules.TOO_LARGE.found(size_mib=size, most_mib=limits.bytes // MIB, step_gib=step),))
    return NotTaken((refused_by_source(str(told["refused"]), source.host, int(told.get("status", 0))),))
