"""Moves that are needed, as they were found: one for an instance at a time, ended when it moved or need not (P24).

A need is nothing that runs: an operator offers times to the customer, agrees on a move, or does something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.inventory import cases, deeds, instances, servers, standings
from hosting.inventory.models import NeededMove
from hosting.policy.states import NeedState, step
from hosting.policy.values import InstanceName, ServerName

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.move_needs import MoveNeed

MOVES_NEEDED = "moves needed"
"""The kind of the case that a server is which lacks room: an operator decides who moves (P24)."""

WAITING = (NeedState.OPEN, NeedState.OFFERED)


@dataclass(frozen=True)
class NeedFacts:
    """A needed move as the inventory knows it.

    Args:
        target_name: where it has the room; None where it has it nowhere.
        help: what would help then.
    """

    id: int
    instance_name: InstanceName
    source_name: ServerName
    target_name: ServerName | None
    storage_gib: int
    why: str
    help: str
    state: NeedState
    found_at: datetime
    ended_at: datetime | None


def settle_needs(
    session: Session, found: Sequence[MoveNeed], now: datetime, emptied: Collection[str] = ()
) -> list[NeedFacts]:
    """What is needed now, recorded once for each instance; what was done or is needed no more has an end.

    Args:
        session: of the transaction.
        found: all moves that are needed now.
        now: the moment.
        emptied: servers that an operator empties: no case is made of those.

    Returns:
        All that wait, the first found first.
    """
    needed = {one.instance: one for one in found}
    leaving = standings.leaving_instances(session)
    for row in _rows(session):
        here = instances.instance_facts(session, row.instance_name).server_name
        need = needed.get(InstanceName(row.instance_name))
        if here != row.source_name:
            _end(session, row, NeedState.MOVED, now)
        elif row.instance_name in leaving:
            row.state = step(NeedState(row.state), NeedState.OFFERED)
            needed.pop(InstanceName(row.instance_name), None)
        elif need is None:
            _end(session, row, NeedState.GONE, now)
        else:
            del needed[need.instance]
            row.state = step(NeedState(row.state), NeedState.OPEN)
            row.target_name, row.storage_gib, row.why, row.help = need.target, need.storage_gib, need.why, need.help
    for need in needed.values():
        _enter(session, need, now)
    session.flush()
    _settle_cases(session, now, emptied)
    return waiting_needs(session)


def waiting_needs(session: Session) -> list[NeedFacts]:
    """The needs that have no end, the first found first."""
    return [_facts(row) for row in _rows(session)]


def needs_of(session: Session, instance: str) -> list[NeedFacts]:
    """All needs of an instance, the first found first."""
    rows = select(NeededMove).where(NeededMove.instance_name == instance).order_by(NeededMove.id)
    return [_facts(row) for row in session.scalars(rows)]


def _rows(session: Session) -> list[NeededMove]:
    """The rows without an end, the first found first."""
    return list(session.scalars(select(NeededMove).where(NeededMove.state.in_(WAITING)).order_by(NeededMove.id)))


def _enter(session: Session, need: MoveNeed, now: datetime) -> None:
    """A need that is new, with its deed."""
    row = NeededMove(
        instance_name=need.instance, source_name=need.source, target_name=need.target, storage_gib=need.storage_gib,
        why=need.why, help=need.help, state=NeedState.OPEN, found_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    evidence = {"need": row.id, "from": need.source, "to": need.target, "storage_gib": need.storage_gib}
    subject = instances.subject_of(need.instance)
    deeds.record(session, deeds.SERVICE, "move needed", subject, why=need.why, evidence=evidence, now=now)


def _end(session: Session, row: NeededMove, to: NeedState, now: datetime) -> None:
    """A need's end, with its deed."""
    row.state, row.ended_at = step(NeedState(row.state), to), now
    said = "needed move done" if to is NeedState.MOVED else "move not needed any more"
    subject = instances.subject_of(row.instance_name)
    deeds.record(session, deeds.SERVICE, said, subject, evidence={"need": row.id}, now=now)


def _settle_cases(session: Session, now: datetime, emptied: Collection[str]) -> None:
    """A case for each server from which somebody needs to move and nobody has agreed on it yet; settled by itself."""
    by_server: dict[str, list[NeededMove]] = {}
    for row in _rows(session):
        if row.state == NeedState.OPEN and row.source_name not in emptied:
            by_server.setdefault(row.source_name, []).append(row)
    known = {one.subject: one for one in cases.open_cases(session) if one.kind == MOVES_NEEDED}
    for server, rows in by_server.items():
        subject = servers.subject_of(server)
        if known.pop(subject, None) is None:
            facts = {"needs": [row.id for row in rows], "instances": [row.instance_name for row in rows]}
            key = f"moves_needed:{server}:{rows[0].id}:{now.isoformat()}"
            cases.raise_case(session, key, MOVES_NEEDED, subject, _summary(rows), facts=facts, now=now)
    for case in known.values():
        cases.settle_case(session, case.id, deeds.SERVICE, "Nobody has to be asked any more.", now)


def _summary(rows: Sequence[NeededMove]) -> str:
    """Who needs to move, whither and why."""
    who = ", ".join(f"{row.instance_name} to {row.target_name or 'no server'}" for row in rows)
    need = "needs" if len(rows) == 1 else "need"
    helps = " ".join(dict.fromkeys(row.help for row in rows if row.help))
    return f"{rows[0].why} {who} {need} to move, agreed with the customer. {helps}".strip()


def _facts(row: NeededMove) -> NeedFacts:
    """The row, frozen."""
    return NeedFacts(
        id=row.id,
        instance_name=InstanceName(row.instance_name),
        source_name=ServerName(row.source_name),
        target_name=ServerName(row.target_name) if row.target_name else None,
        storage_gib=row.storage_gib,
        why=row.why,
        help=row.help,
        state=NeedState(row.state),
        found_at=row.found_at,
        ended_at=row.ended_at,
    )
