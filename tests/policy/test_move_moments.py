"""An operator's moment for a move: off-peak to the end of its time, no sooner than agreed on, or with his word (P15, P24)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.maintenance import Window, off_peak_windows
from hosting.policy.move_moments import EarlierThanAgreed, NotOffPeak, move_window
from hosting.policy.terms import STANDARD, terms_with

EVENING = datetime(2026, 12, 1, 21, 0, tzinfo=UTC)  # Tuesday, 22:00 in Berlin
HOURS = st.integers(-2000, 2000).map(lambda hours: EVENING + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("opens", "sentence"),
    [
        (EVENING, ""),
        (datetime(2026, 12, 2, 3, 0, tzinfo=UTC), ""),  # to 06:00
        (datetime(2026, 12, 5, 11, 0, tzinfo=UTC), ""),  # Saturday, by day
        (
            EVENING - timedelta(minutes=1),
            "2026-12-01 21:59 is not off-peak, up to the end of its time; 2026-12-01 22:00",
        ),
        (datetime(2026, 12, 2, 4, 0, tzinfo=UTC), "2026-12-02 05:00 is not off-peak, up to the end of its time; "),
        (datetime(2026, 12, 2, 10, 0, tzinfo=UTC), "2026-12-02 11:00 is not off-peak"),
    ],
)
def test_a_moment_is_off_peak_to_the_end_of_its_time_or_needs_a_word(opens: datetime, sentence: str) -> None:
    assert move_window(opens, because="the disk dies").closes == opens + STANDARD.move_window
    if not sentence:
        assert move_window(opens).opens == opens
        return
    for because in ("", "  "):
        with pytest.raises(NotOffPeak, match="or say with --because") as refused:
            move_window(opens, because=because)
        assert str(refused.value).startswith(sentence)


def test_a_level_with_other_hours_has_other_moments() -> None:
    by_day = terms_with({"off_peak_opens": "08:00", "off_peak_closes": "16:00"})
    noon = datetime(2026, 12, 2, 10, 0, tzinfo=UTC)
    assert move_window(noon, by_day).opens == noon
    with pytest.raises(NotOffPeak):
        move_window(EVENING, by_day)


def test_a_holiday_is_off_peak_by_day_where_a_level_says_so() -> None:
    noon, terms = datetime(2026, 12, 25, 11, 0, tzinfo=UTC), terms_with({"off_peak_on_holidays": True})
    assert move_window(noon, terms, state="BE").opens == noon
    for kept, state in ((terms, None), (STANDARD, "BE")):
        with pytest.raises(NotOffPeak):
            move_window(noon, kept, state=state)


def test_sooner_than_agreed_on_needs_a_word_and_later_does_not() -> None:
    agreed = EVENING + timedelta(days=2)
    with pytest.raises(EarlierThanAgreed, match="2026-12-01 22:00 is earlier than 2026-12-03 22:00, which was agreed"):
        move_window(EVENING, agreed=agreed)
    assert move_window(EVENING, agreed=agreed, because="asked for by phone").opens == EVENING
    assert move_window(agreed, agreed=agreed).opens == agreed
    assert move_window(agreed + timedelta(days=1), agreed=agreed).opens == agreed + timedelta(days=1)


@given(opens=HOURS, agreed=st.none() | HOURS)
def test_without_a_word_no_move_is_in_service_hours_or_sooner_than_agreed_on(
    opens: datetime, agreed: datetime | None
) -> None:
    try:
        window = move_window(opens, agreed=agreed)
    except (NotOffPeak, EarlierThanAgreed):
        return
    assert agreed is None or window.opens >= agreed
    assert any(one.opens <= window.opens and window.closes <= one.closes for one in _around(opens))


def _around(opens: datetime) -> list[Window]:
    found = off_peak_windows(opens - timedelta(days=1))
    return [next(found) for _ in range(4)]
