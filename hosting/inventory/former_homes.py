"""Servers that instances have left: what they still have to do there, and which names they pass on (P10, P24).

Neither keeps a move from its end. What could not be done since a server did not answer is a record that is tried again;
after some days a person is told. Names are looked at until everybody comes to the right server.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.inventory import cases, deeds, instances, moves, names
from hosting.inventory.home_rows import Owed, OwedAtHomes, PassedName, owed_of, owed_row, passed_row
from hosting.policy.former_homes import Passing, is_told, quiet_since
from hosting.policy.states import InstanceState, MoveState, NameState
from hosting.policy.values import NameKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts
    from hosting.policy.pointing import Pointing
    from hosting.policy.values import NameFacts

HOME_SILENT = "former server silent"
"""The kind of the case that a move is which has not been able to do its part on a server for days."""

STILL_PASSED_ON = "name still passed on"
"""The kind of the case that a name is which leads to a server that its instance has left, whoever was reminded."""

LOOKED_AT_EVERY = timedelta(hours=1)
ENDED = (MoveState.DONE, MoveState.RETIRED)
OVER = (InstanceState.CLOSED, InstanceState.ENDED)
"""The states of an instance whose contract is over."""


@dataclass(frozen=True)
class PassedOn:
    """A name that is passed on.

    Args:
        name: which name.
        move: the last move of its instance.
        passing: what was seen of it since.
    """

    name: NameFacts
    move: MoveFacts
    passing: Passing


def record_owed(session: Session, move_id: int, finding: str, now: datetime) -> Owed:
    """What a move could not do on servers that were left, once for each move; after some days a person is told.

    Raises:
        UnknownMove: none has this number.
    """
    move, row = moves.move_facts(session, move_id), owed_row(session, move_id)
    if row is None:
        row = OwedAtHomes(move_id=move_id, since=now, tried_at=now, tries=0, finding=finding)
        session.add(row)
        evidence, subject = {"move": move_id}, instances.subject_of(move.instance_name)
        deeds.record(session, deeds.SERVICE, "former server silent", subject, why=finding, evidence=evidence, now=now)
    row.tried_at, row.tries, row.finding, row.settled_at = now, row.tries + 1, finding, None
    session.flush()
    if is_told(row.since, now):
        summary = (
            f"{move.instance_name} moved from {move.source_name} to {move.target_name}, and is served there. {finding}"
        )
        _tell(
            session, _owed_key(move_id), HOME_SILENT, move, f"{summary} It is tried again, until it is done.", now=now
        )
    return owed_of(row)


def settle_owed(session: Session, move_id: int, now: datetime) -> None:
    """All of it is done; nothing happens where nothing was owed."""
    row = owed_row(session, move_id)
    if row is not None and row.settled_at is None:
        row.settled_at = now
        subject = instances.subject_of(moves.move_facts(session, move_id).instance_name)
        deeds.record(session, deeds.SERVICE, "former server done", subject, evidence={"move": move_id}, now=now)
        cases.settle_by_key(session, _owed_key(move_id), deeds.SERVICE, "It is done.", now)


def all_owed(session: Session) -> list[Owed]:
    """What is to be tried again, the longest owed first; nothing of instances that move just now, or have ended."""
    rows = session.scalars(select(OwedAtHomes).where(OwedAtHomes.settled_at.is_(None)).order_by(OwedAtHomes.since))
    return [owed_of(row) for row in rows if _may_be_tried(session, row.move_id)]


def is_owed(session: Session, move_id: int) -> bool:
    """Whether a move still has something to do on servers that were left."""
    row = session.scalars(select(OwedAtHomes).where(OwedAtHomes.move_id == move_id)).first()
    return row is not None and row.settled_at is None


def last_move(session: Session, instance: str) -> MoveFacts | None:
    """The move by which an instance came where it is; None where it never moved."""
    return next((one for one in reversed(moves.moves_of(session, instance)) if one.state in moves.SWITCHED_EVER), None)


def is_last(session: Session, move: MoveFacts) -> bool:
    """Whether an instance is where a move brought it, and is not on its way again."""
    last = last_move(session, move.instance_name)
    return last is not None and last.id == move.id and moves.open_move(session, move.instance_name) is None


def names_passed_on(session: Session, now: datetime) -> list[PassedOn]:
    """The live names of instances that have moved, which may lead elsewhere still and weren't looked at lately."""
    found = []
    for one in instances.all_instances(session):
        move = last_move(session, one.name) if one.state not in OVER else None
        if move is None or move.state not in ENDED or moves.open_move(session, one.name):
            continue
        for name in names.names_of(session, one.name, NameState.LIVE):
            row = passed_row(session, name.id, move.id)
            if row is None or (row.ended_at is None and now - row.looked_at >= LOOKED_AT_EVERY):
                found.append(PassedOn(name, move, _passing(name, move, row)))
    return found


