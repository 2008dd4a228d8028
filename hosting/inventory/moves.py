"""Moves of instances between servers: one at a time for each, with the phase in which it is (P10, P24)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import deeds, instances, work
from hosting.inventory.models import Instance, Move
from hosting.inventory.move_targets import check_target
from hosting.inventory.servers import lock_servers, server_facts
from hosting.policy.move_plan import is_before_its_time
from hosting.policy.states import MoveState, step
from hosting.policy.values import InstanceName, ServerName

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

UNDER_WAY = (MoveState.PLANNED, MoveState.COPYING, MoveState.FROZEN, MoveState.SWITCHED)
"""The states of a move that is not at its end."""

BEFORE_SWITCH = (MoveState.PLANNED, MoveState.COPYING, MoveState.FROZEN)
"""The states of a move whose instance is on its source, and is counted on both servers."""

PUT_OFF = "put_off"
"""The entry of a move's evidence that counts how often it was put off."""

GIVEN_UP = "given_up"
"""The entry of a move's evidence that tells why it was given up while it was copied; its run undoes it."""

SERVES_KEPT = "serves_kept"
"""The entry of a move's evidence that names the move whose source is served again as it was left."""

FOUND_SWITCHED = "found_switched"
"""The entry of a move's evidence that tells what every server had, where its switch was found and not seen."""

COMPARED, DIFFERS = "database", "differs"
"""The entries of a move's evidence, of which one is there once both sides were compared since the stop began."""

SWITCHED_EVER = (MoveState.SWITCHED, MoveState.DONE, MoveState.RETIRED)
"""The states of a move whose source has been left for good."""


class UnknownMove(Refused):
    """No move has this number."""


class SourceLeft(Refused):
    """An instance is not on the server from which it was to move: what is there is not its state."""

    def __init__(self, instance: str, source: str, now_on: str) -> None:
        message = f"{instance} was to move from {source}, but it is on {now_on} now."
        super().__init__(message, "Nothing was touched; plan the move anew from where it is.")


class MoveUnderWay(Refused):
    """An instance moves once at a time."""


class MoveNotPlanned(Refused):
    """Only a move whose moment has not come can be put off or given up."""


class MovePutOff(Refused):
    """A move's moment has not come; a run begins it then."""


class MoveGivenUp(Refused):
    """A move was given up while its instance was copied, before its moment."""


@dataclass(frozen=True)
class MoveFacts:
    """A move as the inventory knows it.

    Args:
        without_backup: an operator's word that it may begin without a fresh backup.
        stop_seconds: how long nobody was served, in all runs of the move together.
        finding: why it did not come to its end, in one sentence.
        due_at: from when on the instance may be closed.
        due_until: the end of the window that was agreed on: it is open again by then; None where none was.
        copies_from: when the copying begins that takes longer than that window; None: it begins when it is due.
        closed_at: since when the instance may be closed; None where it is known to be open.
    """

    id: int
    instance_name: InstanceName
    source_name: ServerName
    target_name: ServerName
    state: MoveState
    why: str
    without_backup: bool
    agreed_at: datetime
    agreed_by: str
    due_at: datetime
    begun_at: datetime | None
    switched_at: datetime | None
    ended_at: datetime | None
    stop_seconds: float | None
    finding: str
    evidence: Mapping[str, Any]
    due_until: datetime | None = None
    copies_from: datetime | None = None
    closed_at: datetime | None = None

    @property
    def begins(self) -> datetime:
        """When a run begins it: the customer works while it is copied."""
        return self.copies_from or self.due_at


