"""The state that an instance's last move left on its source: whether it may be served again, that it is to be (P24)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from hosting.inventory import deeds, former_homes, instances, moves, restores, servers, work
from hosting.policy.kept_source import ACCEPTED_FOR, NothingKept
from hosting.policy.restore_audit import restore_command
from hosting.policy.states import MoveState, ServerState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts
    from hosting.policy.kept_source import Loss

SERVES_KEPT = moves.SERVES_KEPT
CHANGED = "release changed"
DO = "Bring it back from a backup (phm restore), or move it with its present data (phm move back)."


def kept_move(session: Session, instance: str) -> MoveFacts:
    """The move whose source still has the instance as it was at the switch.

    Raises:
        UnknownInstance: no instance has this name.
        NothingKept: there is none, or what is there could not be served as it is.
    """
    facts = instances.instance_facts(session, instance)
    move = former_homes.last_move(session, instance)
    if move is None or move.state is not MoveState.DONE or move.source_name == facts.server_name:
        raise NothingKept(f"Nothing is kept of instance {instance} on a server that it has left.", DO)
    if open_move := moves.open_move(session, instance):
        message = f"Instance {instance} moves just now, to {open_move.target_name} ({open_move.state})."
        raise NothingKept(message, f"Wait for its end, or: phm move cancel {instance} --reason ….")
    _check_whole(session, move)
    return move


def check_return(session: Session, move: MoveFacts, now: datetime) -> None:
    """See that a move which is to serve a kept state may still do it: nothing has changed, and it was accepted lately.

    Raises:
        NothingKept: it may not.
    """
    kept = moves.move_facts(session, int(move.evidence[SERVES_KEPT]))
    if kept.state is not MoveState.DONE or kept.source_name != move.target_name:
        raise NothingKept(f"{move.target_name} keeps nothing of {move.instance_name} any more.", DO)
    if now - move.agreed_at > ACCEPTED_FOR:
        message = f"What {move.instance_name} loses was accepted at {move.agreed_at:%H:%M} UTC; it is more now."
        raise NothingKept(message, f"See what it is now: phm move to-kept-source {move.instance_name}.")
    _check_whole(session, kept)


def _check_whole(session: Session, move: MoveFacts) -> None:
    """See that what a move left can be served as it is, and that nothing else is done about the instance.

    Raises:
        NothingKept: it can't.
    """
    instance = move.instance_name
    if begun := restores.open_restore(session, instance):
        message = f"A restore of {instance} to {begun.point} was begun and is not at its end."
        there = "" if begun.server == move.target_name else begun.server
        command = restore_command(instance, begun.point, part=begun.wish[2], server=there)
        raise NothingKept(message, f"Run it to its end first: {command}")
    if former_homes.is_owed(session, move.id) or not _has_all(move):
        message = f"What {move.source_name} keeps of {instance} was not fenced or not compared at the switch."
        raise NothingKept(message, DO)
    if servers.server_facts(session, move.source_name).state is ServerState.RETIRED:
        raise NothingKept(f"{move.source_name}, which {instance} has left, is retired.", DO)
    since = move.switched_at or move.due_at
    found = deeds.deeds_of(session, instances.subject_of(instance))
    if any(deed.what == CHANGED and deed.at >= since for deed in found):
        raise NothingKept(f"Instance {instance} has another release since it left {move.source_name}.", DO)


def plan_return(session: Session, instance: str, why: str, loss: Loss, *, by: str, now: datetime) -> MoveFacts:
    """Have the kept state served again, as an operator has accepted; with the work that becomes its run.

    Raises:
        NothingKept: meanwhile it can't be.
        NoServerHasRoom: the server has not the room for it any more.
    """
    kept = kept_move(session, instance)
    move = moves.plan_move(session, instance, kept.source_name, why, by, now, without_backup=True, now=now)
    evidence = {SERVES_KEPT: kept.id, "loss": {**asdict(loss), "tables": [*loss.tables]}}
    work.ask_for(session, work.MOVE, str(move.id), now, by=by, now=now)
    subject = instances.subject_of(instance)
    deeds.record(session, by, "loss accepted", subject, why=why, evidence={"move": move.id, **evidence}, now=now)
    return moves.add_evidence(session, move.id, evidence)


def _has_all(move: MoveFacts) -> bool:
    """Whether a move brought everything over itself, as is known: what a restore left behind was never compared."""
    return "proof" in move.evidence and moves.FOUND_SWITCHED not in move.evidence
