"""When a move is tried again: within seconds where its customer is kept out, else as what failed allows (P24)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hosting.policy.attempts import AGAIN_AFTER
from hosting.policy.move_attempts import next_try
from hosting.policy.states import MoveState

NOW = datetime(2026, 11, 26, 22, 0, tzinfo=UTC)


def waits(
    state: MoveState, *, closed: bool = False, passes: bool = True, calmer: bool = False, tried: int = 0
) -> float | None:
    found = next_try(state, closed=closed, passes=passes, calmer=calmer, tried=tried, now=NOW)
    return None if found is None else (found - NOW).total_seconds()


@pytest.mark.parametrize("state", [MoveState.FROZEN, MoveState.SWITCHED])
@pytest.mark.parametrize("passes", [True, False])
@pytest.mark.parametrize("tried", [0, 3, 500])
def test_nobody_who_is_kept_out_waits_longer_than_half_a_minute_for_the_next_attempt(
    state: MoveState, passes: bool, tried: int
) -> None:
    assert waits(state, closed=True, passes=passes, tried=tried) == 30


def test_what_has_not_begun_or_was_undone_is_tried_three_times_more() -> None:
    found = [waits(MoveState.PLANNED, tried=tried) for tried in range(4)]
    assert found == [*(one.total_seconds() for one in AGAIN_AFTER), None]


def test_what_would_have_been_closed_for_too_long_waits_for_a_quieter_moment() -> None:
    assert waits(MoveState.PLANNED, calmer=True) == timedelta(minutes=15).total_seconds()


@pytest.mark.parametrize("state", [MoveState.COPYING, MoveState.SWITCHED])
def test_what_is_half_done_is_gone_on_with_however_often(state: MoveState) -> None:
    assert waits(state, tried=500) == timedelta(minutes=15).total_seconds()


@pytest.mark.parametrize("state", [MoveState.PLANNED, MoveState.COPYING, MoveState.SWITCHED])
def test_what_does_not_heal_by_itself_is_for_a_person_where_the_customer_is_served(state: MoveState) -> None:
    assert waits(state, passes=False) is None


@pytest.mark.parametrize("state", [MoveState.CALLED_OFF, MoveState.DONE, MoveState.RETIRED])
def test_what_is_at_its_end_is_not_tried_again(state: MoveState) -> None:
    assert waits(state) is None
