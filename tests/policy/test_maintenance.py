"""Off-peak is each night, and the weekend as one window, once, also where the clock is changed (P15, P16)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.errors import Refused
from hosting.policy.business_hours import public_holidays
from hosting.policy.maintenance import (
    MARGIN,
    PAST_RUNS,
    NeverFits,
    OutsideWindow,
    ReasonMissing,
    Window,
    check_may_begin,
    common_windows,
    expected_duration,
    is_off_peak,
    next_off_peak,
    next_window,
    off_peak_windows,
)
from hosting.policy.terms import STANDARD, TIME_ZONE

BERLIN = ZoneInfo(TIME_ZONE)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NIGHTS = replace(STANDARD, off_peak_days=())
HOLIDAYS = replace(STANDARD, off_peak_on_holidays=True)
CHANGES = [date(2026, 3, 29), date(2026, 10, 25), date(2027, 3, 28), date(2027, 10, 31), date(2028, 3, 26),
           date(2028, 10, 29), date(2029, 3, 25), date(2029, 10, 28), date(2030, 3, 31), date(2030, 10, 27)]  # fmt: skip
moments = st.datetimes(datetime(2026, 1, 1), datetime(2031, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds the zone
STATES = (None, "BE", "BY")
holidays = st.builds(
    lambda day, hours: datetime.combine(day, time(0), BERLIN).astimezone(UTC) + hours * HOUR,
    st.sampled_from(
        sorted(day for year in range(2026, 2031) for state in ("BE", "BY") for day in public_holidays(state, year))
    ),
    st.integers(-30, 54),
)
"""Moments around public holidays."""
times = st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30, 45)))
lengths = st.integers(1, 7 * 60).map(lambda minutes: minutes * MINUTE)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def shown(window: Window) -> str:
    """A window as the wall clock shows it, with its length."""
    opens, closes = window.opens.astimezone(BERLIN), window.closes.astimezone(BERLIN)
    return f"{opens:%a %d %b %H:%M %Z} to {closes:%a %H:%M %Z}, {window.lasts / HOUR:g} h"


@pytest.mark.parametrize(
    ("at", "off_peak"),
    [
        ("2026-12-01 21:59", False),  # a Tuesday
        ("2026-12-01 22:00", True),
        ("2026-12-02 05:59", True),
        ("2026-12-02 06:00", False),
        ("2026-12-04 21:59", False),  # a Friday
        ("2026-12-04 22:00", True),
        ("2026-12-05 12:00", True),
        ("2026-12-06 12:00", True),
        ("2026-12-07 05:59", True),
        ("2026-12-07 06:00", False),
        ("2026-12-25 12:00", False),  # Christmas on a Friday: a public holiday by itself is not
    ],
)
def test_off_peak_is_what_the_clock_on_the_wall_says(at: str, off_peak: bool) -> None:
    assert is_off_peak(berlin(at)) == off_peak


@pytest.mark.parametrize(("after", "windows"), [
    # an ordinary week: four nights, and the weekend as one
    ("2026-12-01 12:00", ["Tue 01 Dec 22:00 CET to Wed 06:00 CET, 8 h", "Wed 02 Dec 22:00 CET to Thu 06:00 CET, 8 h",
                          "Thu 03 Dec 22:00 CET to Fri 06:00 CET, 8 h", "Fri 04 Dec 22:00 CET to Mon 06:00 CET, 56 h",
                          "Mon 07 Dec 22:00 CET to Tue 06:00 CET, 8 h"]),
    # a moment inside of a window: that window is the first
    ("2026-12-02 01:00", ["Tue 01 Dec 22:00 CET to Wed 06:00 CET, 8 h"]),
    # the weekend that has an hour less, and the one that has an hour more
    ("2027-03-26 12:00", ["Fri 26 Mar 22:00 CET to Mon 06:00 CEST, 55 h"]),
    ("2026-10-23 12:00", ["Fri 23 Oct 22:00 CEST to Mon 06:00 CET, 57 h"]),
])  # fmt: skip
def test_each_night_is_a_window_and_the_weekend_is_one(after: str, windows: list[str]) -> None:
    assert [shown(window) for window, _ in zip(off_peak_windows(berlin(after)), windows, strict=False)] == windows


@pytest.mark.parametrize(("opens", "closes", "spring", "autumn"), [
    ("22:00", "06:00", "Sat 27 Mar 22:00 CET to Sun 06:00 CEST, 7 h", "Sat 24 Oct 22:00 CEST to Sun 06:00 CET, 9 h"),
    ("23:00", "02:30", "Sat 27 Mar 23:00 CET to Sun 03:30 CEST, 3.5 h", "Sat 24 Oct 23:00 CEST to Sun 02:30 CEST, 3.5 h"),
    ("02:00", "03:00", "Sun 28 Mar 03:00 CEST to Sun 04:00 CEST, 1 h", "Sun 25 Oct 02:00 CEST to Sun 03:00 CET, 2 h"),
    ("02:30", "04:30", "Sun 28 Mar 03:30 CEST to Sun 04:30 CEST, 1 h", "Sun 25 Oct 02:30 CEST to Sun 04:30 CET, 3 h"),
    ("02:15", "02:45", "Sun 28 Mar 03:15 CEST to Sun 03:45 CEST, 0.5 h", "Sun 25 Oct 02:15 CEST to Sun 02:45 CEST, 0.5 h"),
    ("00:00", "05:00", "Sun 28 Mar 00:00 CET to Sun 05:00 CEST, 4 h", "Sun 25 Oct 00:00 CEST to Sun 05:00 CET, 6 h"),
])  # fmt: skip
def test_the_nights_in_which_the_clock_is_changed(opens: str, closes: str, spring: str, autumn: str) -> None:
    terms = replace(NIGHTS, off_peak_opens=time.fromisoformat(opens), off_peak_closes=time.fromisoformat(closes))
    assert shown(next(off_peak_windows(berlin("2027-03-27 12:00"), terms))) == spring
    assert shown(next(off_peak_windows(berlin("2026-10-24 12:00"), terms))) == autumn


@given(st.sampled_from(CHANGES), times, times)
def test_each_night_has_its_window_once_also_where_the_clock_is_changed(
    change: date, opens: time, closes: time
) -> None:
    terms = replace(NIGHTS, off_peak_opens=opens, off_peak_closes=closes)
    first = datetime.combine(change - 3 * DAY, time(12), BERLIN)
    found = [window for window in off_peak_windows(first, terms) if window.opens < (first + 6 * DAY).astimezone(UTC)]
    for one, following in pairwise(found):
        assert one.opens < one.closes < following.opens
    nights = [datetime.combine(change + ahead * DAY, opens, BERLIN).astimezone(UTC) for ahead in range(-2, 3)]
    for night in nights:
        assert sum(window.holds(night) for window in found) == 1
    if opens < closes:
        assert {night for night in nights if any(window.opens == night for window in found)} == set(nights)


@given(moments)
def test_the_next_off_peak_moment_is_the_first_one(at: datetime) -> None:
    found = next_off_peak(at)
    assert is_off_peak(found)
    assert at <= found < at + timedelta(hours=17)
    if found > at:
        assert not is_off_peak(at)
        assert not is_off_peak(found - timedelta(seconds=1))


@given(moments, lengths)
def test_the_next_window_is_off_peak_to_its_end_and_none_before_it_has_room(after: datetime, lasts: timedelta) -> None:
    found = next_window(after, lasts)
    assert found.opens >= after
    assert found.lasts >= lasts
    assert all(is_off_peak(found.opens + part * lasts / 8) for part in range(8))
    for earlier in off_peak_windows(after):
        if earlier.closes >= found.closes:
            break
        assert earlier.closes - max(earlier.opens, after) < lasts


@given(moments, lengths, times, times)
def test_work_for_many_fits_the_hours_of_each_of_them(
    after: datetime, lasts: timedelta, opens: time, closes: time
) -> None:
    levels = (STANDARD, replace(NIGHTS, off_peak_opens=opens, off_peak_closes=closes))
    try:
        found = next_window(after, lasts, levels)
    except NeverFits:
        return
    for terms in levels:
        assert any(one.opens <= found.opens and found.closes <= one.closes for one in off_peak_windows(after, terms))


def test_what_begins_now_ends_off_peak_or_is_not_begun() -> None:
    evening = berlin("2026-12-01 23:00")
    assert shown(check_may_begin(evening, 7 * HOUR)) == "Tue 01 Dec 23:00 CET to Wed 06:00 CET, 7 h"
    with pytest.raises(OutsideWindow, match=r"Work of 421 min would not end off-peak.* from 2026-12-02 22:00 CET on"):
        check_may_begin(evening, 7 * HOUR + MINUTE)
    with pytest.raises(OutsideWindow, match="from 2026-12-01 22:00 CET on"):
        check_may_begin(berlin("2026-12-01 10:00"), MINUTE)
    with pytest.raises(NeverFits, match=r"room for work of 3361 min"):
        check_may_begin(evening, 56 * HOUR + MINUTE)


def test_urgent_work_leaves_the_window_for_a_reason_alone() -> None:
    noon = berlin("2026-12-01 12:00")
    window = check_may_begin(noon, HOUR, urgent="a hole that is used")
    assert (window.opens, window.lasts) == (noon, HOUR)
    for nothing in ("", "  "):
        with pytest.raises(ReasonMissing):
            check_may_begin(noon, HOUR, urgent=nothing)


def test_holidays_are_off_peak_where_a_level_says_so() -> None:
    christmas = berlin("2026-12-25 12:00")  # a Friday
    assert not is_off_peak(christmas, STANDARD, "BE")
    assert not is_off_peak(christmas, HOLIDAYS)  # no state's holidays are kept
    assert shown(next(off_peak_windows(christmas, HOLIDAYS, "BE"))) == "Thu 24 Dec 22:00 CET to Mon 06:00 CET, 80 h"


@given(moments | holidays, st.sampled_from(STATES))
def test_off_peak_is_the_night_the_weekend_and_the_states_holidays_and_nothing_else(
    at: datetime, state: str | None
) -> None:
    wall = at.astimezone(BERLIN)
    usual = not time(6) <= wall.time() < time(22) or wall.weekday() in {5, 6}
    kept = state is not None and wall.date() in public_holidays(state, wall.year)
    assert is_off_peak(at, HOLIDAYS, state) is (usual or kept)
    assert is_off_peak(at, STANDARD, state) is usual


@given(moments | holidays, lengths, st.sampled_from(STATES))
def test_with_holidays_too_windows_are_apart_and_the_first_with_room_is_taken(
    after: datetime, lasts: timedelta, state: str | None
) -> None:
    found = next_window(after, lasts, (HOLIDAYS,), state)
    assert found.opens <= next_window(after, lasts).opens  # a holiday makes nobody wait longer
    assert all(is_off_peak(found.opens + part * lasts / 8, HOLIDAYS, state) for part in range(8))
    windows = list(islice(off_peak_windows(after, HOLIDAYS, state), 20))
    assert all(one.opens < one.closes < following.opens for one, following in pairwise(windows))
    first = next(one for one in windows if one.closes - max(one.opens, after) >= lasts)
    assert found == Window(max(first.opens, after), first.closes)


def test_hours_without_a_break_are_one_window() -> None:
    always = replace(STANDARD, off_peak_opens=time(0), off_peak_closes=time(0))
    [window] = off_peak_windows(berlin("2026-12-01 12:00"), always)
    assert window.lasts > 60 * DAY
    both = common_windows(berlin("2026-12-01 12:00"), {always, NIGHTS})
    assert list(both)[:60] == list(off_peak_windows(berlin("2026-12-01 12:00"), NIGHTS))[:60]


@given(st.lists(lengths, max_size=30))
def test_work_is_judged_by_its_own_history(past: list[timedelta]) -> None:
    found = expected_duration(past, 20 * MINUTE)
    if not past:
        assert found == 20 * MINUTE
    assert all(found >= one * MARGIN for one in past[-PAST_RUNS:])


@given(st.sampled_from(CHANGES), st.integers(-48 * 60, 48 * 60), st.lists(lengths, min_size=1, max_size=30))
def test_what_takes_no_longer_than_ever_ends_off_peak_also_where_the_clock_is_changed(
    change: date, minutes: int, past: list[timedelta]
) -> None:
    now = datetime.combine(change, time(0), BERLIN).astimezone(UTC) + minutes * MINUTE
    lasts = expected_duration(past, HOUR)
    left = next(off_peak_windows(now, NIGHTS))
    fits = left.holds(now) and now + lasts <= left.closes
    try:
        window = check_may_begin(now, lasts, (NIGHTS,))
    except OutsideWindow as refused:
        later = refused.following.opens
        assert not fits
        assert check_may_begin(later, lasts, (NIGHTS,)).lasts >= lasts
    except NeverFits:
        assert not fits
        assert lasts > 8 * HOUR  # one night a year has nine
    else:
        assert fits
        assert window == Window(now, left.closes)
        assert all(is_off_peak(now + part * max(past[-PAST_RUNS:]) / 8, NIGHTS) for part in range(9))


def test_a_naive_moment_and_no_level_are_refused() -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001  # on purpose
    for ask in (is_off_peak, next_off_peak):
        with pytest.raises(ValueError, match="without a zone"):
            ask(naive)
    with pytest.raises(ValueError, match="no service level"):
        next_window(berlin("2026-12-01 12:00"), HOUR, ())
    assert issubclass(NeverFits, Refused)
