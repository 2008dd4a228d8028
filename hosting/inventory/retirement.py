"""A server's end: retired once nothing is on it, and another one answers under its name (P10, P12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import copies, deeds, findings, instances, moves, offers, restores, servers, work
from hosting.inventory.ending_rows import Ending
from hosting.inventory.evacuation_rows import (
    EvacuationFacts,
    NotEmptied,
    facts_of,
    instances_on,
    open_row,
    record,
    settle_still,
)
from hosting.policy.states import EndState, EvacuationState, InstanceState, MoveState, OfferState, ServerState, step

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.values import InstanceFacts, ServerFacts

PASSED_ON_BY = "passed_on_by"
"""The fact of a retired server that names the one which answers under its name (P10)."""


class StillInUse(Refused):
    """A server on which something is can't be retired."""


def names_answered(session: Session, server: str) -> list[ServerFacts]:
    """The servers under whose names another one has to answer once this one is gone: itself and those it stands for."""
    retired = [one for one in servers.all_servers(session) if one.facts.get(PASSED_ON_BY) == server]
    return [servers.server_facts(session, server), *retired]


def told_under(session: Session, server: str) -> list[InstanceFacts]:
    """The instances that haven't ended and whose customers know an address under this server's name (P10).

    One that is just being deleted is none of them any more.
    """
    going, there = being_deleted(session), instances.all_instances(session)
    living = [one for one in there if one.state is not InstanceState.ENDED and one.name not in going]
    return [one for one in living if server in moves.former_homes(session, one.name)]


def being_deleted(session: Session) -> set[str]:
    """The instances whose deletion has begun: there is only forward for them."""
    return set(session.scalars(select(Ending.instance_name).where(Ending.state == EndState.DELETING)))


def in_use(session: Session, server: str) -> list[str]:
    """The instances that are on a server, leave it, or come to it: by a move, by one that is offered, by a restore.

    One that is just being deleted is none of them any more: on a lost server its deletion waits for the retirement.
    """
    moving = moves.all_moves(session, *moves.UNDER_WAY)
    found: set[str] = {one.instance_name for one in moving if server in {one.source_name, one.target_name}}
    found |= {one.name for one in instances_on(session, server)}
    found |= {one.instance for one in restores.restores_elsewhere(session, server)}
    found |= {one.instance_name for one in offers.all_offers(session, OfferState.OFFERED) if one.target_name == server}
    return sorted(map(str, found - being_deleted(session)))


def record_retired(session: Session, server: str, successor: str, now: datetime) -> EvacuationFacts:
    """The server is retired, and another one answers under its name: both at once, the evacuation is done.

    What moves left on it, copies there, and what was found wrong with it count as gone: they go with the machine.

    Raises:
        NotEmptied: nobody empties it.
        StillInUse: instances are on it, or come to it.
    """
    servers.lock_servers(session)
    row = open_row(session, server)
    if row is None:
        raise NotEmptied(f"Nobody empties {server}.", f"Begin with: phm server evacuate {server}.")
    if left := in_use(session, server):
        raise StillInUse(f"{server} still has {', '.join(left)}.", "Run it again once they are gone.")
    for one in moves.all_moves(session, MoveState.DONE):
        if one.source_name == server:
            moves.record_state(session, one.id, MoveState.RETIRED, now, finding="Its server is retired.")
    for copy in copies.copies_on(session, server):
        copies.record_removed(session, copy, deeds.SERVICE, "Its server is retired.", now)
    for name in names_answered(session, server):
        servers.record_facts(session, name.name, {PASSED_ON_BY: successor})
    facts = facts_of(row)
    servers.set_server_state(session, server, ServerState.RETIRED, by=facts.by, why=row.why, now=now)
    findings.close_all(session, server, now)
    row.state, row.ended_at, row.successor_name = step(EvacuationState(row.state), EvacuationState.DONE), now, successor
    row.finding = ""
    session.flush()
    record(session, facts, facts.by, "server is empty", row.why, now, {"evacuation": row.id, "successor": successor})
    work.record_done(session, work.EVACUATE, facts.work_subject)
    settle_still(session, facts, deeds.SERVICE, "It is done.", now)
    return facts_of(row)


def stand_in(session: Session, server: ServerFacts) -> ServerFacts:
    """The machine that answers under a server's name: itself, or the one that stands in for it since it is retired.

    Raises:
        UnknownServer: the one that stands in is not known.
    """
    name = server.facts.get(PASSED_ON_BY) if server.state is ServerState.RETIRED else None
    return servers.server_facts(session, str(name)) if name else server
