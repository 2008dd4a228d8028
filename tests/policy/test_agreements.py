"""What customers are offered before a move: off-peak, after the notice, right on nights on which the clock is set (P24)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.agreements import (
    Due,
    NoWindow,
    Times,
    Window,
    WithoutAnswer,
    due_now,
    is_wholly_off_peak,
    keeps_notice,
    plain_words,
    times_to_offer,
    window_at,
    window_without_answer,
)
from hosting.policy.fresh_backups import is_fresh
from hosting.policy.maintenance import is_off_peak
from hosting.policy.move_plan import is_before_its_time
from hosting.policy.terms import STANDARD, TIME_ZONE

BERLIN = ZoneInfo(TIME_ZONE)
MINUTE = timedelta(minutes=1)
moments = st.datetimes(datetime(2025, 1, 1), datetime(2032, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds the zone


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def shown(times: Times) -> list[str]:
    return [
        f"{one.opens.astimezone(BERLIN):%a %d %b %H:%M} to {one.closes.astimezone(BERLIN):%H:%M}"
        for one in times.windows
    ]


@given(moments)
def test_every_window_is_off_peak_in_each_minute_and_opens_after_the_notice(now: datetime) -> None:
    times = times_to_offer(now)
    assert len(times.windows) == STANDARD.move_windows_offered
    assert list(times.windows) == sorted(set(times.windows), key=lambda one: one.opens)
    for window in times.windows:
        assert window.opens >= now.replace(microsecond=0) + STANDARD.move_notice
        assert window.closes - window.opens == STANDARD.move_window
        minutes = int((window.closes - window.opens) / MINUTE)
        assert all(is_off_peak(window.opens + at * MINUTE) for at in range(minutes))


@given(moments)
def test_whenever_a_customer_answers_every_window_lies_ahead(now: datetime) -> None:
    times = times_to_offer(now)
    assert now < times.remind_at < times.answer_by <= times.windows[0].opens


@given(moments)
def test_the_backup_of_the_night_before_lets_each_window_begin(now: datetime) -> None:
    for window in times_to_offer(now).windows:
        day = window.opens.astimezone(BERLIN).date() - timedelta(days=1)
        backed_up = datetime.combine(day, STANDARD.backup_opens, BERLIN)
        assert is_fresh(backed_up.astimezone(UTC), window.opens)


@pytest.mark.parametrize(("now", "windows"), [
    ("2026-11-26 18:30", ["Tue 01 Dec 22:00 to 00:00", "Wed 02 Dec 22:00 to 00:00", "Thu 03 Dec 22:00 to 00:00",
                          "Sat 05 Dec 10:00 to 12:00"]),
    # the clock is set forward in the night to Sunday, 28 March 2027
    ("2027-03-22 21:59", ["Sat 27 Mar 22:00 to 00:00", "Sun 28 Mar 10:00 to 12:00", "Sun 28 Mar 22:00 to 00:00",
                          "Mon 29 Mar 22:00 to 00:00"]),
    # it is set back on Sunday, 25 October 2026: its evening is 24.5 hours after the last backup, and is left out
    ("2026-10-19 21:59", ["Sat 24 Oct 22:00 to 00:00", "Sun 25 Oct 10:00 to 12:00", "Mon 26 Oct 22:00 to 00:00",
                          "Tue 27 Oct 22:00 to 00:00"]),
])  # fmt: skip
def test_evenings_and_a_day_of_the_weekend_are_offered(now: str, windows: list[str]) -> None:
    assert shown(times_to_offer(berlin(now))) == windows


def test_a_window_over_a_night_of_25_or_23_hours_has_its_two_hours() -> None:
    back = window_at(berlin("2026-10-25 01:30"))
    assert back.closes.astimezone(BERLIN).isoformat() == "2026-10-25T02:30:00+01:00"  # the second half past two
    assert is_wholly_off_peak(back)
    terms = replace(STANDARD, off_peak_opens=time(1, 30), off_peak_days=(), move_notice=timedelta(days=1))
    forward = times_to_offer(berlin("2027-03-26 12:00"), terms).windows[0]
    assert (forward.opens, forward.closes) == (berlin("2027-03-28 01:30"), berlin("2027-03-28 04:30"))


def test_other_times_begin_where_the_customer_wants_them() -> None:
    wanted = berlin("2026-12-24 08:00")
    times = times_to_offer(berlin("2026-11-26 18:30"), not_before=wanted)
    assert times.windows[0].opens == berlin("2026-12-24 22:00")
    sooner = times_to_offer(berlin("2026-11-26 18:30"), not_before=berlin("2026-11-26 22:00"))
    assert sooner == times_to_offer(berlin("2026-11-26 18:30"))  # the notice is kept in any case


def test_a_level_without_whole_off_peak_days_gets_evenings_alone_and_one_without_room_is_told() -> None:
    terms = replace(STANDARD, off_peak_days=(), move_windows_offered=3)
    times = times_to_offer(berlin("2026-11-26 18:30"), terms)
    assert [one.opens.astimezone(BERLIN).hour for one in times.windows] == [22, 22, 22]
    with pytest.raises(NoWindow, match="leave no off-peak time of 2:00:00"):
        times_to_offer(berlin("2026-11-26 18:30"), replace(terms, off_peak_opens=time(23), off_peak_closes=time(0)))


def test_a_holiday_is_offered_by_day_where_a_level_says_so() -> None:
    terms, now = replace(STANDARD, off_peak_on_holidays=True), berlin("2026-12-17 18:30")
    assert shown(times_to_offer(now, terms, state="BE"))[-1] == "Fri 25 Dec 10:00 to 12:00"
    for kept, state in ((terms, None), (STANDARD, "BE")):
        assert shown(times_to_offer(now, kept, state=state))[-1] == "Sat 26 Dec 10:00 to 12:00"
    christmas = window_at(berlin("2026-12-25 10:00"))
    assert is_wholly_off_peak(christmas, terms, "BE")
    assert not is_wholly_off_peak(christmas, terms)
    assert not is_wholly_off_peak(christmas, STANDARD, "BE")


def test_a_window_that_reaches_into_working_hours_is_not_off_peak() -> None:
    assert is_wholly_off_peak(window_at(berlin("2026-12-02 04:00")))
    assert not is_wholly_off_peak(window_at(berlin("2026-12-02 04:01")))


def test_windows_that_the_notice_no_longer_reaches_are_seen() -> None:
    now = berlin("2026-11-26 18:30")
    windows = times_to_offer(now).windows
    assert keeps_notice(windows, now)
    assert not keeps_notice(windows, now + timedelta(hours=4))


@pytest.mark.parametrize(("hours", "due"), [(0, Due.WAIT), (71, Due.WAIT), (72, Due.REMIND), (119, Due.REMIND), (120, Due.CLOSE)])  # fmt: skip
def test_who_does_not_answer_is_reminded_and_then_asked_no_more(hours: int, due: Due) -> None:
    now = berlin("2026-11-26 18:30")
    times = times_to_offer(now)
    assert due_now(times.remind_at, times.answer_by, now + timedelta(hours=hours)) is due


def test_without_an_answer_nothing_moves_unless_that_was_told() -> None:
    now = berlin("2026-12-01 18:30")
    windows = [Window(now - MINUTE, now), Window(now + MINUTE, now + 2 * MINUTE)]
    assert window_without_answer(windows, WithoutAnswer.NOTHING, now) is None
    assert window_without_answer(windows, WithoutAnswer.MOVE, now) == windows[1]
    assert window_without_answer(windows, WithoutAnswer.MOVE, now + 5 * MINUTE) is None


def test_a_run_begins_a_move_at_its_moment_however_the_clocks_differ_by_seconds() -> None:
    due = berlin("2026-12-01 22:00")
    assert is_before_its_time(due, due - 2 * MINUTE)
    assert not is_before_its_time(due, due - timedelta(seconds=59))


def test_a_customers_words_are_shown_in_one_line_and_as_they_are() -> None:
    assert plain_words(" please\r\nafter\tChristmas \u202e!\u200b\x1b[31m ") == "please after Christmas ! [31m"
    assert len(plain_words("ü" * 5000)) == 500
