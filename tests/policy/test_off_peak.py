"""Off-peak is each night, and the weekend as one window; a holiday by itself is not (P15)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.off_peak import is_off_peak, next_off_peak
from hosting.policy.terms import TIME_ZONE

BERLIN = ZoneInfo(TIME_ZONE)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


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
        ("2026-12-25 12:00", False),  # Christmas on a Friday
    ],
)
def test_off_peak_is_what_the_clock_on_the_wall_says(at: str, off_peak: bool) -> None:
    assert is_off_peak(berlin(at)) == off_peak


@given(st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # hypothesis adds the zone
def test_the_next_off_peak_moment_is_the_first_one(at: datetime) -> None:
    found = next_off_peak(at)
    assert is_off_peak(found)
    assert at <= found < at + timedelta(hours=17)
    if found > at:
        assert not is_off_peak(at)
        assert not is_off_peak(found - timedelta(seconds=1))


def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        is_off_peak(datetime(2026, 1, 1))  # noqa: DTZ001  # on purpose
