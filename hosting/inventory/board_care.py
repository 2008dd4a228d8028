"""What is cared for, for the board: backups and their proofs of last night, and the room on servers."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from hosting.inventory.backup_views import BACKED_UP
from hosting.inventory.levels import terms_of_instances
from hosting.inventory.models import Generation, Instance, Rehearsal, Snapshot
from hosting.inventory.servers import all_servers
from hosting.policy import board_rules
from hosting.policy.backup_plan import KEPT
from hosting.policy.board import Line, Urgency, ago, clipped, counted, gravest, length, section
from hosting.policy.states import ServerState
from hosting.policy.terms import GIB
from hosting.policy.values import RehearsalOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.board import Asked
    from hosting.policy.board import Section
    from hosting.policy.values import ServerFacts

LAST_NIGHT = timedelta(hours=24)
"""What ended within so long is told of as last night's."""


def backups(session: Session, asked: Asked) -> Section:
    """Instances without a good backup of last night, or without a proof in time; what the night brought (P20, P22)."""
    terms = terms_of_instances(session, asked.at)
    last, first = _points(session)
    proofs = _proofs(session)
    query = select(Instance.name, Instance.reserved_at, Instance.active_at).where(Instance.state.in_(BACKED_UP))
    lines, many = [], 0
    for name, reserved_at, active_at in session.execute(query):
        many += 1
        since, own = active_at or reserved_at, terms[name]
        stale = board_rules.of_backup(last.get(name), since, asked.at, own)
        unproven = board_rules.of_proof(proofs.get(name), first.get(name, since), asked.at, own)
        if stale is Urgency.HAND:
            told = f"The last good backup is {length(asked.at - last[name])} old." if name in last else "It has none."
            lines.append(Line(name, "no backup", told, stale, f"phm backup {name}", at=last.get(name, since)))
        if unproven is Urgency.HAND and name in first:
            seen = f"{length(asked.at - proofs[name])} ago" if name in proofs else "never"
            told = f"Restored on trial {seen}; every {own.rehearse_within_days} days is promised."
            lines.append(Line(name, "not proven", told, unproven, f"phm rehearse {name}", at=proofs.get(name)))
    trials, failed = _rehearsals(session, asked.at)
    note = f"{_night(session, asked.at, many)} {trials}"
    return section("backups", "Backups and rehearsals of last night", "phm backups", lines + failed, note=note)


def capacity(session: Session, asked: Asked) -> Section:
    """Each server's room, what is booked of it, and when what is stored fills it if it goes on so (P24)."""
    full = asked.forecasts.full_at(session, asked.at)
    found = [one for one in all_servers(session) if one.state is not ServerState.RETIRED]
    lines = [_server(one, full.get(one.name), asked) for one in found]
    taking = [one for one in found if one.state is ServerState.ACTIVE and one.free_gib > 0]
    free = sum(one.free_gib for one in taking)
    room = sum(one.room_gib for one in found)
    note = f"{counted(len(found), 'server')} with {room} GiB of room, {free} GiB to be booked on {len(taking)} of them."
    if not taking:
        lines.append(
            Line("No server", "takes anything", "No order can be set up.", Urgency.HAND, "phm server add", at=asked.at)
        )
    return section("capacity", "Servers and room", "phm capacity", lines, note=note)


def _points(session: Session) -> tuple[Mapping[str, datetime], Mapping[str, datetime]]:
    """When the newest and the oldest point was taken of each instance that can be relied on."""
    query = select(Snapshot.instance_name, func.max(Snapshot.taken_at), func.min(Snapshot.taken_at)).join(Generation)
    query = query.where(Generation.state.in_(KEPT), Snapshot.damaged.is_(False)).group_by(Snapshot.instance_name)
    found = session.execute(query).all()
    return {name: last for name, last, _ in found}, {name: first for name, _, first in found}


def _proofs(session: Session) -> Mapping[str, datetime]:
    """When a point of each instance was last proven."""
    query = select(Snapshot.instance_name, func.max(Snapshot.proven_at)).where(Snapshot.proven_at.is_not(None))
    return {name: at for name, at in session.execute(query.group_by(Snapshot.instance_name)) if at is not None}


def _night(session: Session, now: datetime, instances: int) -> str:
    """What the backups of the night came to."""
    query = select(func.count(), func.count(Snapshot.instance_name.distinct()), func.sum(Snapshot.bytes_added))
    points, backed_up, added = session.execute(query.where(Snapshot.taken_at > now - LAST_NIGHT)).one()
    return f"{counted(points, 'point')} of {backed_up} of {counted(instances, 'instance')}, {_size(added or 0)} added."


def _rehearsals(session: Session, now: datetime) -> tuple[str, list[Line]]:
    """What the rehearsals of the night came to, and a line for each instance whose last one failed."""
    columns = (Rehearsal.id, Rehearsal.instance_name, Rehearsal.outcome, Rehearsal.point_id, Rehearsal.ended_at)
    query = select(*columns).where(Rehearsal.ended_at > now - LAST_NIGHT).order_by(Rehearsal.ended_at, Rehearsal.id)
    found = session.execute(query).all()
    outcomes = Counter(RehearsalOutcome(one.outcome) for one in found)
    newest: dict[str, Any] = {one.instance_name: one for one in found}
    lines = [
        Line(
            what=one.instance_name,
            word="rehearsal failed" if one.outcome == RehearsalOutcome.FAILED else "rehearsal broken off",
            told=f"Of the point {one.point_id}, {ago(one.ended_at, now)}.",
            urgency=Urgency.HAND if one.outcome == RehearsalOutcome.FAILED else Urgency.WATCH,
            do=f"phm rehearse {one.instance_name}",
            at=one.ended_at,
        )
        for one in newest.values()
        if one.outcome != RehearsalOutcome.PASSED
    ]
    if not found:
        return "No rehearsal.", []
    failed = outcomes[RehearsalOutcome.FAILED] + outcomes[RehearsalOutcome.BROKEN_OFF]
    return f"{counted(len(found), 'rehearsal')}, {outcomes[RehearsalOutcome.PASSED]} passed, {failed} did not.", lines


def _server(server: ServerFacts, full_at: datetime | None, asked: Asked) -> Line:
    """A server's room."""
    ahead = None if full_at is None else full_at - asked.at
    urgency = board_rules.of_room(
        server.state, server.booked_gib, server.room_gib, full_in=ahead, ahead=timedelta(days=asked.room_ahead_days)
    )
    share = server.booked_gib * 100 // max(1, server.room_gib)
    told = f"{server.booked_gib} of {server.room_gib} GiB booked by {counted(server.instances, 'instance')}"
    if full_at is not None:
        told += f"; full on {full_at:%Y-%m-%d} if it goes on so" if full_at > asked.at else "; what is stored fills it"
    waits = Urgency.CALM if server.state is ServerState.ACTIVE else Urgency.WATCH
    word = f"{share} %" if server.state is ServerState.ACTIVE else f"{server.state}, {share} %"
    return Line(server.name, word, clipped(f"{told}."), gravest(urgency, waits), f"phm server show {server.name}")


def _size(count: int) -> str:
    """Bytes as people say them."""
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / 2**20:.1f} MiB"
