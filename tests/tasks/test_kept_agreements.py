"""A run that can't begin at the agreed hour: later in its window without a word, then other times by letter (P24)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from hosting.errors import StepFailed
from hosting.inventory import cases, moves, offers, work
from hosting.inventory.session import in_transaction
from hosting.policy.agreements import Answer
from hosting.policy.move_plan import MoveForbidden
from hosting.policy.move_turns import TURN
from hosting.policy.states import MoveState, OfferState, WorkState
from tasks.move_agreements import see_to_agreements
from tasks.move_ends import telling_move_failure
from tasks.move_records import read_move
from tests.service.records import opened, provided
from tests.service.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.inventory.moves import MoveFacts
    from hosting.inventory.session import Inventory

NOW = datetime(2026, 11, 26, 17, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BUSY = MoveForbidden("The target takes in another instance's database just now.", "Choose another time.")


@pytest.fixture
def relay() -> Relay:
    return Relay()


@pytest.fixture
def inventory(tmp_path: Path, relay: Relay) -> Iterator[Inventory]:
    with provided(tmp_path, relay_port=relay.port) as inventory:
        yield inventory


@pytest.fixture
def move(inventory: Inventory, relay: Relay) -> MoveFacts:
    """A customer was offered times, and has accepted the first; both letters are sent."""
    name = opened(inventory, "A-1", NOW - timedelta(days=30))
    offer = in_transaction(
        inventory, lambda session: offers.offer_windows(session, name, "app2", "full", by="olga", now=NOW)
    )
    with relay.up():
        letters_at(NOW + MINUTE)
        done = in_transaction(
            inventory,
            lambda session: offers.answer_offer(
                session, offer.id, Answer.ACCEPT, NOW + 2 * MINUTE, opens=offer.windows[0].opens
            ),
        )
        letters_at(NOW + 3 * MINUTE)
    relay.letters.clear()
    return facts(inventory, done.move_id or 0)


def letters_at(moment: datetime) -> int:
    with time_machine.travel(moment, tick=False):
        return see_to_agreements.fn()


def facts(inventory: Inventory, number: int) -> MoveFacts:
    with inventory.reading() as session:
        return moves.move_facts(session, number)


def fails(number: int, at: datetime, error: Exception) -> None:
    """A run of the move comes to nothing at a moment, before anything was begun."""
    with time_machine.travel(at, tick=False), pytest.raises(type(error)), telling_move_failure(read_move.fn(number)):
        raise error


def open_cases(inventory: Inventory) -> list[str]:
    with inventory.reading() as session:
        return [case.summary for case in cases.open_cases(session)]


def test_a_busy_target_puts_it_off_inside_the_window_and_nobody_is_written_to(
    inventory: Inventory, move: MoveFacts, relay: Relay
) -> None:
    fails(move.id, move.due_at, BUSY)
    later = facts(inventory, move.id)
    assert (later.state, later.due_at, later.due_until) == (MoveState.PLANNED, move.due_at + TURN, move.due_until)
    with inventory.reading() as session:
        asked = work.work_of(session, work.MOVE, str(move.id))
    assert asked is not None
    assert (asked.state, asked.due_at) == (WorkState.OPEN, later.due_at)
    with relay.up():
        assert letters_at(later.due_at) == 0
    assert open_cases(inventory) == []


def test_once_the_window_is_over_other_times_are_offered_by_a_letter_that_says_so(
    inventory: Inventory, move: MoveFacts, relay: Relay
) -> None:
    assert move.due_until is not None
    fails(move.id, move.due_until + MINUTE, BUSY)
    assert facts(inventory, move.id).state is MoveState.CALLED_OFF
    [case] = open_cases(inventory)
    assert case.endswith("Its customer is offered other times (offer 2).")
    with relay.up():
        assert [letters_at(move.due_until + MINUTE * at) for at in (2, 3)] == [1, 0]  # none says that nothing moves
    assert "konnten wir leider nicht einhalten" in relay.text()
    with inventory.reading() as session:
        offer = offers.open_offer(session, move.instance_name)
    assert offer is not None
    assert (offer.id, offer.state) == (2, OfferState.OFFERED)
    assert offer.windows[0].opens > move.due_until


def test_what_does_not_pass_by_itself_is_told_to_customer_and_operator_as_before(
    inventory: Inventory, move: MoveFacts, relay: Relay
) -> None:
    fails(move.id, move.due_at, StepFailed("The disk is ill.", "Look at it."))
    assert facts(inventory, move.id).state is MoveState.CALLED_OFF
    assert len(open_cases(inventory)) == 1
    with relay.up():
        assert letters_at(move.due_at + MINUTE) == 1
    with inventory.reading() as session:
        assert offers.open_offer(session, move.instance_name) is None
