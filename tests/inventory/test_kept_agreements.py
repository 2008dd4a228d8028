"""What was agreed on is kept in its window, or offered anew; never called off without a word (P24)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import deeds, instances, kept_agreements, moves, offers, servers, work
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.agreements import Answer
from hosting.policy.move_turns import TURN
from hosting.policy.states import MoveState, OfferState, ServerState, WorkState
from hosting.policy.terms import STANDARD
from tests.inventory.words import HOUR, NOW, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from datetime import datetime

    from hosting.inventory.moves import MoveFacts
    from hosting.inventory.offer_rows import OfferFacts


@pytest.fixture
def names(inventory: Inventory) -> list[str]:
    """Three instances of 25 GiB on app1; app2 has room for all."""
    with_servers(inventory, server("app1", 200), server("app2", 100))
    return [opened(inventory, f"A-{number}", NOW) for number in range(3)]


def offered(inventory: Inventory, name: str) -> OfferFacts:
    return in_transaction(
        inventory, lambda session: offers.offer_windows(session, name, "app2", "full", by="olga", now=NOW)
    )


def accepted(inventory: Inventory, offer: OfferFacts) -> MoveFacts:
    opens = offer.windows[0].opens
    done = in_transaction(
        inventory, lambda session: offers.answer_offer(session, offer.id, Answer.ACCEPT, NOW, opens=opens)
    )
    return move_of(inventory, done)


def by_phone(inventory: Inventory, name: str, opens: datetime) -> MoveFacts:
    done = in_transaction(
        inventory,
        lambda session: offers.agree_by_word(session, name, "app2", opens, "phone", by="olga", now=NOW),
    )
    return move_of(inventory, done)


def move_of(inventory: Inventory, offer: OfferFacts) -> MoveFacts:
    with inventory.reading() as session:
        return moves.move_facts(session, offer.move_id or 0)


def later(inventory: Inventory, move: MoveFacts, now: datetime) -> MoveFacts | None:
    return in_transaction(
        inventory, partial(kept_agreements.begin_later, move_id=move.id, why="The target is busy.", now=now)
    )


def anew(inventory: Inventory, move: MoveFacts, now: datetime) -> OfferFacts | None:
    def off(session: object) -> OfferFacts | None:
        moves.record_state(session, move.id, MoveState.CALLED_OFF, now, finding="busy")  # type: ignore[arg-type]
        return kept_agreements.offer_anew(session, move.id, now)  # type: ignore[arg-type]

    return in_transaction(inventory, off)


def test_two_customers_are_offered_different_times_into_one_server(inventory: Inventory, names: list[str]) -> None:
    first, second = (offered(inventory, name) for name in names[:2])
    assert not {one.opens for one in first.windows} & {one.opens for one in second.windows}
    assert second.windows[0].opens == first.windows[0].opens + TURN
    given = accepted(inventory, first), accepted(inventory, second)
    assert given[1].due_at == given[0].due_at + TURN


def test_two_that_were_agreed_on_by_phone_for_one_hour_begin_one_after_the_other(
    inventory: Inventory, names: list[str]
) -> None:
    opens = NOW + timedelta(days=2)
    first, second = (by_phone(inventory, name, opens) for name in names[:2])
    assert (first.due_at, second.due_at) == (opens, opens + TURN)
    assert first.due_until == second.due_until == opens + STANDARD.move_window


def test_a_move_that_can_not_begin_at_its_hour_begins_at_the_next_free_time_in_its_window(
    inventory: Inventory, names: list[str]
) -> None:
    first, second = (accepted(inventory, offered(inventory, name)) for name in names[:2])
    put_off = later(inventory, first, first.due_at)
    assert put_off is not None
    assert (put_off.due_at, put_off.due_until) == (second.due_at + TURN, first.due_until)  # that of the other is taken
    with inventory.reading() as session:
        asked = work.work_of(session, work.MOVE, str(first.id))
        told = [deed.what for deed in deeds.deeds_of(session, instances.subject_of(names[0]))]
    assert asked is not None
    assert (asked.state, asked.due_at) == (WorkState.OPEN, put_off.due_at)
    assert told[-1] == "move begins later"
    assert moves.PUT_OFF not in put_off.evidence  # the window that he was told of still holds: no letter


def test_in_its_window_a_move_is_put_off_only_as_long_as_there_is_time(inventory: Inventory, names: list[str]) -> None:
    move = accepted(inventory, offered(inventory, names[0]))
    assert move.due_until is not None
    begins = [move.due_at]
    while found := later(inventory, move, begins[-1]):
        begins.append(found.due_at)
    assert len(begins) == STANDARD.move_window // TURN
    assert begins[-1] < move.due_until


def test_what_was_not_agreed_on_with_a_window_is_left_to_a_person(inventory: Inventory, names: list[str]) -> None:
    move = in_transaction(
        inventory,
        lambda session: moves.plan_move(session, names[0], "app2", "w", "olga", NOW, without_backup=True, now=NOW),
    )
    assert later(inventory, move, NOW) is None
    assert anew(inventory, move, NOW) is None


def test_where_no_time_is_left_other_times_are_offered_and_after_two_of_those_a_person_sees_to_it(
    inventory: Inventory, names: list[str]
) -> None:
    move = accepted(inventory, offered(inventory, names[0]))
    ends: list[OfferFacts | None] = []
    for _ in range(3):
        made = anew(inventory, move, NOW + HOUR)
        ends.append(made)
        if made is not None:
            assert (made.state, made.target_name) == (OfferState.OFFERED, "app2")
            with inventory.reading() as session:
                assert kept_agreements.is_made_anew(session, made)
            move = accepted(inventory, made)
    assert [made is not None for made in ends] == [True, True, False]


def test_nothing_is_offered_to_a_server_that_takes_nothing_any_more(inventory: Inventory, names: list[str]) -> None:
    move = accepted(inventory, offered(inventory, names[0]))
    in_transaction(
        inventory,
        lambda session: servers.set_server_state(session, "app2", ServerState.DRAINING, by="olga", why="w", now=NOW),
    )
    assert anew(inventory, move, NOW + HOUR) is None
    with inventory.reading() as session:
        assert offers.open_offer(session, names[0]) is None
