"""A large instance is copied before its window opens, as early as its size and what was seen lately ask (P24)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.maintenance import Window
from hosting.policy.move_pace import PACE_MOST, Copied, pace_of
from hosting.policy.move_plan import Obstacles, Sizes, objections, plan
from hosting.policy.move_turns import MARGIN, TURN, begins_for, time_for
from hosting.policy.terms import GIB, STANDARD
from tests.policy.test_move_plan import INSTANCE, NOW, SOURCE, TARGET

OPENS = datetime(2026, 12, 1, 21, 0, tzinfo=UTC)
WINDOW = Window(OPENS, OPENS + STANDARD.move_window)
HOUR = timedelta(hours=1)
FREE = {"/srv": 1000 * GIB, "/var/lib/mysql": 1000 * GIB}


def sized(gib: int) -> Sizes:
    return Sizes(0, gib * GIB, FREE)


@pytest.mark.parametrize(
    ("gib", "pace", "ahead"),
    [
        (1, 1.0, timedelta(0)),
        (200, 1.0, timedelta(0)),  # about an hour, and half as much again: that fits the window
        (500, 1.0, 7 * TURN),  # two hours and 23 minutes, and half as much again: 3 h 45 min
        (200, 2.0, 4 * TURN),  # where copies took twice as long as is usual
    ],
)
def test_a_move_begins_as_its_window_opens_or_so_much_before_that_it_ends_in_it(
    gib: int, pace: float, ahead: timedelta
) -> None:
    assert WINDOW.opens - begins_for(WINDOW, time_for(sized(gib), pace)) == ahead


@given(st.integers(0, 5000), st.floats(1.0, 20.0), st.integers(1, 48))
def test_whatever_is_copied_has_its_time_and_nobody_begins_earlier_than_he_has_to(
    gib: int, pace: float, hours: int
) -> None:
    window, needed = Window(OPENS, OPENS + hours * HOUR), time_for(sized(gib), pace)
    begins = begins_for(window, needed)
    assert begins + needed <= window.closes or begins == window.opens - max(timedelta(0), needed - hours * HOUR)
    assert begins <= window.opens
    assert begins == window.opens or begins + needed == window.closes
    assert needed >= timedelta(seconds=plan(sized(gib), replicating=False, pace=pace).seconds * MARGIN)


@pytest.mark.parametrize(
    ("copies", "pace"),
    [
        ([], 1.0),
        ([Copied(1000, 400)], 1.0),  # quicker once is no promise
        ([Copied(1000, 1500), Copied(1000, 3000), Copied(1000, 900)], 3.0),
        ([Copied(30, 120)], 1.0),  # of a small one only the beginning was slow
        ([Copied(32, 640)], 1.0),  # nor of a hiccup in one, whatever it took
        ([Copied(299, 5000)], 1.0),
        ([Copied(1000, 19800)], PACE_MOST),
        ([Copied(1000, 1100)] * 5 + [Copied(1000, 9000)], 1.1),  # that was long ago
    ],
)
def test_the_pace_is_that_of_the_slowest_of_the_last_long_copies(copies: list[Copied], pace: float) -> None:
    assert pace_of(copies) == pytest.approx(pace)


@pytest.mark.parametrize(("hours", "pace", "objected"), [(3, 1.0, False), (2, 1.0, True), (3, PACE_MOST, False)])
def test_what_can_not_be_copied_before_its_window_is_over_is_not_begun(
    hours: int, pace: float, *, objected: bool
) -> None:
    until = NOW + hours * HOUR  # 500 GiB take two hours and 23 minutes
    found = Obstacles(without_backup=True, until=until, pace=pace)
    said = objections(INSTANCE, SOURCE, TARGET, sizes=sized(500), found=found, now=NOW)
    assert [one.startswith("It takes about ") and f"{until:%Y-%m-%d %H:%M} UTC" in one for one in said] == (
        [True] if objected else []
    )