def plan_move(  # noqa: PLR0917  # the columns of a row, in their order
    session: Session, instance: str, target: str, why: str, by: str, due_at: datetime, *, without_backup: bool,
    now: datetime, due_until: datetime | None = None, copies_from: datetime | None = None,
) -> MoveFacts:  # fmt: skip
    """A move that was agreed on; what the moments are stands with `MoveFacts`.

    Raises:
        UnknownInstance: no instance has this name.
        UnknownServer: no server has this name.
        MoveUnderWay: another move of the instance is not at its end.
        NoServerHasRoom: the target takes no instances, or has not the room.
    """
    lock_servers(session)
    server_facts(session, target)
    locked = instances.lock(session, instance)
    source = locked.server_name
    if other := open_move(session, instance):
        message = f"Instance {instance} moves already, from {other.source_name} to {other.target_name} ({other.state})."
        raise MoveUnderWay(message, f"Look at it: phm move status {instance}.")
    check_target(session, locked, target)
    row = Move(
        instance_name=instance, source_name=source, target_name=target, state=MoveState.PLANNED, why=why,
        without_backup=without_backup, agreed_at=now, agreed_by=by, due_at=due_at, due_until=due_until,
        copies_from=copies_from, finding="", evidence={},
    )  # fmt: skip
    session.add(row)
    session.flush()
    evidence = {"move": row.id, "from": source, "to": target, "due_at": due_at.isoformat()}
    deeds.record(session, by, "move planned", instances.subject_of(instance), why=why, evidence=evidence, now=now)
    return _facts(row)


def record_left(
    session: Session, instance: str, source: str, target: str, *, why: str, now: datetime, kept: bool
) -> MoveFacts:
    """An instance that came to another server by a restore has left its own like by a move.

    Args:
        session: the transaction in which it changes its server.
        instance: its name.
        source: the server that it has left, which passes its requests on.
        target: the one that serves it.
        why: in one sentence.
        now: the moment.
        kept: whether what the source has of it is kept for its days; else the source is lost.
    """
    row = Move(
        instance_name=instance, source_name=source, target_name=target,
        state=MoveState.DONE if kept else MoveState.RETIRED, why=why, without_backup=True, agreed_at=now,
        agreed_by=deeds.SERVICE, due_at=now, begun_at=now, switched_at=now, ended_at=now, finding="", evidence={},
    )  # fmt: skip
    session.add(row)
    session.flush()
    return _facts(row)


def with_word(why: str, because: str) -> str:
    """A reason with the operator's word on the moment, where he gave one."""
    return f"{why} At this moment because: {because.strip()}" if because.strip() else why


def move_facts(session: Session, move_id: int) -> MoveFacts:
    """One move.

    Raises:
        UnknownMove: none has this number.
    """
    return _facts(_row(session, move_id))


def lock_open(session: Session, instance: str) -> MoveFacts | None:
    """The move of an instance that is not at its end, its row locked; read as it is then."""
    found = open_move(session, instance)
    return None if found is None else _facts(_row(session, found.id, lock=True))


def moves_of(session: Session, instance: str) -> list[MoveFacts]:
    """All moves of an instance, the first planned first."""
    rows = select(Move).where(Move.instance_name == instance).order_by(Move.id)
    return [_facts(row) for row in session.scalars(rows)]


def all_moves(session: Session, *states: MoveState) -> list[MoveFacts]:
    """The moves in these states, or all, the first planned first."""
    rows = select(Move).order_by(Move.id)
    if states:
        rows = rows.where(Move.state.in_(states))
    return [_facts(row) for row in session.scalars(rows)]


def open_move(session: Session, instance: str) -> MoveFacts | None:
    """The move of an instance that is not at its end."""
    row = session.scalars(select(Move).where(Move.instance_name == instance, Move.state.in_(UNDER_WAY))).first()
    return None if row is None else _facts(row)


def former_homes(session: Session, instance: str) -> list[str]:
    """The servers that an instance has left, by name: each passes its requests on (P10)."""
    query = select(Move.source_name).where(Move.instance_name == instance, Move.state.in_(SWITCHED_EVER)).distinct()
    now_on = instances.instance_facts(session, instance).server_name
    return sorted(name for name in session.scalars(query) if name != now_on)


