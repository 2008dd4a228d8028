"""A large instance is copied while its customer works, before the window in which it is closed (P24)."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from hosting.inventory import kept_agreements, move_moments, moves, offers, work
from hosting.inventory.measurements import MeasuredFacts, record_measured
from hosting.inventory.move_paces import COPIED, ESTIMATED, paces
from hosting.inventory.moves import MovePutOff
from hosting.inventory.ordered_moves import order_move
from hosting.inventory.session import in_transaction
from hosting.policy.agreements import Answer
from hosting.policy.move_turns import TURN, CopiedTooLate
from hosting.policy.quota import Use
from hosting.policy.states import MoveState
from hosting.policy.terms import GIB, STANDARD, TIME_ZONE
from hosting.policy.values import ServerName
from tests.inventory.words import HOUR, NOW, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from hosting.inventory.moves import MoveFacts
    from hosting.inventory.offer_rows import OfferFacts
    from hosting.inventory.session import Inventory

LARGE_GIB = 500
NEEDED = 15 * TURN
"""Two hours and 23 minutes, and half as much again."""

SLACK = 5
"""So many turns of those are not needed if it goes as estimated."""

AHEAD = NEEDED - STANDARD.move_window
AT_NIGHT = NOW + timedelta(days=2, hours=11)
"""22:00 in Berlin."""


@pytest.fixture
def names(inventory: Inventory) -> list[str]:
    """Two large instances on app1; app2 has room for both."""
    with_servers(inventory, server("app1", 2000), server("app2", 2000))
    made = [opened(inventory, f"A-{number}", NOW) for number in range(2)]
    for name in made:
        facts = MeasuredFacts(name, "app1", NOW, Use(0, LARGE_GIB * GIB), 1, 0)
        in_transaction(inventory, partial(record_measured, measured=facts))
    return made


def offered(inventory: Inventory, name: str) -> OfferFacts:
    return in_transaction(
        inventory, lambda session: offers.offer_windows(session, name, "app2", "full", by="olga", now=NOW)
    )


def accepted(inventory: Inventory, offer: OfferFacts, number: int = 0) -> MoveFacts:
    def accept(session: object) -> MoveFacts:
        opens = offer.windows[number].opens
        done = offers.answer_offer(session, offer.id, Answer.ACCEPT, NOW, opens=opens)  # type: ignore[arg-type]
        return moves.move_facts(session, done.move_id or 0)  # type: ignore[arg-type]

    return in_transaction(inventory, accept)


def agreed(inventory: Inventory, name: str, opens: datetime, now: datetime = NOW) -> MoveFacts:
    def agree(session: object) -> MoveFacts:
        done = offers.agree_by_word(session, name, "app2", opens, "phone", by="olga", now=now)  # type: ignore[arg-type]
        return moves.move_facts(session, done.move_id or 0)  # type: ignore[arg-type]

    return in_transaction(inventory, agree)


def due_at(inventory: Inventory, move: MoveFacts) -> datetime:
    with inventory.reading() as session:
        asked = work.work_of(session, work.MOVE, str(move.id))
    assert asked is not None
    return asked.due_at


def test_its_copying_begins_before_the_window_that_was_agreed_on_and_the_window_stays(
    inventory: Inventory, names: list[str]
) -> None:
    offer = offered(inventory, names[0])
    assert offer.windows[0].opens >= NOW + STANDARD.move_notice + AHEAD  # also for who answers on the last day
    move = accepted(inventory, offer)
    assert (move.due_at, move.due_until) == (offer.windows[0].opens, offer.windows[0].closes)
    assert move.copies_from == move.begins == move.due_at - AHEAD
    assert due_at(inventory, move) == move.begins
    too_early = partial(moves.record_state, move_id=move.id, to=MoveState.COPYING, now=move.begins - HOUR)
    with pytest.raises(MovePutOff):
        in_transaction(inventory, too_early)
    begun = in_transaction(
        inventory, partial(moves.record_state, move_id=move.id, to=MoveState.COPYING, now=move.begins)
    )
    assert begun.state is MoveState.COPYING


def test_two_large_ones_are_not_copied_into_one_server_at_once(inventory: Inventory, names: list[str]) -> None:
    first, second = (offered(inventory, name) for name in names)
    copied = [(one.opens - AHEAD, one.closes) for offer in (first, second) for one in offer.windows]
    apart = [abs(one[0] - other[0]) >= NEEDED for one in copied[:4] for other in copied[4:]]
    assert len(apart) == 4 * len(second.windows)
    assert all(apart)


def test_by_phone_and_by_an_operator_it_is_not_wanted_sooner_than_it_is_copied(
    inventory: Inventory, names: list[str]
) -> None:
    with pytest.raises(CopiedTooLate, match=r"may take 3\.8 h.*begins at 2026-11-23 13:00 or later"):
        agreed(inventory, names[0], NOW + HOUR)
    named = datetime(2026, 11, 23, 13, 0, tzinfo=ZoneInfo(TIME_ZONE))
    assert agreed(inventory, names[0], named, NOW + timedelta(minutes=14)).due_at == named  # taken when it was read
    in_transaction(inventory, lambda session: moves.call_off_planned(session, names[0], "w", by="olga", now=NOW))
    order = partial(
        order_move, instance=names[0], target="app2", why="w", by="olga", now=NOW, without_backup=False, because="asked"
    )
    with pytest.raises(CopiedTooLate):
        in_transaction(inventory, partial(order, opens=NOW))
    move = in_transaction(inventory, partial(order, opens=AT_NIGHT))
    assert (move.due_at, move.begins) == (AT_NIGHT, AT_NIGHT - AHEAD)
    assert due_at(inventory, move) == move.begins
    soon = agreed(inventory, names[1], NOW + AHEAD)
    assert (soon.due_at, soon.begins) == (NOW + AHEAD, NOW)


def test_put_off_it_is_copied_so_much_before_the_new_moment(inventory: Inventory, names: list[str]) -> None:
    move = agreed(inventory, names[0], AT_NIGHT)
    later = AT_NIGHT + timedelta(days=1)
    put_off = in_transaction(
        inventory, lambda session: move_moments.postpone(session, names[0], later, "asked", by="olga", now=NOW)
    )
    assert (put_off.due_at, put_off.begins) == (later, later - (move.due_at - move.begins))
    assert due_at(inventory, put_off) == put_off.begins


def test_to_a_sooner_moment_it_is_put_only_if_it_can_be_copied_by_then_and_at_the_size_that_it_has_by_now(
    inventory: Inventory, names: list[str]
) -> None:
    agreed(inventory, names[0], AT_NIGHT)
    sooner = partial(move_moments.postpone, instance=names[0], why="w", by="olga", because="by phone")
    now = AT_NIGHT - AHEAD - HOUR
    with pytest.raises(CopiedTooLate):
        in_transaction(inventory, partial(sooner, due_at=now + AHEAD - TURN, now=now))
    soon = in_transaction(inventory, partial(sooner, due_at=now + AHEAD, now=now))
    assert (soon.begins, due_at(inventory, soon)) == (now, now)
    grown = MeasuredFacts(names[0], "app1", now, Use(0, 2 * LARGE_GIB * GIB), 1, 0)
    in_transaction(inventory, partial(record_measured, measured=grown))
    with pytest.raises(CopiedTooLate):
        in_transaction(inventory, partial(sooner, due_at=AT_NIGHT, now=now))
    later = in_transaction(inventory, partial(sooner, due_at=AT_NIGHT + timedelta(days=1), now=now))
    assert later.due_at - later.begins > AHEAD + NEEDED - 2 * TURN


def test_copied_ahead_it_is_put_off_or_given_up_until_its_moment_has_come(
    inventory: Inventory, names: list[str]
) -> None:
    move = agreed(inventory, names[0], AT_NIGHT)
    in_transaction(inventory, partial(moves.record_state, move_id=move.id, to=MoveState.COPYING, now=move.begins))
    put_off = partial(move_moments.postpone, instance=names[0], why="w", by="olga", because="by phone")
    give_up = partial(move_moments.give_up, instance=names[0], why="no", by="olga")
    for refused in (partial(put_off, due_at=AT_NIGHT + HOUR, now=AT_NIGHT), partial(give_up, now=AT_NIGHT)):
        with pytest.raises(moves.MoveNotPlanned, match="is copying"):
            in_transaction(inventory, refused)
    now = AT_NIGHT - TURN
    wanted = partial(move_moments.check_wanted, move_id=move.id, now=now)
    after = in_transaction(inventory, partial(put_off, due_at=AT_NIGHT + HOUR, now=now))
    assert (after.begins, due_at(inventory, after)) == (move.begins, move.begins)  # what is copied stays
    assert in_transaction(inventory, wanted).due_at == AT_NIGHT + HOUR
    after = in_transaction(inventory, partial(put_off, due_at=AT_NIGHT + timedelta(days=1), now=now))
    assert after.begins == due_at(inventory, after) == AT_NIGHT + timedelta(days=1) - AHEAD
    with pytest.raises(MovePutOff):
        in_transaction(inventory, wanted)
    in_transaction(inventory, partial(give_up, now=now))
    with pytest.raises(moves.MoveGivenUp, match=r"It was given up: no Nothing of it is left\."):
        in_transaction(inventory, wanted)
    with pytest.raises(moves.MoveNotPlanned, match="is given up"):
        in_transaction(inventory, partial(give_up, now=now))


def test_what_can_not_begin_begins_later_only_as_long_as_it_is_copied_in_its_window(
    inventory: Inventory, names: list[str]
) -> None:
    move = agreed(inventory, names[0], AT_NIGHT)
    later = partial(kept_agreements.begin_later, move_id=move.id, why="busy")
    begins = move.begins
    for turns in range(1, SLACK + 1):  # each time somebody is in the way at its moment
        again = in_transaction(inventory, partial(later, now=begins + (turns - 1) * TURN))
        assert again is not None
        assert (again.begins, again.due_at) == (begins + turns * TURN, AT_NIGHT)
        assert due_at(inventory, again) == again.begins
    assert in_transaction(inventory, partial(later, now=begins + SLACK * TURN)) is None
    in_transaction(inventory, lambda session: moves.call_off_planned(session, names[0], "w", by="olga", now=NOW))
    small = MeasuredFacts(names[1], "app1", NOW + HOUR, Use(0, 300 * GIB), 1, 0)  # takes nine turns, ahead of its eight
    in_transaction(inventory, partial(record_measured, measured=small))
    move = agreed(inventory, names[1], AT_NIGHT)
    assert move.begins == AT_NIGHT - TURN
    smaller = MeasuredFacts(names[1], "app1", NOW + 2 * HOUR, Use(0, 200 * GIB), 1, 0)
    in_transaction(inventory, partial(record_measured, measured=smaller))
    later = partial(kept_agreements.begin_later, move_id=move.id, why="busy")
    again = in_transaction(inventory, partial(later, now=move.begins))
    assert again is not None
    assert (again.due_at, again.copies_from) == (AT_NIGHT, None)


def test_the_pace_of_earlier_copies_counts_between_the_same_servers(inventory: Inventory, names: list[str]) -> None:
    move = agreed(inventory, names[0], AT_NIGHT)
    evidence = {ESTIMATED: {"seconds": 2000.0, "stop_seconds": 3.0, "pace": 2.0}, COPIED: 4000.0}

    def copy(session: object) -> None:
        moves.record_state(session, move.id, MoveState.COPYING, move.begins)  # type: ignore[arg-type]
        moves.add_evidence(session, move.id, evidence)  # type: ignore[arg-type]

    in_transaction(inventory, copy)
    with inventory.reading() as session:
        pace = paces(session)
    app1, app2, app3 = (ServerName(name) for name in ("app1", "app2", "app3"))
    assert (pace(app1, app2), pace(app1, app3), pace(app3, app2), pace(app3, app3)) == (4.0, 4.0, 4.0, 1.0)
    slow = agreed(inventory, names[1], AT_NIGHT + timedelta(days=3))
    assert slow.due_at - slow.begins > 3 * AHEAD
