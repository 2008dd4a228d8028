"""A move is given up whose instance's server is lost before its end, where that is restored elsewhere (P20, P24)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hosting.inventory import cases, instances, moves, work
from hosting.inventory.session import in_transaction
from hosting.policy.states import MoveState, ServerState
from tasks.elsewhere import BEGUN, NoPlaceThere
from tasks.former_homes import kept_if_silent
from tasks.move_records import after_check_key, read_move
from tasks.move_sides import clear_target, ensure_way_closed
from tasks.name_moves import ensure_no_names_left
from tasks.records import inventory, now
from tasks.step import step

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.errors import Unreachable
    from hosting.policy.values import InstanceFacts, ServerFacts
    from tasks.move_records import Move

WHY = "The instance's server was lost before its end; it is restored elsewhere."
HAS_IT = "has it, locked, as it was at the switch, which is newer than any backup: it is kept until this is settled."
NOT_TAKEN_AWAY = "did not answer: what was copied there has to go before it is used again; nobody was led to it."


@step
def ensure_lost_move_given_up(instance: InstanceFacts, old: ServerFacts, *, answers: bool) -> bool:
    """A move that can't come to its end has left nothing on its target, and is called off.

    What was copied is given up: it was never compared with anything. A target that does not answer is a person's
    matter. After the switch the target is what is lost: what the source has is kept until a person has looked at it.

    Args:
        instance: which one.
        old: its server, which was stated as lost.
        answers: whether it does answer: then the next run undoes the move, or goes on.

    Raises:
        NoPlaceThere: the instance is being moved, and its server answers.
    """
    with inventory().reading() as session:
        found = moves.open_move(session, instance.name)
    if found is None or found.state not in BEGUN:
        return False
    if answers:
        raise NoPlaceThere(f"{instance.name} is being moved, and {old.name} answers.", "Wait for the end of the move.")
    move = read_move.fn(found.id)
    if move.facts.state is MoveState.SWITCHED:
        in_transaction(inventory(), lambda session: _record_ended(session, move))
        return True
    silent: list[Unreachable] = []
    with kept_if_silent(silent):
        _clear(replace(move, source=replace(move.source, state=ServerState.RETIRED)))  # so nothing is asked of it
    in_transaction(inventory(), lambda session: _record_called_off(session, move, silent=bool(silent)))
    return True


def _clear(move: Move) -> None:
    """Nothing of the move is left on its target."""
    ensure_way_closed.fn(move)
    if not move.target_was_home:
        ensure_no_names_left.fn(move.target, move.instance)
    clear_target.fn(move)


def _record_ended(session: Session, move: Move) -> None:
    """The move is through, with nothing proven; what its source has is newer than any backup."""
    moves.record_opened(session, move.facts.id, now())
    moves.record_state(session, move.facts.id, MoveState.DONE, now(), finding=WHY)
    work.cancel(session, work.MOVE, str(move.facts.id), WHY)
    said = f"{move.name} was lost with {move.target.name} after its switch. {move.source.name} {HAS_IT}"
    _put_before_a_person(session, move, after_check_key(move.facts.id), said, move.source)


def _record_called_off(session: Session, move: Move, *, silent: bool) -> None:
    """The move is off, and its work."""
    if moves.move_facts(session, move.facts.id).state is MoveState.FROZEN:
        moves.record_state(session, move.facts.id, MoveState.COPYING, now())
    moves.record_state(session, move.facts.id, MoveState.CALLED_OFF, now(), finding=WHY)
    work.cancel(session, work.MOVE, str(move.facts.id), WHY)
    if silent:
        said = f"{move.name} was to move to {move.target.name}, which {NOT_TAKEN_AWAY}"
        _put_before_a_person(session, move, f"left:{move.name}:move-{move.facts.id}", said, move.target)


def _put_before_a_person(session: Session, move: Move, key: str, said: str, server: ServerFacts) -> None:
    """What is left on a server."""
    facts, subject = {"server": server.name, "move": move.facts.id}, instances.subject_of(move.name)
    cases.raise_case(session, key, cases.LEFT_BEHIND, subject, said, facts=facts, now=now())
