"""A name brought up and taken away: its site, its record in the zone, its proof from outside (P26, P29, P30, P32)."""

from __future__ import annotations

import contextlib
import time
from http import HTTPStatus
from pathlib import PurePosixPath as Path
from typing import TYPE_CHECKING, Any

from blocks.dns_zone import DnsZone, ZoneRecord
from blocks.loading import load
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from blocks.web_probe import web_probe
from hosting.commands import enrolment
from hosting.commands.services import APACHE, install, uninstall
from hosting.errors import StepFailed, Unreachable
from hosting.policy.limits import LIMITS
from hosting.policy.values import NameKind
from hosting.product.proof import HEALTH
from hosting.templates import render
from tasks.network import addresses_of
from tasks.own_domains import anybody, certificate_files
from tasks.probes import prove_address, url_of
from tasks.step import reading, step
from tasks.web import FOR_OPERATOR, trusted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hosting.policy.values import ServerFacts
    from tasks.name_records import Naming

SERVER_SITE = Path("/etc/apache2/sites-available/phm.conf")
KNOWN_WITHIN_SECONDS = 60.0
"""So long a new name may take to get around among the zone's name servers."""
GONE_WITHIN_SECONDS = 10.0
"""So long Apache's old processes may still take requests that came before the reload."""
EVERY_SECONDS = 0.2


@step
def ensure_names_served(server: ServerFacts) -> bool:
    """The server's Apache looks for names at all; nothing to do where it was enrolled since there are names."""
    site = render("apache/server.conf.j2", host_name=server.host_name)
    answers = (
        load(SshHost)
        .connection(server)
        .run_in_a_row(
            enrolment.ensure_service_folders(),
            enrolment.ensure_apache_modules(),
            install(APACHE, SERVER_SITE, site, host=server.host_name),
            do=FOR_OPERATOR,
        )
    )
    return any(answer.changed for answer in answers)


@step
def ensure_name_site(naming: Naming, server: ServerFacts) -> bool:
    """A name's own file on a server: tested before the reload, asked after it, else taken back; it stops nobody.

    A server that stands in for a retired one, and never had the instance, passes the name on to where that is (P10).
    """
    command = install(APACHE, naming.site_file, site_of(naming, server), host=server.host_name)
    return load(SshHost).connection(server).run(command, FOR_OPERATOR).changed


def site_of(naming: Naming, server: ServerFacts) -> str:
    """What the name's file on a server says."""
    certificate, key = certificate_files(naming)
    return render(
        "apache/name.conf.j2", name=naming.instance.name, host=naming.host, certificate=certificate, key=key,
        passed_on=naming.passed_on_at(server), authorities=trusted(), seconds=LIMITS.web_seconds + 20,
    )  # fmt: skip


@step
def ensure_no_name_site(naming: Naming, server: ServerFacts) -> bool:
    """A server knows a name no longer: who still comes gets the default site (P29, P32)."""
    return (
        load(SshHost)
        .connection(server)
        .run(uninstall(APACHE, naming.site_file, host=server.host_name), FOR_OPERATOR)
        .changed
    )


@step
def ensure_name_in_zone(naming: Naming, server: ServerFacts) -> bool:
    """The zone leads the name to a server, read back at its name server; a domain is in its owner's hands."""
    if naming.name.kind is not NameKind.SUBDOMAIN:
        return False
    return load(DnsZone).ensure(naming.name.a_label, [_leads_to(server.host_name)], replacing=_ours(naming))


@step
def ensure_name_out_of_zone(naming: Naming) -> bool:
    """The zone knows nothing of the name, read back at its name server."""
    if naming.name.kind is not NameKind.SUBDOMAIN:
        return False
    return load(DnsZone).ensure(naming.name.a_label, [], replacing=_ours(naming))


