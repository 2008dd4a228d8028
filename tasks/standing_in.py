"""A server answers under the name of one that is retired: long-form addresses work as long as their contract (P10)."""

from __future__ import annotations

from http import HTTPStatus
from ipaddress import ip_address
from pathlib import PurePosixPath as Path
from typing import TYPE_CHECKING

from blocks.dns_zone import DnsZone, ZoneNotKept, ZoneRecord
from blocks.loading import load
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from blocks.web_probe import WebProbe, web_probe
from hosting.commands import enrolment
from hosting.commands.services import APACHE, install
from hosting.errors import Refused, StepFailed, Unreachable
from hosting.inventory import former_homes, retirement, servers
from hosting.inventory.session import in_transaction
from hosting.policy.certificate import check_pair
from hosting.policy.evacuation import choose_successor
from hosting.policy.limits import LIMITS
from hosting.policy.states import NameState
from hosting.policy.values import NameKind
from hosting.product.layout import NAMES
from hosting.product.proof import HEALTH
from hosting.templates import render
from tasks import name_records
from tasks.names import ensure_name_site
from tasks.network import addresses_of
from tasks.own_domains import anybody, ensure_name_certificate
from tasks.probes import door_of, url_of
from tasks.records import inventory, now
from tasks.step import reading, run_logger, step
from tasks.web import FOR_OPERATOR, trusted

if TYPE_CHECKING:
    from hosting.inventory.evacuation_rows import EvacuationFacts
    from hosting.policy.values import InstanceFacts, ServerFacts
    from tasks.name_records import Naming

SERVER_SITE = Path("/etc/apache2/sites-available/phm.conf")


class NameElsewhere(Refused):
    """The zone does not lead a retired server's name to the server that answers under it."""


@reading
def read_successor(evacuation: EvacuationFacts) -> ServerFacts:
    """The server that will answer under the name.

    Raises:
        CannotBeEmptied: there is none, or the named one doesn't serve.
    """
    with inventory().reading() as session:
        known = servers.all_servers(session)
        server = servers.server_facts(session, evacuation.order.server)
    return choose_successor(server, known, evacuation.order.successor)


@reading
def read_names(server: str) -> list[ServerFacts]:
    """The servers under whose names another one has to answer once this one is gone."""
    with inventory().reading() as session:
        return retirement.names_answered(session, server)


@step
def ensure_name_answered(machine: ServerFacts, gone: ServerFacts) -> bool:
    """A server answers by HTTPS under another one's name, and passes each request on to where the instance is now.

    Customers' domains whose DNS names the other one lead here then: each has its site and its certificate here, too.

    Raises:
        CertificateDoesNotFit: the zone's certificate is not good for the name.
        StepFailed: Apache does not take it; it serves as before then.
    """
    settings, ssh = load(ServiceSettings), load(SshHost).connection(machine)
    check_pair(settings.certificate_pem, settings.certificate_key_pem.get_secret_value(), gone.host_name)
    changed = ssh.run(enrolment.ensure_service_folders()).changed
    changed |= ssh.run(enrolment.ensure_apache_modules()).changed
    own = render("apache/server.conf.j2", host_name=machine.host_name)
    changed |= ssh.run(install(APACHE, SERVER_SITE, own, host=machine.host_name), FOR_OPERATOR).changed
    changed |= answer_for(machine, gone)
    for instance, _ in read_told(gone):
        changed |= pass_domains_on(machine, instance)
    return changed


@step
def ensure_zone_leads_to(machine: ServerFacts, gone: ServerFacts) -> bool:
    """The zone leads a retired server's name to the one that answers under it; read back at the name server.

    Where the settings name no name server for the zone, whoever keeps it changes the record.

    Raises:
        NameElsewhere: nobody has changed it yet.
        DriftFound: the name has a record that no server of the service ever had.
        Unreachable: the name server does not answer.
    """
    zone = load(DnsZone)
    label = gone.host_name.removesuffix(f".{zone.zone}")
    with inventory().reading() as session:
        before = {_record(one) for one in servers.all_servers(session)}
    try:
        if label != gone.host_name:
            return zone.ensure(label, {_record(machine)}, replacing=before)
    except ZoneNotKept:
        run_logger().info("The settings name no name server for %s.", zone.zone)
    if addresses_of(gone.host_name) != (machine.address,):
        message = (
            f"The name {gone.host_name} does not lead to {machine.name} ({machine.address}), which answers for it."
        )
        raise NameElsewhere(message, f"Have its record changed: {_record(machine)}. Then run again.")
    return False


