"""What an instance's processes may reach over the network, kept by the kernel by uid (docs/decisions/0006)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mail_relay import MailRelay
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from hosting.commands.enrolment import ensure_outgoing_rules_are
from hosting.commands.server_facts import parse_facts, read_resolvers
from hosting.inventory import cases, servers
from hosting.inventory.deeds import SERVICE
from hosting.inventory.session import in_transaction
from hosting.policy.states import ServerState
from hosting.product.layout import FIRST_COPY_UID, FIRST_UID, LAST_UID
from hosting.templates import render
from tasks.network import addresses_of
from tasks.records import inventory, now
from tasks.step import reading, step

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.errors import ServiceError
    from hosting.policy.values import InstanceFacts, ServerFacts

RULES_OLD = "outgoing rules are old"
"""The kind of the case that a server is whose rules could not be renewed."""

SERVES = {ServerState.ACTIVE, ServerState.DRAINING}
"""The states of a server that has instances."""


def outgoing_rules(server: ServerFacts) -> str:
    """The rules for a server, with the addresses that the relay has now and the resolvers that the server asks.

    Raises:
        Unreachable: the relay's name does not resolve.
    """
    settings, mail = load(ServiceSettings), load(MailRelay)
    return render(
        "server/outgoing.nft.j2",
        first_uid=FIRST_UID,
        last_uid=LAST_UID,
        first_copy_uid=FIRST_COPY_UID,
        relays=[(address, mail.port) for address in addresses_of(mail.host)],
        resolvers=sorted({*settings.resolvers, *server.facts.get("resolvers", ())}),
    )


@step
def ensure_outgoing_network(server: ServerFacts, _instance: InstanceFacts | None = None) -> bool:
    """The rules for all instances' uids are loaded: mail and web ports of the world, the relay, no inner address.

    Fails closed: where the relay does not resolve, or the rules are refused, those that were loaded stay.
    """
    return load(SshHost).connection(server).run(ensure_outgoing_rules_are(outgoing_rules(server))).changed


@reading
def read_serving_servers() -> list[ServerFacts]:
    """The servers that may have instances."""
    with inventory().reading() as session:
        return [server for server in servers.all_servers(session) if server.state in SERVES]


@reading
def learn_resolvers(server: ServerFacts) -> ServerFacts:
    """The server with the resolvers that it asks today, recorded where they have changed."""
    found = parse_facts(load(SshHost).connection(server).run(read_resolvers()).out)["resolvers"]
    if found == server.facts.get("resolvers"):
        return server
    return in_transaction(inventory(), lambda session: servers.record_facts(session, server.name, {"resolvers": found}))


@reading
def record_rules(server: ServerFacts, failure: ServiceError | None) -> None:
    """Rules that could not be renewed are put before a person, once; the case is settled when they could."""
    subject = servers.subject_of(server.name)

    def record(session: Session) -> None:
        at = now()
        waiting = [
            case for case in cases.cases_of(session, subject) if case.kind == RULES_OLD and case.settled_at is None
        ]
        if failure is None:
            for case in waiting:
                cases.settle_case(session, case.id, SERVICE, "A later run renewed them.", at)
        elif not waiting:
            key, kind = f"{RULES_OLD}:{server.name}:{at.isoformat()}", type(failure).__name__
            cases.raise_case(session, key, RULES_OLD, subject, str(failure), facts={"kind": kind}, now=at)

    in_transaction(inventory(), record)
