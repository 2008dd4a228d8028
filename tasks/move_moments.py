"""A move's copying is through before its window or in it: what it took is kept, the moment is waited for (P24)."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from hosting.inventory import moves
from hosting.inventory.move_moments import check_wanted
from hosting.inventory.move_paces import COPIED
from hosting.inventory.session import in_transaction
from hosting.policy.move_plan import check_within_window
from tasks.records import inventory, now
from tasks.step import reading, run_logger, still_allowed

if TYPE_CHECKING:
    from datetime import datetime

    from tasks.move_records import Move

LOOKS_EVERY_SECONDS = 5.0


@reading
def record_copied(move: Move, since: datetime) -> None:
    """What the copying took since a moment: the next one between these servers begins so much before its window."""
    took = {COPIED: round((now() - since).total_seconds(), 1)}
    in_transaction(inventory(), lambda session: moves.add_evidence(session, move.facts.id, took))


@reading
def read_wanted(move: Move) -> Move:
    """A move as it stands now, which is gone on with.

    Raises:
        MoveGivenUp: it was given up meanwhile.
        MovePutOff: it was put off meanwhile, so far that it is copied anew.
    """
    with inventory().reading() as session:
        return replace(move, facts=check_wanted(session, move.facts.id, now()))


@reading
def wait_until_due(move: Move) -> Move:
    """Nobody is closed before the moment that was agreed on; what changes meanwhile goes over, too.

    The copying began so that it would end in the window: what is waited for is no more than it was quicker. The moment
    may change meanwhile, or the move be given up: the record is looked at all the time.

    Returns:
        The move with the moment that holds.

    Raises:
        WindowPassed: it took too long, and the window is over.
        MoveGivenUp: it was given up meanwhile.
        MovePutOff: it was put off so far that it is copied anew.
        LeaseLost: another run works on the instance.
    """
    allowed, told = still_allowed.get(), None
    while True:
        move = read_wanted.fn(move)
        check_within_window(move.facts.due_until, now())
        left = (move.facts.due_at - now()).total_seconds()
        if left <= 0:
            return move
        if told != move.facts.due_at:
            told = move.facts.due_at
            run_logger().info("%s is copied, and closed at %s.", move.name, f"{told:%Y-%m-%d %H:%M} UTC")
        if allowed:
            allowed()
        time.sleep(min(left, LOOKS_EVERY_SECONDS))