@reading
def prove_name_answered(machine: ServerFacts, gone: ServerFacts) -> int:
    """Every instance answers under the old name by the new server as it does at its own; how many were asked.

    So it does under its live domain. A suspended one is asked behind what everybody else is told. An instance that
    nobody serves just now keeps no server from its end.

    Raises:
        Unreachable: the new server does not answer, or its certificate is not good.
        StepFailed: an instance answers differently; names all of those.
    """
    wrong, told = [], read_told(gone)
    for instance, server in told:
        with door_of(instance, known={gone.host_name: machine.address}) as web:
            own = _status_unless_silent(web, url_of(server, instance))
            if own is None:
                continue
            old = web.ask("GET", url_of(gone, instance) + HEALTH).status_code
        if old != own or old >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wrong.append(f"{url_of(gone, instance)} answers {old}, {url_of(server, instance)} {own}")
        for naming in filter(is_to_be_proven, read_domains(instance)):
            old, own = (_asked_at(one, naming) for one in (machine, server))
            if old != own:
                wrong.append(f"{naming.url} answers {old} on {machine.name}, {own} on {server.name}")
    if wrong:
        message = f"{machine.name} does not answer under the name {gone.host_name} as it must: {'; '.join(wrong)}."
        raise StepFailed(message, "Look at Apache on both servers, then run again.")
    return len(told)


@reading
def record_retired(server: str, successor: str) -> EvacuationFacts:
    """The server is retired, its name is another one's."""
    return in_transaction(
        inventory(), lambda session: retirement.record_retired(session, server, successor, now())
    )  # fmt: skip


def answering(home: ServerFacts) -> ServerFacts:
    """The machine that answers under a server's name: itself, or the one that stands in for it since it is retired."""
    with inventory().reading() as session:
        return retirement.stand_in(session, home)


def answer_for(machine: ServerFacts, gone: ServerFacts) -> bool:
    """The site of a retired server's name on the machine that answers for it, with where each instance is now."""
    page = render(
        "apache/standing_in.conf.j2", server=gone.name, host_name=gone.host_name, authorities=trusted(),
        seconds=LIMITS.web_seconds + 20, instances=[(one.name, server.host_name) for one, server in read_told(gone)],
    )  # fmt: skip
    command = install(APACHE, NAMES / f"server-{gone.name}.conf", page, host=gone.host_name)
    return load(SshHost).connection(machine).run(command, FOR_OPERATOR).changed


def pass_domains_on(machine: ServerFacts, instance: InstanceFacts) -> bool:
    """An instance's own domain on a machine that stands in: its certificate with the key, then its site (P31)."""
    changed = False
    for naming in read_domains(instance):
        changed |= ensure_name_certificate.fn(naming, machine).changed
        changed |= ensure_name_site.fn(naming, machine).changed
    return changed


def read_domains(instance: InstanceFacts) -> list[Naming]:
    """The domains of its own that may lead to servers that an instance has left: one that waits for its DNS, too."""
    known = name_records.read_names.fn(instance, NameState.ASSIGNING, NameState.LIVE)
    with inventory().reading() as session:
        ended = {naming.name.id for naming in known if former_homes.is_ended(session, naming.name)}
    return [one for one in known if one.name.kind is NameKind.DOMAIN and one.name.id not in ended]


def is_to_be_proven(naming: Naming) -> bool:
    """Whether a domain has to answer where it is passed on: once it is live, until its certificate has ended."""
    certificate = naming.certificate
    return naming.name.state is NameState.LIVE and certificate is not None and certificate.not_after > now()


def read_told(gone: ServerFacts) -> list[tuple[InstanceFacts, ServerFacts]]:
    """The instances whose customers know an address under a server's name, with the server where each is now."""
    with inventory().reading() as session:
        told = retirement.told_under(session, gone.name)
        return [(one, servers.server_facts(session, one.server_name)) for one in told]


def _status_unless_silent(web: WebProbe, url: str) -> int | None:
    """What an instance answers at its own address; None where nobody does, which says nothing about another one."""
    try:
        return web.ask("GET", url + HEALTH).status_code
    except Unreachable as error:
        run_logger().warning("%s", error)
        return None


def _asked_at(server: ServerFacts, naming: Naming) -> int:
    """What a server answers to who comes for a domain."""
    with web_probe(anybody(), (), {naming.host: server.address}) as web:
        return web.ask("GET", naming.url + HEALTH).status_code


def _record(server: ServerFacts) -> ZoneRecord:
    """A server's address as a record."""
    address = ip_address(server.address)
    return ZoneRecord("A" if address.version == 4 else "AAAA", str(address))  # noqa: PLR2004  # IPv4
