"""Times of moves are spread: whichever each customer chooses, no server has more moves at once than it bears (P24)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosting.policy.agreements import NoWindow, times_to_offer
from hosting.policy.move_plan import Sizes
from hosting.policy.move_turns import TURN, Turn, is_free, next_free, turn
from hosting.policy.terms import STANDARD
from hosting.policy.values import ServerName

NOW = datetime(2026, 11, 26, 17, 30, tzinfo=UTC)
APP1, APP2, APP3 = (ServerName(name) for name in ("app1", "app2", "app3"))
GIB = 2**30
SMALL = Sizes(0, 0, {})
SERVERS = st.sampled_from([APP1, APP2, APP3])
SIZES = st.integers(0, 60).map(lambda gib: Sizes(gib * GIB // 4, gib * GIB, {}))


def most_at_once(turns: list[Turn]) -> int:
    return max((sum(one.begins <= at.begins < one.ends for one in turns) for at in turns), default=0)


def offered(source: ServerName, target: ServerName, sizes: Sizes, held: list[Turn], parallel: int) -> list[Turn]:
    """The times of one more customer beside those that others hold; none, where none is left."""
    try:
        times = times_to_offer(NOW, is_free=lambda at: is_free(turn(source, target, at, sizes), held, parallel))
    except NoWindow:
        return []
    return [turn(source, target, one.opens, sizes) for one in times.windows]


def keeps_limits(turns: list[Turn], parallel: int) -> bool:
    into = all(most_at_once([one for one in turns if one.target == name]) <= 1 for name in (APP1, APP2, APP3))
    out = all(most_at_once([one for one in turns if one.source == name]) <= parallel for name in (APP1, APP2, APP3))
    return into and out


def test_a_move_is_given_whole_turns_and_more_than_it_is_estimated_to_take() -> None:
    assert turn(APP1, APP2, NOW, SMALL).ends == NOW + TURN
    large = turn(APP1, APP2, NOW, Sizes(10 * GIB, 40 * GIB, {}))
    assert large.ends == NOW + 3 * TURN  # about 20 minutes, and half as much again


def test_a_target_takes_one_at_a_time_and_a_source_gives_as_many_as_it_is_let() -> None:
    taken = [Turn(APP1, APP2, NOW, NOW + TURN)]
    assert not is_free(Turn(APP3, APP2, NOW, NOW + TURN), taken, 2)
    assert is_free(Turn(APP3, APP2, NOW + TURN, NOW + 2 * TURN), taken, 2)
    assert is_free(Turn(APP1, APP3, NOW, NOW + TURN), taken, 2)
    assert not is_free(Turn(APP1, APP3, NOW, NOW + TURN), taken, 1)


def test_the_next_free_moment_is_the_first_that_is_nobody_elses() -> None:
    taken = [Turn(APP1, APP2, NOW, NOW + TURN), Turn(APP1, APP2, NOW + TURN, NOW + 2 * TURN)]
    free = partial(next_free, APP1, APP2, SMALL, after=NOW, taken=taken, parallel=2)
    assert free(until=NOW + timedelta(hours=2)) == NOW + 2 * TURN
    assert free(until=NOW + 2 * TURN) is None


def test_two_into_one_target_are_offered_times_one_after_the_other() -> None:
    first = times_to_offer(NOW)
    taken = [turn(APP1, APP2, one.opens, SMALL) for one in first.windows]
    second = times_to_offer(NOW, is_free=lambda at: is_free(turn(APP1, APP2, at, SMALL), taken, 2))
    assert [late.opens - early.opens for early, late in zip(first.windows, second.windows, strict=True)] == [TURN] * 4
    assert all(one.closes - one.opens == STANDARD.move_window for one in second.windows)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(SERVERS, SERVERS, SIZES, st.integers(0, 3)), max_size=14), st.integers(1, 3))
def test_whichever_times_are_chosen_no_server_has_more_at_once_than_it_bears(
    wishes: list[tuple[ServerName, ServerName, Sizes, int]], parallel: int
) -> None:
    held, chosen = list[Turn](), list[Turn]()
    for source, target, sizes, choice in wishes:
        turns = offered(source, target, sizes, held, parallel)
        held += turns
        chosen += turns[choice : choice + 1]
    assert keeps_limits(chosen, parallel)


@pytest.mark.parametrize("customers", [10])
def test_ten_customers_of_one_server_are_asked_within_three_weeks(customers: int) -> None:
    held = list[Turn]()
    for number in range(customers):
        turns = offered(APP1, (APP2, APP3)[number % 2], SMALL, held, 2)
        held += turns
        assert len(turns) == STANDARD.move_windows_offered
    assert max(one.begins for one in held) < NOW + timedelta(weeks=3)
