"""Adding a server: its facts, what speaks against it, what would be set, then set and recorded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deployments.connections import provide_all
from deployments.console.context import acting, reading, working
from hosting.commands.server_facts import PHP_MODULES, programs_of
from hosting.errors import Refused
from hosting.inventory import servers
from hosting.inventory.deeds import record
from hosting.inventory.server_numbers import number_for
from hosting.inventory.turns import take_turn
from hosting.policy.enrolling import clashes, room_for
from hosting.policy.enrolment import objections
from hosting.policy.states import ServerState
from tasks.enrolment_preview import preview_enrolment
from tasks.servers import ensure_server_ready, read_server_facts

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.values import ServerFacts
    from hosting.settings import Settings


class NotFit(Refused):
    """Something speaks against enrolling a server; all of it is told at once."""


@dataclass(frozen=True)
class Enrolment:
    """A server that may be enrolled, and what that would set.

    Args:
        server: with facts and room, as it would be recorded.
        known: as the inventory has it; None where it is new.
        number: its own number.
        changes: what would be set on it, one sentence each.
    """

    server: ServerFacts
    known: ServerFacts | None
    number: int
    changes: tuple[str, ...]


def examine(settings: Settings, wanted: ServerFacts, known: ServerFacts | None, room: int | None) -> Enrolment:
    """Read a server's facts, hold them against what is needed, and see what would be set; changes nothing.

    Raises:
        NotFit: what speaks against it, all at once.
        Unreachable: it does not answer.
        HostKeyChanged: it shows another host key than the one to be pinned.
        KeyNotAccepted: it refuses the service's key.
    """
    provide_all(settings)
    with working(f"looking at {wanted.name}"):
        facts = read_server_facts.fn(wanted)
        with reading() as session:
            others, number = servers.all_servers(session), number_for(session, wanted.name, facts)
        against = clashes(wanted, facts, others) + objections(
            facts, programs_of(wanted.flavours), PHP_MODULES, wanted.country, dedicated=wanted.dedicated,
            clock_off=facts["clock_off"],
        )  # fmt: skip
        if against:
            message = f"Server {wanted.name} can't be enrolled. {' '.join(against)}"
            raise NotFit(message, "Put that right, then run again.")
        kept = {**(known.facts if known else {}), **wanted.flavours.as_fact(), **facts, "number": number}
        server = replace(wanted, facts=kept, room_gib=room_for(room, facts["data_bytes"], known))
        return Enrolment(server, known, number, preview_enrolment(server, number))


def enrol(settings: Settings, enrolment: Enrolment, *, room_stated: bool, why: str) -> bool:
    """Enter the server, set what is to be set, and let it take instances; whether anything was changed.

    It is entered first and takes instances last, so that what is half-done looks so, and is finished by the next run.
    """
    server, known = enrolment.server, enrolment.known
    acting(lambda session, by, at: enter(session, enrolment, by, at, why=why, zone=settings.zone), settings)
    with working(f"setting up {server.name}"):
        done = ensure_server_ready.fn(server, enrolment.number)
        facts = read_server_facts.fn(server)
    facts |= {"number": enrolment.number, **server.flavours.as_fact()}

    def finish(session: Session, by: str, at: datetime) -> bool:
        if room_stated:
            facts["room_stated_by"] = by
        before = servers.server_facts(session, server.name)
        if known is not None and before.room_gib != server.room_gib:
            evidence = {"from": before.room_gib, "to": server.room_gib, "stated": room_stated}
            record(session, by, "room changed", servers.subject_of(server.name), evidence=evidence, now=at)
        servers.record_facts(session, server.name, facts, server.room_gib)
        if done.changed:
            what = {"set": list(enrolment.changes) or ["services reloaded"], "seconds": round(done.seconds, 1)}
            record(session, by, "server set up", servers.subject_of(server.name), evidence=what, now=at)
        if before.state is ServerState.ENROLLED:
            servers.set_server_state(session, server.name, ServerState.ACTIVE, by=by, why="enrolled", now=at)
        return done.changed or before.state is ServerState.ENROLLED or before.room_gib != server.room_gib

    return acting(finish, settings)


def enter(session: Session, enrolment: Enrolment, by: str, at: datetime, *, why: str, zone: str) -> None:
    """The server's row, with its number and pinned key.

    Raises:
        Refused: another server took the number meanwhile.
        HostNameHeld: its host name is a customer's.
        ServerKnown: the name is taken by a server with another host or address.
    """
    server, known = enrolment.server, enrolment.known
    take_turn(session, "servers")
    if number_for(session, server.name, server.facts) != enrolment.number:
        raise Refused(f"Another server took the number {enrolment.number} meanwhile.", "Run again.")
    if known is not None and known.host_key != server.host_key:
        servers.replace_host_key(session, server.name, server.host_key, by=by, why=why, now=at)
    servers.add_server(session, replace(server, state=ServerState.ENROLLED), by, at, zone=zone)
