"""A switch that the inventory does not know of, since it came from an older backup: recorded by an operator (P24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.inventory import deeds, instances, leases, moves, restores, work
from hosting.inventory.models import Instance, Move
from hosting.inventory.servers import lock_servers, server_facts
from hosting.policy.found_switch import NothingToRecord, SwitchNotProven
from hosting.policy.move_plan import MOVABLE
from hosting.policy.restore_audit import restore_command
from hosting.policy.states import MoveState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts
    from hosting.policy.values import InstanceFacts

FOUND = moves.FOUND_SWITCHED
NOT_COMPARED = "What came of the comparison at the switch was lost with the inventory that knew of it."


def may_be_found(session: Session, instance: str, now: datetime) -> InstanceFacts:
    """An instance of which a switch may be recorded: it is open, and nobody works on it.

    Raises:
        UnknownInstance: no instance has this name.
        SwitchNotProven: it is not open, or a restore of it was begun.
        LeaseHeld: somebody works on it.
    """
    facts = instances.instance_facts(session, instance)
    if facts.state not in MOVABLE:
        raise SwitchNotProven(f"Instance {instance} is {facts.state}.", "Only one that is open is found elsewhere.")
    if begun := restores.open_restore(session, instance):
        there = "" if begun.server == facts.server_name else begun.server
        command = restore_command(instance, begun.point, part=begun.wish[2], server=there)
        raise SwitchNotProven(f"A restore of {instance} was begun and is not at its end.", f"Run it first: {command}")
    lease = leases.lease_of(session, instance)
    if lease is not None and lease.expires_at > now:
        raise leases.LeaseHeld(lease)
    return facts


def record_found(
    session: Session, instance: str, source: str, target: str, why: str, *, by: str, seen: Mapping[str, str],
    compared: bool, now: datetime,
) -> MoveFacts:  # fmt: skip
    """An instance is on its target, as was proven there; a run of the move sees to all that follows a switch.

    The move that the inventory has of it is gone on with; one to another server did not come about. The edges before
    the switch were gone along by the inventory that was lost, so that none is gone along here.

    Args:
        session: of the transaction.
        instance: its name.
        source: where the inventory has it.
        target: the server that serves it.
        why: the operator's reason.
        by: who he is.
        seen: what each server has of it, in words.
        compared: whether the target still holds what it had at the switch, so that the run compares it.
        now: the moment.

    Raises:
        NothingToRecord: it is not on the source any more, by the inventory.
        SwitchNotProven, LeaseHeld: as `may_be_found`.
    """
    lock_servers(session)
    instances.lock(session, instance)
    if may_be_found(session, instance, now).server_name != source:
        raise NothingToRecord(f"The inventory has {instance} elsewhere by now.", f"See: phm move status {instance}.")
    server_facts(session, target)
    row = _row(session, instance, source, target, why, by=by, now=now)
    moves.give_up_kept(session, instance, target, now)
    row.state, row.switched_at, row.closed_at, row.finding = MoveState.SWITCHED, now, None, ""
    row.evidence = {**row.evidence, FOUND: dict(seen)} | ({} if compared else {moves.DIFFERS: NOT_COMPARED})
    session.get_one(Instance, instance, with_for_update=True, populate_existing=True).server_name = target
    session.flush()
    _ask_for_run(session, row.id, by, now)
    told = {"move": row.id, "from": source, "to": target, "seen": dict(seen)}
    deeds.record(session, by, "switch found", instances.subject_of(instance), why=why, evidence=told, now=now)
    return moves.move_facts(session, row.id)


def _row(session: Session, instance: str, source: str, target: str, why: str, *, by: str, now: datetime) -> Move:
    """The move that brought it there: the one that is open, if it goes there; else a new one."""
    found = moves.lock_open(session, instance)
    if found is not None and found.target_name == target:
        return session.get_one(Move, found.id)
    if found is not None:
        _give_up(session, found, f"It was found on {target}.", by=by, now=now)
    row = Move(
        instance_name=instance, source_name=source, target_name=target, state=MoveState.SWITCHED, why=why,
        without_backup=True, agreed_at=now, agreed_by=by, due_at=now, begun_at=now, finding="", evidence={},
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def _give_up(session: Session, move: MoveFacts, why: str, *, by: str, now: datetime) -> None:
    """A move to another server than that on which its instance was found."""
    if move.state is MoveState.FROZEN:
        moves.record_state(session, move.id, MoveState.COPYING, now)
    moves.record_state(session, move.id, MoveState.CALLED_OFF, now, finding=why, by=by)
    work.cancel(session, work.MOVE, str(move.id), why)


def _ask_for_run(session: Session, number: int, by: str, now: datetime) -> None:
    """A run of the move at once, whatever became of those before."""
    one = work.work_of(session, work.MOVE, str(number))
    if one is None:
        work.ask_for(session, work.MOVE, str(number), now, by=by, now=now)
    elif one.state not in work.ENDS:
        work.reschedule(session, one.id, now)