def record_state(
    session: Session, move_id: int, to: MoveState, now: datetime, *, finding: str = "",
    evidence: Mapping[str, Any] | None = None, by: str = deeds.SERVICE,
) -> MoveFacts:  # fmt: skip
    """How far a move is, along the edges; what is known of it is added to its evidence.

    Raises:
        UnknownMove: none has this number.
        ForbiddenEdge: no edge leads there.
        MovePutOff: it would begin before its moment, since it was put off meanwhile.
        SourceLeft: it would go on although its instance is on another server.
    """
    row = _row(session, move_id, lock=True)
    before = MoveState(row.state)
    if (before, to) == (MoveState.PLANNED, MoveState.COPYING):
        check_its_time(_facts(row).begins, row.instance_name, now)
    if before in BEFORE_SWITCH and to in BEFORE_SWITCH:
        check_source(session, move_id)
    row.state, row.finding = step(before, to), finding
    row.evidence = {**row.evidence, **(evidence or {})}
    if to is MoveState.COPYING:
        row.begun_at = row.begun_at or now
        _opened(row, now)  # undone: the source serves
    if to is MoveState.FROZEN and row.closed_at is None:
        row.closed_at = now
    if to in {MoveState.DONE, MoveState.CALLED_OFF}:
        row.ended_at = now
    if to is not before:
        told = {"move": move_id, "from": row.source_name, "to": row.target_name, **(evidence or {})}
        subject = instances.subject_of(row.instance_name)
        deeds.record(session, by, f"move {to}", subject, why=finding, evidence=told, now=now)
    session.flush()
    return _facts(row)


def check_source(session: Session, move_id: int) -> None:
    """See that an instance is where its move begins: a restore may have brought it elsewhere since it was planned.

    Raises:
        UnknownMove: none has this number.
        SourceLeft: it is not.
    """
    row = _row(session, move_id)
    now_on = instances.instance_facts(session, row.instance_name).server_name
    if now_on != row.source_name:
        raise SourceLeft(row.instance_name, row.source_name, now_on)


def call_off_planned(
    session: Session, instance: str, why: str, *, by: str, now: datetime, end_work: bool = True
) -> MoveFacts:
    """A move that has not begun is given up, with its work.

    Args:
        session: the transaction.
        instance: its name.
        why: in one sentence.
        by: who gives it up.
        now: the moment.
        end_work: whether its work is cancelled too.

    Raises:
        MoveNotPlanned: no move of the instance is planned, or it has begun.
    """
    found = open_move(session, instance)
    row = None if found is None else _row(session, found.id, lock=True)
    if row is None or row.state != MoveState.PLANNED:
        stands = row.state if row else "not planned"
        raise MoveNotPlanned(f"A move of {instance} is {stands}.", f"Look at it: phm move status {instance}.")
    if end_work:
        work.cancel(session, work.MOVE, str(row.id), why)
    return record_state(session, row.id, MoveState.CALLED_OFF, now, finding=why, by=by)


def check_its_time(begins: datetime, instance: str, now: datetime) -> None:
    """See that a move's moment has come.

    Raises:
        MovePutOff: it has not.
    """
    if is_before_its_time(begins, now):
        message = f"The move of {instance} is due at {begins:%Y-%m-%d %H:%M} UTC; a run begins it then."
        raise MovePutOff(message, f"To have it at another moment: phm move postpone {instance} --at …")


def put_back(session: Session, move_id: int, why: str, now: datetime) -> MoveFacts:
    """A move that was undone for what passes is planned again, as it was agreed on; nothing of it is left anywhere.

    Raises:
        UnknownMove: none has this number.
        ForbiddenEdge: it is not undone.
    """
    return record_state(session, move_id, MoveState.PLANNED, now, finding=why)


def record_finding(session: Session, move_id: int, finding: str) -> None:
    """Why a move did not get on; its state stays, so that the next run finds how far it had come."""
    _row(session, move_id, lock=True).finding = finding
    session.flush()


