"""Service levels: what counts on which day, what is better for whom, what can be agreed (P40)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.errors import Refused
from hosting.policy.level_consequences import backups_a_day, consequences
from hosting.policy.service_levels import (
    Agreement,
    CannotBeAgreed,
    LevelCannotBeKept,
    agreement_on,
    changes,
    check_agreement,
    check_call_off,
    check_level,
    check_overrides,
    is_better,
    level_on,
    worsened,
)
from hosting.policy.terms import SERVICE_WIDE, STANDARD, WITH_THE_ORDER, Terms, terms_with
from hosting.policy.values import InstanceName, PointFacts, PointKind, ReleaseId, ServerName

HOUR = timedelta(hours=1)
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
TODAY = date(2026, 12, 1)
GOLD = terms_with({"backup_every": 4, "availability_percent": 99.9, "update_notice": "7d"})


def agreed(number: int, level: str | None, day: date, *, off: bool = False) -> Agreement:
    return Agreement(number, 1, level, day, "olga", AT, "mail of today", AT if off else None)


def test_until_an_agreements_day_the_level_of_the_order_counts() -> None:
    known = [agreed(1, "gold", date(2027, 1, 1))]
    assert level_on("silver", known, date(2026, 12, 31)) == "silver"
    assert level_on("silver", known, date(2027, 1, 1)) == "gold"
    assert level_on(None, [], TODAY) is None


def test_of_two_agreements_the_later_day_counts_and_of_one_day_the_later_word() -> None:
    known = [agreed(3, "bronze", date(2027, 1, 1)), agreed(1, "gold", date(2027, 3, 1)), agreed(2, None, TODAY)]
    known.append(agreed(4, "silver", date(2027, 1, 1)))
    assert [level_on("x", known, date(2027, month, 1)) for month in (1, 2, 3)] == ["silver", "silver", "gold"]
    assert level_on("x", known, TODAY) is None


def test_what_was_called_off_never_counts() -> None:
    known = [agreed(1, "gold", TODAY, off=True)]
    assert level_on("silver", known, date(2030, 1, 1)) == "silver"
    assert agreement_on(known, date(2030, 1, 1)) is None


@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.dates(TODAY, date(2027, 6, 1)), st.booleans())))
def test_what_counts_on_a_day_never_hangs_on_what_begins_later(rows: list[tuple[str | None, date, bool]]) -> None:
    known = [agreed(number, *row[:2], off=row[2]) for number, row in enumerate(rows)]
    for day in {one.from_day for one in known}:
        begun = [one for one in known if one.from_day <= day]
        assert level_on("first", known, day) == level_on("first", begun, day)


def test_each_changed_term_is_told_with_what_it_was_and_whether_that_suits_the_customer() -> None:
    found = {one.term: (one.before, one.after, one.better) for one in changes(STANDARD, GOLD)}
    assert found == {
        "backup_every": (24 * HOUR, 4 * HOUR, True),
        "availability_percent": (99.6, 99.9, True),
        "update_notice": (72 * HOUR, 168 * HOUR, True),
    }


@pytest.mark.parametrize(
    ("term", "before", "after", "better"),
    [
        ("setup_closes", time(19), time(0), True),  # the end of the day
        ("setup_closes", time(0), time(22), False),
        ("setup_closes", time(18), time(19), True),
        ("setup_opens", time(10), time(8), True),
        ("setup_weekdays", (0, 1, 2), (0, 1, 2, 5), True),
        ("setup_weekdays", (0, 1, 2), (0, 1, 5), False),
        ("setup_on_holidays", False, True, True),
        ("backup_weeks_kept", 5, 4, False),
        ("off_peak_opens", time(22), time(23), None),
    ],
)
def test_what_is_better_is_told_by_the_terms_own_sense(
    term: str, before: object, after: object, better: object
) -> None:
    assert is_better(term, before, after) is better


def test_a_term_of_which_nobody_can_say_what_suits_counts_as_made_worse() -> None:
    after = replace(GOLD, backup_every=HOUR, off_peak_opens=time(23), backup_weeks_kept=4)
    assert [one.term for one in worsened(GOLD, after)] == ["backup_weeks_kept", "off_peak_opens"]
    assert worsened(STANDARD, GOLD) == []


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"availability_percent": 101}, "101.0 % is no availability"),
        ({"availability_percent": 0}, "0.0 % is no availability"),
        ({"probe_every": "5s"}, "Probes every 5 s can't be kept"),
        ({"probe_every": 2}, "Probes every 7200 s can't be kept"),
        ({"setup_weekdays": []}, "no weekday for setup"),
        ({"backup_weeks_kept": 4}, "Backups kept for 4 weeks would be dropped while the store still locks them"),
        ({"moved_kept_days": -1}, "Less than nothing is set for moved_kept_days"),
        ({"backup_every": "30min"}, "Backups every 0.5 h follow too fast"),
    ],
)
def test_numbers_that_can_not_be_kept_are_refused(overrides: dict[str, object], said: str) -> None:
    with pytest.raises(Refused, match=said):
        check_level("gold", terms_with(overrides))


def test_no_level_is_called_as_the_standard_one_or_sets_what_counts_for_all() -> None:
    with pytest.raises(LevelCannotBeKept, match="is the service description itself"):
        check_level(" Standard", STANDARD)
    with pytest.raises(LevelCannotBeKept, match="For the service as a whole count: name_least, room_ahead_days"):
        check_overrides(["room_ahead_days", "backup_every", "name_least"])
    check_overrides(["backup_every", *WITH_THE_ORDER])
    assert {*SERVICE_WIDE, *WITH_THE_ORDER} <= set(Terms.__dataclass_fields__)


@pytest.mark.parametrize(
    ("raw", "seconds"), [(4, 14400), (0.5, 1800), ("30s", 30), ("15 min", 900), ("7d", 604800), ("2h", 7200)]
)
def test_a_duration_may_name_its_unit(raw: object, seconds: int) -> None:
    assert terms_with({"update_notice": raw}).update_notice == timedelta(seconds=seconds)


@pytest.mark.parametrize("raw", ["soon", "", "-1", "3 weeks", True, None])
def test_what_is_no_duration_is_refused(raw: object) -> None:
    with pytest.raises(Refused, match="is not of the kind of"):
        terms_with({"update_notice": raw})


def test_nothing_is_agreed_for_a_day_that_is_over_or_that_has_an_agreement() -> None:
    with pytest.raises(CannotBeAgreed, match="is over: by then the contract was kept by its old terms"):
        check_agreement([], date(2026, 11, 30), TODAY, STANDARD, GOLD)
    later = [agreed(7, "silver", date(2027, 1, 1))]
    with pytest.raises(CannotBeAgreed, match="Agreement 7 stands for the 2027-01-01 already: silver"):
        check_agreement(later, date(2027, 1, 1), TODAY, STANDARD, GOLD)
    check_agreement([replace(later[0], called_off_at=AT)], date(2027, 1, 1), TODAY, STANDARD, GOLD)
    check_agreement([agreed(7, "silver", TODAY)], TODAY, TODAY, STANDARD, GOLD)  # a slip is put right the same day


def test_what_changes_nothing_or_counts_bookings_otherwise_is_not_agreed() -> None:
    with pytest.raises(CannotBeAgreed, match="nothing would change"):
        check_agreement([], TODAY, TODAY, GOLD, GOLD)
    with pytest.raises(CannotBeAgreed, match="would be counted otherwise: storage_step_gib"):
        check_agreement([], TODAY, TODAY, STANDARD, replace(GOLD, storage_step_gib=1))


def test_what_gets_worse_begins_tomorrow_at_the_earliest() -> None:
    with pytest.raises(CannotBeAgreed, match="has begun by the better terms"):
        check_agreement([], TODAY, TODAY, GOLD, STANDARD)
    check_agreement([], TODAY + timedelta(days=1), TODAY, GOLD, STANDARD)
    check_agreement([], TODAY, TODAY, STANDARD, GOLD)


def test_what_counts_already_is_not_called_off() -> None:
    check_call_off(agreed(1, "gold", date(2026, 12, 2)), TODAY)
    with pytest.raises(CannotBeAgreed, match="counts since the 2026-12-01"):
        check_call_off(agreed(1, "gold", TODAY), TODAY)


def point(kind: PointKind, size: int) -> PointFacts:
    place = InstanceName("a"), "g", ServerName("app1")
    return PointFacts("", *place, kind, AT, ReleaseId(""), {}, "", "", bytes_added=size)


def test_the_consequences_of_more_frequent_backups_are_told_in_points_and_room() -> None:
    at = datetime(2026, 12, 1, 11, 0, tzinfo=UTC)  # noon in Berlin
    points = [point(PointKind.FULL, 1000), point(PointKind.INCREMENTAL, 10), point(PointKind.INCREMENTAL, 30)]
    before, after = (consequences(terms, at, points, "BE") for terms in (STANDARD, GOLD))
    assert (before.backups_a_day, after.backups_a_day) == (1, 6)
    assert (before.points_kept, after.points_kept) == (6 * 7, 6 * 42)
    assert (before.backup_bytes, after.backup_bytes) == (6 * (1000 + 6 * 20), 6 * (1000 + 41 * 20))
    assert before.next_backup == datetime(2026, 12, 1, 21, 30, tzinfo=UTC)
    assert after.next_backup == datetime(2026, 12, 1, 13, 30, tzinfo=UTC)
    assert before.update is not None
    assert after.update is not None
    assert before.update.opens == datetime(2026, 12, 4, 21, tzinfo=UTC)  # Friday, 22:00, after three days' notice
    assert after.update.opens == datetime(2026, 12, 8, 21, tzinfo=UTC)


def test_without_a_backup_no_room_is_made_up() -> None:
    assert consequences(STANDARD, AT, []).backup_bytes is None
    assert [backups_a_day(replace(STANDARD, backup_every=every * HOUR)) for every in (1, 7, 24, 48)] == [24, 4, 1, 1]
