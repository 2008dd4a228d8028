"""The day on which a pool is full: told from weeks of use, not turned by one odd night, and not told where it is a guess."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.storage_forecast import HORIZON, Sample, by_day, full_at, growth
from hosting.policy.terms import GIB

NOW = datetime(2026, 6, 1, 1, 30, tzinfo=UTC)
DAY = timedelta(days=1)
MIB = 2**20


def nights(first: int, a_day: int, count: int = 20, changes: dict[int, int] | None = None) -> list[Sample]:
    """One sample a night up to now, the oldest first; `changes` puts others in by their place."""
    used = [first + a_day * number for number in range(count)]
    for place, other in (changes or {}).items():
        used[place] = other
    return [Sample(NOW - (count - 1 - number) * DAY, one) for number, one in enumerate(used)]


def test_steady_growth_is_full_on_the_day_that_it_reaches() -> None:
    full = full_at(nights(GIB, 100 * MIB), 5 * GIB, NOW)
    assert full is not None
    left = 5 * GIB - (GIB + 19 * 100 * MIB)
    assert abs(full - (NOW + left / (100 * MIB) * DAY)) < timedelta(minutes=1)


def test_one_night_with_an_import_or_a_wrong_figure_does_not_turn_it() -> None:
    plain = full_at(nights(GIB, 50 * MIB), 10 * GIB, NOW)
    odd = full_at(nights(GIB, 50 * MIB, changes={9: 4 * GIB}), 10 * GIB, NOW)
    assert plain is not None
    assert odd is not None
    assert abs(plain - odd) < 7 * DAY


@pytest.mark.parametrize(
    "history",
    [
        [],
        nights(GIB, 10 * MIB, 4),
        nights(GIB, 0),
        nights(3 * GIB, -10 * MIB),
        nights(GIB, MIB // 100),
    ],
    ids=["nothing known", "four nights", "no growth", "shrinking", "in a hundred years"],
)
def test_what_can_not_be_told_is_not_told(history: list[Sample]) -> None:
    assert full_at(history, 5 * GIB, NOW) is None


def test_what_is_full_already_is_full_now() -> None:
    assert full_at([Sample(NOW - DAY, 5 * GIB)], 5 * GIB, NOW) == NOW
    assert full_at(nights(6 * GIB, -MIB), 5 * GIB, NOW) == NOW


def test_of_a_day_with_many_samples_the_last_one_counts() -> None:
    day = [Sample(NOW + timedelta(hours=hour), hour) for hour in (3, 1, 2)]
    assert by_day(day) == [Sample(NOW + timedelta(hours=3), 3)]


def test_what_lies_two_months_back_is_not_looked_at() -> None:
    old = [Sample(NOW - (80 - number) * DAY, GIB * number) for number in range(10)]
    line = growth([*old, *nights(GIB, 0)], NOW)
    assert line is not None
    assert line.bytes_a_day == 0


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 600 * GIB)), max_size=30), st.integers(0, 500))
def test_a_forecast_is_never_in_the_past_and_never_beyond_the_horizon(uses: list[tuple[int, int]], room: int) -> None:
    full = full_at([Sample(NOW - ago * DAY, used) for ago, used in uses], room * GIB, NOW)
    assert full is None or NOW <= full <= NOW + HORIZON
