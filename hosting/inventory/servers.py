"""Application servers, what they are known to be, and what is booked on them (P02, P12, P13)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from hosting.errors import Refused
from hosting.inventory.deeds import record
from hosting.inventory.models import Instance, Move, MoveOffer, Name, Server
from hosting.inventory.restores import restores_elsewhere
from hosting.policy.states import InstanceState, MoveState, OfferState, ServerState, step
from hosting.policy.values import NameKind, ServerFacts, ServerName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session


class UnknownServer(Refused):
    """No server has this name."""


class ServerKnown(Refused):
    """A server of this name is there already, with another host or key."""


class HostNameHeld(Refused):
    """A customer's name leads to an instance under the host name that a server was to have."""


def add_server(session: Session, server: ServerFacts, by: str, now: datetime, *, zone: str = "") -> ServerFacts:
    """Enter a server; the same one again changes nothing.

    Args:
        session: of the transaction.
        server: its facts; what is booked on it is counted, not taken from here.
        by: the operator.
        now: the moment of entry.
        zone: ours, in which customers have subdomains.

    Raises:
        HostNameHeld: its host name is a customer's.
        ServerKnown: the name is taken by a server with another host name, address, port or host key.
    """
    row = session.get(Server, server.name, with_for_update=True)
    if row is not None:
        if (row.host_name, row.address, row.ssh_port, row.host_key) != (
            server.host_name,
            server.address,
            server.ssh_port,
            server.host_key,
        ):
            message = f"There is a server {server.name} already, with another host, address or host key."
            raise ServerKnown(message, "Choose another name, or look at the server: its key must not change unnoticed.")
        return server_facts(session, server.name)
    _stop_if_held(session, server.host_name, zone)
    session.add(
        Server(
            name=server.name,
            host_name=server.host_name,
            address=server.address,
            ssh_port=server.ssh_port,
            host_key=server.host_key,
            country=server.country,
            dedicated=server.dedicated,
            state=server.state,
            room_gib=server.room_gib,
            facts=dict(server.facts),
            added_at=now,
        )
    )
    session.flush()
    evidence = {"address": server.address, "host_key": server.host_key, "room_gib": server.room_gib}
    record(session, by, "server added", subject_of(server.name), evidence=evidence, now=now)
    return server_facts(session, server.name)


def server_facts(session: Session, name: str) -> ServerFacts:
    """One server with what is booked on it.

    Raises:
        UnknownServer: no server has this name.
    """
    return facts_of(session, [_row(session, name)])[0]


def all_servers(session: Session) -> list[ServerFacts]:
    """All servers with what is booked on them, by name."""
    return facts_of(session, session.scalars(select(Server).order_by(Server.name)).all())


def lock_servers(session: Session) -> list[ServerFacts]:
    """All servers, locked until the transaction ends: nobody else books on them meanwhile."""
    query = select(Server).order_by(Server.name).with_for_update().execution_options(populate_existing=True)
    return facts_of(session, session.scalars(query).all())


def lock_server(session: Session, name: str) -> None:
    """One server, locked until the transaction ends: nobody else begins work there meanwhile.

    Raises:
        UnknownServer: no server has this name.
    """
    _row(session, name, lock=True)


def set_server_state(session: Session, name: str, to: ServerState, *, by: str, why: str, now: datetime) -> ServerFacts:
    """Change a server's state along an edge; confirming it changes nothing.

    Raises:
        UnknownServer: no server has this name.
        ForbiddenEdge: no edge leads there.
    """
    row = _row(session, name, lock=True)
    if row.state != to:
        before = row.state
        row.state = step(ServerState(before), to)
        record(session, by, f"server {to}", subject_of(name), why=why, evidence={"from": before}, now=now)
    return server_facts(session, name)