@reading
def prove_name_answers(naming: Naming) -> dict[str, Any]:
    """The instance answers under its name as it must at any address: pages, secrets, redirect, login, WebDAV.

    A customer's domain may lead to a server that the instance has left, which passes it on.

    Returns:
        The evidence.

    Raises:
        Unreachable: the name does not lead there, or nobody answers.
        StepFailed: something is wrong; names everything that is.
    """
    servers = naming.everywhere if naming.name.kind is NameKind.DOMAIN else (naming.server,)
    addresses = {one for server in servers for one in addresses_of(server.host_name)}
    leads_to = wait_until_known(naming.host, tuple(sorted(addresses)))
    return {**prove_address(naming.url, naming.server, naming.instance), "leads_to": list(leads_to)}


@reading
def prove_name_gone(naming: Naming, silent: Sequence[str] = ()) -> dict[str, Any]:
    """Who still comes to a server for the name gets no content; the instance answers in its long form (P29, P32).

    Args:
        naming: the name.
        silent: servers that the instance has left and that are not asked, since they did not answer before.

    Raises:
        Unreachable: the server that serves the instance does not answer.
        StepFailed: a server still answers for the name, or the long form does not answer.
    """
    answers = {str(naming.server.name): _asked_at(naming, naming.server)}
    for home in naming.passing_on:
        if home.name not in silent:
            with contextlib.suppress(Unreachable):  # who does not answer gives no content
                answers[str(home.name)] = _asked_at(naming, home)
    wrong = [
        f"{server} answers {status}" for server, status in answers.items() if status != HTTPStatus.MISDIRECTED_REQUEST
    ]
    if wrong:
        message = f"The name {naming.host} was taken away, but {', '.join(wrong)}."
        raise StepFailed(message, "Look at the server's sites, then run again.")
    url = url_of(naming.server, naming.instance)
    settings = load(ServiceSettings)
    with web_probe(settings.trust, tuple(settings.resolvers)) as web:
        status = web.ask("GET", url + HEALTH).status_code
    if status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.GONE}:  # gone for good: its contract is over (P41)
        message = (
            f"{naming.instance.name} answers {status} in its long form, after its name {naming.host} was taken away."
        )
        raise StepFailed(message, "Look at the instance's site, then run again.")
    return {"answers": answers, "long_form": url}


def wait_until_known(host: str, addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Until a name leads where it should, by the service's resolvers; where it leads.

    Raises:
        Unreachable: it does not within a minute.
    """
    deadline, found = time.monotonic() + KNOWN_WITHIN_SECONDS, tuple[str, ...]()
    while True:
        with contextlib.suppress(Unreachable):
            found = addresses_of(host)
        if found and set(found) <= set(addresses):
            return found
        if time.monotonic() > deadline:
            leads = f"leads to {', '.join(found)}" if found else "leads nowhere"
            message = f"The name {host} {leads}, not to {', '.join(addresses)}."
            raise Unreachable(message, "See whether all name servers of the zone have the change.")
        time.sleep(EVERY_SECONDS)


def _asked_at(naming: Naming, server: ServerFacts) -> int:
    """What a server answers who still asks it for a name, whatever the zone says and whoever's certificate it shows."""
    deadline, known = time.monotonic() + GONE_WITHIN_SECONDS, {naming.host: addresses_of(server.host_name)[0]}
    while True:
        with web_probe(anybody(), (), known) as web:  # a new connection each time
            status = web.ask("GET", naming.url).status_code
        if status == HTTPStatus.MISDIRECTED_REQUEST or time.monotonic() > deadline:
            return status
        time.sleep(EVERY_SECONDS)


def _leads_to(host_name: str) -> ZoneRecord:
    """What the zone says of a name of an instance on a server."""
    return ZoneRecord("CNAME", host_name.lower())


def _ours(naming: Naming) -> list[ZoneRecord]:
    """What the zone may say of a name from before, since the service wrote it."""
    return [_leads_to(host_name) for host_name in naming.ours]
