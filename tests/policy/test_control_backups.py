"""How long the control machine's own backups are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.control_backups import KEPT, droppable, key_at, made_at

NOW = datetime(2026, 11, 26, 10, 17, tzinfo=UTC)


def test_a_name_tells_its_moment_in_utc() -> None:
    assert key_at(NOW.astimezone(ZoneInfo("Europe/Berlin"))) == "control/2026-11-26T101700Z.tar.gz.p7m"
    assert made_at(key_at(NOW)) == NOW
    assert made_at("control/notes.txt") is None


def test_what_is_older_than_two_weeks_goes_and_the_newest_never() -> None:
    days = [key_at(NOW - timedelta(days=day)) for day in (40, 15, 14, 1)]
    assert droppable([*days, "control/notes.txt"], NOW) == days[:2]
    assert droppable([days[0]], NOW) == []
    assert droppable([], NOW) == []


@given(st.lists(st.integers(0, 60 * 24), unique=True))
def test_nothing_young_ever_goes(hours: list[int]) -> None:
    keys = [key_at(NOW - timedelta(hours=hour)) for hour in hours]
    assert set(droppable(keys, NOW)) == {
        key_at(NOW - timedelta(hours=hour)) for hour in hours if timedelta(hours=hour) > KEPT and hour != min(hours)
    }