def set_moment(
    session: Session, move_id: int, due_at: datetime, due_until: datetime | None, copies_from: datetime | None
) -> MoveFacts:
    """Another moment for a move that is not closed yet; what the moments are stands with `MoveFacts`."""
    row = _row(session, move_id, lock=True)
    row.due_at, row.due_until, row.copies_from = due_at, due_until, copies_from
    session.flush()
    return _facts(row)


def set_begin(session: Session, move_id: int, begins: datetime, finding: str) -> MoveFacts:
    """Another moment to begin a move that is planned; it is closed in the window that was agreed on all the same."""
    row = _row(session, move_id, lock=True)
    row.copies_from = begins if begins < row.due_at else None
    row.due_at, row.finding = max(begins, row.due_at), finding
    session.flush()
    return _facts(row)


def add_evidence(session: Session, move_id: int, evidence: Mapping[str, Any]) -> MoveFacts:
    """What is known of a move besides, whatever its state."""
    row = _row(session, move_id, lock=True)
    row.evidence = {**row.evidence, **evidence}
    session.flush()
    return _facts(row)


def record_opened(session: Session, move_id: int, now: datetime, seconds: float | None = None) -> None:
    """The instance is open again; one that was known to be open stays so.

    Args:
        session: of the transaction.
        move_id: which move.
        now: the moment in which it was seen to be open.
        seconds: how long nobody was served, as seen from outside; None where no run saw all of it: then it is told
            from the moment in which it was closed.
    """
    _opened(_row(session, move_id, lock=True), now, seconds)
    session.flush()


def give_up_kept(session: Session, instance: str, server: str, now: datetime) -> None:
    """What earlier moves of an instance left on a server is kept no longer: the instance comes back there."""
    for one in moves_of(session, instance):
        if one.source_name == server and one.state is MoveState.DONE:
            record_state(session, one.id, MoveState.RETIRED, now, finding="The instance comes back there.")


def switch(session: Session, move_id: int, evidence: Mapping[str, Any], now: datetime) -> MoveFacts:
    """The instance is on its target from now on, and is counted there: one transaction, with all servers locked.

    Raises:
        UnknownMove: none has this number.
        ForbiddenEdge: the move is not at this point.
        SourceLeft: the instance is not where the move began.
    """
    lock_servers(session)
    row = _row(session, move_id, lock=True)
    if row.state != MoveState.SWITCHED:
        check_source(session, move_id)
    session.get_one(
        Instance, row.instance_name, with_for_update=True, populate_existing=True
    ).server_name = row.target_name
    row.switched_at = now
    return record_state(session, move_id, MoveState.SWITCHED, now, evidence=evidence)


def _opened(row: Move, now: datetime, seconds: float | None = None) -> None:
    """The end of a stop, added to those before it."""
    if row.closed_at is None:
        return
    lasted = (now - row.closed_at).total_seconds() if seconds is None else seconds
    row.stop_seconds, row.closed_at = round((row.stop_seconds or 0.0) + lasted, 2), None


def _row(session: Session, move_id: int, *, lock: bool = False) -> Move:
    """The row of a number, locked if asked for."""
    row = session.get(Move, move_id, with_for_update=lock, populate_existing=lock)
    if row is None:
        raise UnknownMove(f"There is no move {move_id}.", "List them (phm move status) and take one of them.")
    return row


def _facts(row: Move) -> MoveFacts:
    """The row, frozen."""
    return MoveFacts(
        id=row.id,
        instance_name=InstanceName(row.instance_name),
        source_name=ServerName(row.source_name),
        target_name=ServerName(row.target_name),
        state=MoveState(row.state),
        why=row.why,
        without_backup=row.without_backup,
        agreed_at=row.agreed_at,
        agreed_by=row.agreed_by,
        due_at=row.due_at,
        begun_at=row.begun_at,
        switched_at=row.switched_at,
        ended_at=row.ended_at,
        stop_seconds=row.stop_seconds,
        finding=row.finding,
        evidence=row.evidence,
        due_until=row.due_until,
        copies_from=row.copies_from,
        closed_at=row.closed_at,
    )
