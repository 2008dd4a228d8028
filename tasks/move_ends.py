"""How a move's run ends: undone, tried again where that may heal, or put before a person (P24)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from prefect.runtime import flow_run

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.errors import ServiceError, Unreachable
from hosting.inventory import cases, deeds, instances, kept_agreements, moves, work
from hosting.inventory.leases import LeaseHeld
from hosting.inventory.session import in_transaction
from hosting.policy.attempts import AGAIN_AFTER
from hosting.policy.move_attempts import NotInTime, next_try
from hosting.policy.move_plan import MoveForbidden
from hosting.policy.states import MoveState
from tasks.move_records import record_called_off, record_put_back
from tasks.records import inventory, now
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from tasks.move_records import Move


@contextlib.contextmanager
def telling_move_failure(move: Move) -> Iterator[None]:
    """A failure is kept with the move; what may heal is tried again, all else is put before a person."""
    try:
        yield
    except Exception as error:
        run_logger().error("%s", said_of(error))  # one sentence is what helps here
        failure = error
        with contextlib.suppress(ServiceError):
            in_transaction(inventory(), lambda session: _record_failure(session, move, failure))
        raise


@contextlib.contextmanager
def given_up_if_undone(move: Move) -> Iterator[None]:
    """A move whose undoing ended just now, and which then can't begin anew: nothing of it is left, it is given up."""
    try:
        yield
    except Exception as error:
        if move.facts.state is MoveState.COPYING:
            given_up(move, error)
        raise


@reading
def given_up(move: Move, error: Exception) -> None:
    """The move is undone: planned as before where the reason passes, else called off."""
    (record_put_back if passes(error) else record_called_off)(move, said_of(error))


def passes(error: Exception) -> bool:
    """Whether a failure may heal by itself."""
    return isinstance(error, (Unreachable, LeaseHeld, NotInTime, moves.MovePutOff))


def said_of(error: Exception) -> str:
    """A failure in one sentence; of what nobody foresaw only the kind, since its words may hold anything."""
    if isinstance(error, ServiceError):
        return str(error)
    return f"Something unforeseen happened ({type(error).__name__}); the log of the run tells what."


def _record_failure(session: Session, move: Move, error: Exception) -> None:
    """Kept with the move, and seen to."""
    if isinstance(error, moves.MovePutOff):  # meanwhile: its own run begins it
        return
    facts, said = moves.move_facts(session, move.facts.id), said_of(error)
    if isinstance(error, moves.MoveGivenUp):  # by word: nobody has to see to it
        if facts.state is MoveState.PLANNED:
            moves.record_state(session, facts.id, MoveState.CALLED_OFF, now(), finding=said)
        work.cancel(session, work.MOVE, str(facts.id), said)
        return
    moves.record_finding(session, facts.id, said)
    subject, at = f"work:{work.MOVE}:{facts.id}", now()
    found, tried = work.work_of(session, work.MOVE, str(facts.id)), work.tries(session, work.MOVE, str(facts.id))
    again = next_try(
        facts.state, closed=facts.closed_at is not None, passes=passes(error), calmer=isinstance(error, NotInTime),
        tried=tried, now=at,
    )  # fmt: skip
    if again and found and found.state not in work.ENDS:
        if tried == len(AGAIN_AFTER) or not passes(error):  # told, and still gone on with
            _put_before_a_person(session, move, f"{said} It is tried again, until it is through.", "again")
        if tried <= len(AGAIN_AFTER):  # so many are counted
            deeds.record(session, deeds.SERVICE, work.TRIED_AGAIN, subject, why=said, now=at)
        work.try_again(session, found.id, again)
        return
    may_be_kept = passes(error) or isinstance(error, MoveForbidden)
    if may_be_kept and (later := kept_agreements.begin_later(session, facts.id, said, at)):
        run_logger().info("%s begins later in the time that was agreed on: %s", move.name, later.due_at)
        return
    undone = facts.state is MoveState.COPYING and isinstance(error, MoveForbidden)
    if facts.state is MoveState.PLANNED or undone:  # nothing of it is left: it has to be planned anew
        moves.record_state(session, facts.id, MoveState.CALLED_OFF, at, finding=said)
    work.record_failed(session, work.MOVE, str(facts.id), said)
    holidays = load(ServiceSettings).holidays_state
    if may_be_kept and (made := kept_agreements.offer_anew(session, facts.id, at, holidays)):
        said += f" Its customer is offered other times (offer {made.id})."
    _put_before_a_person(session, move, said, f"run:{flow_run.id or at.isoformat()}")


def _put_before_a_person(session: Session, move: Move, said: str, what: str) -> None:
    """A case, once for what it is about."""
    summary = f"The move of {move.name} from {move.source.name} to {move.target.name}: {said}"
    facts = {"move": move.facts.id, "run": flow_run.id or "by hand"}
    key, subject = f"move:{move.facts.id}:{what}", instances.subject_of(move.name)
    cases.raise_case(session, key, cases.NOT_DONE, subject, summary, facts=facts, now=now())
