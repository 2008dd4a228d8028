"""How a move's run ends: undone, tried again where that may heal, or put before a person (P24)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from prefect.runtime import flow_run

from hosting.errors import ServiceError, Unreachable
from hosting.inventory import cases, deeds, instances, moves, work
from hosting.inventory.leases import LeaseHeld
from hosting.inventory.session import in_transaction
from hosting.policy.attempts import AGAIN_AFTER, again_at
from hosting.policy.move_plan import MoveForbidden
from hosting.policy.states import MoveState, WorkState
from tasks.move_database import NotTheSame, compare, sums_of
from tasks.move_records import record_called_off
from tasks.records import inventory, now
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from tasks.move_database import Held
    from tasks.move_records import Move


@contextlib.contextmanager
def telling_move_failure(move: Move) -> Iterator[None]:
    """A failure is kept with the move; what did not answer is tried again, all else is put before a person."""
    try:
        yield
    except ServiceError as error:
        run_logger().error("%s", error)  # one sentence is what helps here
        said = error
        with contextlib.suppress(ServiceError):
            in_transaction(inventory(), lambda session: _record_failure(session, move, said))
        raise


@reading
def called_off(move: Move, error: ServiceError) -> None:
    """The move is undone, for this reason."""
    record_called_off(move, str(error))


@reading
def record_after_check(move: Move, held: Held) -> None:
    """The target's moment of the switch against the fenced source, row by row; a difference is for a person."""
    try:
        found = compare(sums_of(held.source, held.name), sums_of(held.target, held.name), move.target.name)
    except NotTheSame as error:
        said = str(error)
        in_transaction(inventory(), lambda session: _put_before_a_person(session, move, said, "after-check"))
        return
    in_transaction(
        inventory(),
        lambda session: moves.record_state(
            session, move.facts.id, MoveState.SWITCHED, now(), evidence={"database": found}
        ),
    )


def _record_failure(session: Session, move: Move, error: ServiceError) -> None:
    """Kept with the move, and seen to."""
    if isinstance(error, moves.MovePutOff):  # meanwhile: its own run begins it
        return
    facts = moves.move_facts(session, move.facts.id)
    moves.record_finding(session, facts.id, str(error))
    subject, at = f"work:{work.MOVE}:{facts.id}", now()
    found = work.work_of(session, work.MOVE, str(facts.id))
    tried = sum(deed.what == work.TRIED_AGAIN for deed in deeds.deeds_of(session, subject))
    begun = facts.state in moves.UNDER_WAY and facts.state is not MoveState.PLANNED
    may_heal = isinstance(error, (Unreachable, LeaseHeld)) and (begun or tried < len(AGAIN_AFTER))
    if facts.state in moves.UNDER_WAY and may_heal and found and found.state is not WorkState.DONE:
        if tried == len(AGAIN_AFTER):  # told, and still gone on with: it may stand where nobody is served
            _put_before_a_person(session, move, f"{error} It is tried again each quarter of an hour.", "run")
        deeds.record(session, deeds.SERVICE, work.TRIED_AGAIN, subject, why=str(error), now=at)
        work.try_again(session, found.id, again_at(min(tried, len(AGAIN_AFTER) - 1), at))
        return
    undone = facts.state is MoveState.COPYING and isinstance(error, MoveForbidden)
    if facts.state is MoveState.PLANNED or undone:  # nothing of it is left: it has to be planned anew
        moves.record_state(session, facts.id, MoveState.CALLED_OFF, at, finding=str(error))
    work.record_failed(session, work.MOVE, str(facts.id), str(error))
    _put_before_a_person(session, move, str(error), "run")


def _put_before_a_person(session: Session, move: Move, said: str, what: str) -> None:
    """A case, once for each run."""
    key = f"move:{move.facts.id}:{what}:{flow_run.id or now().isoformat()}"
    summary = f"The move of {move.name} from {move.source.name} to {move.target.name}: {said}"
    facts = {"move": move.facts.id, "run": flow_run.id or "by hand"}
    cases.raise_case(session, key, cases.NOT_DONE, instances.subject_of(move.name), summary, facts=facts, now=now())