def record_facts(session: Session, name: str, facts: Mapping[str, Any], room_gib: int | None = None) -> ServerFacts:
    """Keep what was found out about a server; facts of other names stay.

    Raises:
        UnknownServer: no server has this name.
    """
    row = _row(session, name, lock=True)
    row.facts = {**row.facts, **facts}
    if room_gib is not None:
        row.room_gib = room_gib
    session.flush()
    return server_facts(session, name)


def replace_host_key(session: Session, name: str, host_key: str, *, by: str, why: str, now: datetime) -> ServerFacts:
    """Pin another host key, which an operator has compared; the record keeps both.

    Raises:
        UnknownServer: no server has this name.
    """
    row = _row(session, name, lock=True)
    if row.host_key != host_key:
        evidence = {"from": row.host_key, "to": host_key}
        row.host_key = host_key
        record(session, by, "host key replaced", subject_of(name), why=why, evidence=evidence, now=now)
    return server_facts(session, name)


def subject_of(name: str) -> str:
    """How deeds and cases name a server."""
    return f"server:{name}"


def facts_of(session: Session, rows: Sequence[Server]) -> list[ServerFacts]:
    """Servers' rows as facts, with the instances counted that haven't ended, and the room of those that come."""
    counted = (
        select(Instance.server_name, func.sum(Instance.storage_gib), func.count())
        .where(Instance.state != InstanceState.ENDED)
        .group_by(Instance.server_name)
    )
    booked = {name: (int(gib), number) for name, gib, number in session.execute(counted)}
    coming = _coming(session)
    found = [(row, *booked.get(row.name, (0, 0))) for row in rows]
    return [_facts(row, gib + coming.get(row.name, 0), number) for row, gib, number in found]


def _coming(session: Session) -> dict[str, int]:
    """By server, the room that instances need there which are on their way to it, or whose customers are asked.

    On their way are those that move, and those that are restored there (P20) and are not there yet.
    """
    on_their_way = Move.state.in_([MoveState.PLANNED, MoveState.COPYING, MoveState.FROZEN])
    asked = MoveOffer.state == OfferState.OFFERED
    coming: Counter[str] = Counter()
    for table, counts in ((Move, on_their_way), (MoveOffer, asked)):
        query = select(table.target_name, func.sum(Instance.storage_gib)).join(
            Instance, Instance.name == table.instance_name
        )
        coming.update(
            {name: int(gib) for name, gib in session.execute(query.where(counts).group_by(table.target_name))}
        )
    for restore in restores_elsewhere(session):
        if not restore.left:
            coming[restore.server] += session.get_one(Instance, restore.instance).storage_gib
    return coming


def _stop_if_held(session: Session, host_name: str, zone: str) -> None:
    """No server takes a customer's visitors."""
    host = host_name.lower().rstrip(".")
    for name in session.scalars(select(Name).where(Name.held.in_([host, host.removesuffix(f".{zone}")]))):
        if (f"{name.held}.{zone}" if name.kind == NameKind.SUBDOMAIN else name.held) == host:
            message = f"{host_name} is a name of instance {name.instance_name}."
            raise HostNameHeld(message, "Give the server another host name.")


def _row(session: Session, name: str, *, lock: bool = False) -> Server:
    """The server's row, locked if asked for."""
    row = session.get(Server, name, with_for_update=True, populate_existing=True) if lock else session.get(Server, name)
    if row is None:
        raise UnknownServer(f"There is no server {name}.", "List the servers (phm server list) and take one of them.")
    return row


def _facts(row: Server, booked_gib: int, instances: int) -> ServerFacts:
    """The row, frozen."""
    return ServerFacts(
        name=ServerName(row.name),
        host_name=row.host_name,
        address=row.address,
        ssh_port=row.ssh_port,
        host_key=row.host_key,
        country=row.country,
        dedicated=row.dedicated,
        state=ServerState(row.state),
        room_gib=row.room_gib,
        booked_gib=booked_gib,
        instances=instances,
        facts=row.facts,
    )
