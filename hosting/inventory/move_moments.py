"""The moment of a move, set anew or given up until it has come: also while its instance is copied ahead of it (P24).

A run that copies looks at this record all the time: it waits for the other moment, or undoes what it did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.inventory import deeds, instances, moves, work
from hosting.inventory.levels import terms_of_instance
from hosting.inventory.move_turns import timetable
from hosting.inventory.servers import lock_servers
from hosting.policy.move_moments import move_window
from hosting.policy.move_plan import is_before_its_time
from hosting.policy.states import MoveState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts
    from hosting.policy.maintenance import Window


def postpone(
    session: Session, instance: str, due_at: datetime, why: str, *, by: str, now: datetime, because: str = "",
    holidays: str | None = None,
) -> MoveFacts:  # fmt: skip
    """Set another moment for a move whose moment has not come; its window goes along.

    A run of its own begins it then. What is copied already stays for a sooner moment, and for a later one for which
    its copying would have to have begun by now too; else its run undoes it.

    Args:
        session: the transaction.
        instance: its name.
        due_at: the moment.
        why: in one sentence.
        by: who sets it.
        now: this moment.
        because: why it may be sooner than what stands, or not off-peak.
        holidays: the state whose public holidays are kept.

    Raises:
        MoveNotPlanned: no move of the instance waits for its moment, or its loss was accepted for now alone.
        EarlierThanAgreed: it would come sooner than what stands, and nobody says why it may.
        NotOffPeak: the time is not off-peak, and nobody says why it is taken.
        CopiedTooLate: the copying takes so long that it would have to have begun by now.
    """
    lock_servers(session)
    move = _waiting(session, instance, now)
    if moves.SERVES_KEPT in move.evidence:
        message = f"What {instance} loses by serving what {move.target_name} has kept was accepted for now: it grows."
        raise moves.MoveNotPlanned(
            message, f"phm move cancel {instance} --reason …; later: phm move to-kept-source {instance}."
        )
    terms = terms_of_instance(session, instance, due_at)
    window = move_window(due_at, terms, agreed=move.due_at, because=because, state=holidays)
    begins = _begins(session, move, window, now)
    goes_on = move.state is MoveState.COPYING and (due_at <= move.due_at or not is_before_its_time(begins, now))
    if goes_on:
        begins = move.begins
    copies_from = begins if begins < due_at else None
    after = moves.set_moment(session, move.id, due_at, move.due_until and window.closes, copies_from)
    if not goes_on:
        asked = work.ask_for(session, work.MOVE, str(move.id), begins, by=by, now=now)
        work.reschedule(session, asked.id, begins)
    moves.add_evidence(session, move.id, {moves.PUT_OFF: move.evidence.get(moves.PUT_OFF, 0) + 1})
    _tell(session, after, by, "move postponed", moves.with_word(why, because), now=now, before=move.due_at)
    return moves.move_facts(session, move.id)


def give_up(session: Session, instance: str, why: str, *, by: str, now: datetime) -> MoveFacts:
    """A move whose moment has not come is given up; what is copied already is undone by its run, or by the next.

    Raises:
        MoveNotPlanned: no move of the instance waits for its moment.
    """
    move = _waiting(session, instance, now)
    if move.state is MoveState.PLANNED:
        return moves.call_off_planned(session, instance, why, by=by, now=now)
    work.ask_for(session, work.MOVE, str(move.id), now, by=by, now=now)  # where its run has failed, another undoes it
    _tell(session, move, by, "move given up while it was copied", why, now=now, before=move.due_at)
    return moves.add_evidence(session, move.id, {moves.GIVEN_UP: why})


def close_at_once(session: Session, server: str, why: str, *, by: str, now: datetime) -> None:
    """In an emergency no instance that leaves a server and is copied waits for its moment any longer."""
    for one in moves.all_moves(session, MoveState.COPYING):
        move = moves.lock_open(session, one.instance_name) if one.source_name == server else None
        if move is not None and move.state is MoveState.COPYING and now < move.due_at:
            after = moves.set_moment(session, move.id, now, None, None)
            _tell(session, after, by, "move closed at once", why, now=now, before=move.due_at)


def check_wanted(session: Session, move_id: int, now: datetime) -> MoveFacts:
    """A move as it stands now, which its run may go on with.

    Raises:
        UnknownMove: none has this number.
        MoveGivenUp: it was given up meanwhile.
        MovePutOff: it was put off meanwhile, so far that it is copied anew.
    """
    move = moves.move_facts(session, move_id)
    if why := move.evidence.get(moves.GIVEN_UP):
        raise moves.MoveGivenUp(f"It was given up: {why}", "Nothing of it is left.")
    moves.check_its_time(move.begins, move.instance_name, now)
    return move


def _waiting(session: Session, instance: str, now: datetime) -> MoveFacts:
    """The move of an instance whose moment has not come, locked.

    Raises:
        MoveNotPlanned: none is planned, or copied ahead of its moment.
    """
    move = moves.lock_open(session, instance)
    ahead = move is not None and move.state is MoveState.COPYING and now < move.due_at
    if move is None or moves.GIVEN_UP in move.evidence or not (move.state is MoveState.PLANNED or ahead):
        stands = "not planned" if move is None else "given up" if moves.GIVEN_UP in move.evidence else move.state
        raise moves.MoveNotPlanned(f"A move of {instance} is {stands}.", f"Look at it: phm move status {instance}.")
    return move


def _begins(session: Session, move: MoveFacts, window: Window, now: datetime) -> datetime:
    """When a move begins that is to be closed in a window; one that was given no window begins when it is due."""
    if move.due_until is None:
        return window.opens
    instance = instances.instance_facts(session, move.instance_name)
    table = timetable(session, instance, move.target_name, now)
    if move.state is MoveState.PLANNED:
        table.check_in_time(window, now)
    return table.begins(window, now)


def _tell(session: Session, move: MoveFacts, by: str, what: str, why: str, *, now: datetime, before: datetime) -> None:
    """A deed about a move's instance, with the moments that stood and stand."""
    subject = instances.subject_of(move.instance_name)
    evidence = {"move": move.id, "from": before.isoformat(), "to": move.due_at.isoformat()}
    deeds.record(session, by, what, subject, why=why, evidence=evidence, now=now)