def is_ended(session: Session, name: NameFacts) -> bool:
    """Whether no server that its instance has left passes a name on any more."""
    move = last_move(session, name.instance_name)
    row = passed_row(session, name.id, move.id) if move else None
    return row is not None and row.ended_at is not None


def record_look(session: Session, one: PassedOn, found: Pointing, now: datetime) -> PassedOn:
    """What was seen of a name."""
    row = passed_row(session, one.name.id, one.move.id)
    if row is None:
        row = PassedName(name_id=one.name.id, move_id=one.move.id, reminders=0)
        session.add(row)
    row.looked_at, row.finding, row.quiet_since = (
        now,
        found.told,
        quiet_since(_passing(one.name, one.move, row), found, now),
    )
    session.flush()
    if row.quiet_since is not None:
        cases.settle_by_key(session, _passed_key(one), deeds.SERVICE, found.told, now)
    return PassedOn(one.name, one.move, _passing(one.name, one.move, row))


def record_reminded(session: Session, one: PassedOn, now: datetime) -> None:
    """The customer was written to."""
    row = session.scalars(
        select(PassedName).where(PassedName.name_id == one.name.id, PassedName.move_id == one.move.id).with_for_update()
    ).one()
    if row.reminders == one.passing.reminders:
        row.reminders, row.reminded_at = row.reminders + 1, now
    session.flush()


def record_ended(session: Session, one: PassedOn, silent: Sequence[str], now: datetime) -> None:
    """No server that was left passes the name on; those that did not do it may still know it.

    Args:
        session: of the transaction.
        one: the name.
        silent: servers that did not do it for days: it goes from them once they do (`clear-left-names`).
        now: the moment.
    """
    row = passed_row(session, one.name.id, one.move.id)
    if row is None or row.ended_at is not None:
        return
    row.ended_at = now
    evidence = {"name": one.name.a_label, "move": one.move.id, "silent": [*silent]}
    subject = instances.subject_of(one.name.instance_name)
    deeds.record(session, deeds.SERVICE, "name passed on no more", subject, evidence=evidence, now=now)
    if silent:
        summary = (
            f"{one.name.as_ordered} is passed on no more, but {', '.join(silent)} did not take it off and may know it."
        )
        key, facts = f"{cases.LEFT_NAME}{one.name.id}:move {one.move.id}", {"servers": [*silent], "number": one.name.id}
        cases.raise_case(session, key, cases.LEFT_BEHIND, subject, summary, facts=facts, now=now)
    session.flush()


def tell_still_passed_on(session: Session, one: PassedOn, finding: str, now: datetime) -> None:
    """A person asks the customer, or whoever keeps the zone; the name is passed on all the same."""
    who = f"{one.passing.reminders} reminders were sent" if one.passing.is_domain else "its zone is ours"
    summary = (
        f"{one.name.as_ordered} of {one.move.instance_name}, which moved to {one.move.target_name} on "
        f"{one.passing.since:%Y-%m-%d}: {finding} {who[0].upper()}{who[1:]}. It is passed on until it leads there."
    )
    _tell(session, _passed_key(one), STILL_PASSED_ON, one.move, summary, now=now)


def _passing(name: NameFacts, move: MoveFacts, row: PassedName | None) -> Passing:
    """What was seen of a name since a move."""
    since, is_domain = move.ended_at or move.due_at, name.kind is NameKind.DOMAIN
    if row is None:
        return Passing(since, is_domain)
    return Passing(since, is_domain, row.quiet_since, row.reminders, row.reminded_at)


def _may_be_tried(session: Session, move_id: int) -> bool:
    """Whether nothing else is done about the instance of a move."""
    name = moves.move_facts(session, move_id).instance_name
    ended = instances.instance_facts(session, name).state in OVER
    return not ended and moves.open_move(session, name) is None


def _tell(session: Session, key: str, kind: str, move: MoveFacts, summary: str, *, now: datetime) -> None:
    """A case about a move's instance, once for its key."""
    subject, facts = instances.subject_of(move.instance_name), {"move": move.id}
    cases.raise_case(session, key, kind, subject, summary, facts=facts, now=now)


def _owed_key(move_id: int) -> str:
    """The key of the case of what a move owes."""
    return f"move:{move_id}:owed"


def _passed_key(one: PassedOn) -> str:
    """The key of the case of a name since a move."""
    return f"move:{one.move.id}:name:{one.name.id}"
