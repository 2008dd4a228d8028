"""Rents that are overdue: letters with time between them, suspension on a working morning that was named (P41)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.business_hours import ServiceCalendar, ServiceHours
from hosting.policy.rent import (
    ArrearsFacts,
    Heard,
    HoldRefused,
    RentFacts,
    RentStep,
    check_hold,
    heard_overdue,
    is_working_morning,
    next_step,
    suspension_moment,
)
from hosting.policy.terms import STANDARD, TIME_ZONE, terms_with

ZONE = ZoneInfo(TIME_ZONE)
BEGUN = datetime(2026, 12, 1, 14, tzinfo=UTC)  # a Tuesday
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
CALENDAR = ServiceCalendar(ServiceHours.of_terms(STANDARD, ZONE), "BE")
NEW = ArrearsFacts(1, "A-1", BEGUN)


def due(one: ArrearsFacts, at: datetime) -> RentStep | None:
    return next_step(one, at, STANDARD, CALENDAR)


def climbed(begun: datetime, until: datetime, every: timedelta = timedelta(hours=1)) -> list[tuple[RentStep, datetime]]:
    """What happens by itself to who never pays, looked at so often."""
    one, found, at = replace(NEW, begun_at=begun), list[tuple[RentStep, datetime]](), begun
    while at < until:
        rung = due(one, at)
        if rung is not None:
            found.append((rung, at))
        match rung:
            case RentStep.REMIND:
                one = replace(one, reminded_at=at)
            case RentStep.REMIND_AGAIN:
                one = replace(one, reminded_again_at=at)
            case RentStep.ANNOUNCE:
                one = replace(one, announced_at=at, suspends_at=suspension_moment(at, STANDARD, CALENDAR))
            case RentStep.SUSPEND:
                return found
        at += every
    return found


def test_who_never_pays_is_reminded_twice_told_the_day_and_suspended_after_three_weeks() -> None:
    assert climbed(BEGUN, BEGUN + 60 * DAY) == [
        (RentStep.REMIND, BEGUN),
        (RentStep.REMIND_AGAIN, BEGUN + 7 * DAY),
        (RentStep.ANNOUNCE, BEGUN + 14 * DAY),
        (RentStep.SUSPEND, datetime(2026, 12, 23, 9, tzinfo=UTC)),  # Wednesday, 10:00: the first morning after that
    ]


def test_over_christmas_nobody_is_suspended_before_somebody_works_again() -> None:
    begun = datetime(2026, 12, 4, 12, tzinfo=UTC)  # 21 days later is Christmas
    assert climbed(begun, begun + 60 * DAY)[-1] == (RentStep.SUSPEND, datetime(2026, 12, 28, 9, tzinfo=UTC))


@given(st.integers(0, 2 * 365 * 24))
def test_nobody_is_ever_suspended_but_on_a_working_morning_three_weeks_after_the_first_letter(hours: int) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    *letters, (last, when) = climbed(at, at + 60 * DAY, timedelta(hours=1))
    assert [rung for rung, _ in letters] == [RentStep.REMIND, RentStep.REMIND_AGAIN, RentStep.ANNOUNCE]
    assert last is RentStep.SUSPEND
    assert when >= letters[0][1] + 21 * DAY
    assert when >= letters[2][1] + 7 * DAY
    local = when.astimezone(ZONE)
    assert local.weekday() < 5
    assert CALENDAR.is_open(when)
    assert 10 <= local.hour < 12


def test_after_a_service_that_stood_still_each_letter_has_its_whole_time_all_the_same() -> None:
    late = BEGUN + 30 * DAY
    assert due(NEW, late) is RentStep.REMIND
    reminded = replace(NEW, reminded_at=late)
    assert due(reminded, late + 7 * DAY - MINUTE) is None
    assert due(reminded, late + 7 * DAY) is RentStep.REMIND_AGAIN
    again = replace(reminded, reminded_again_at=late + 7 * DAY)
    assert due(again, late + 14 * DAY - MINUTE) is None
    assert due(again, late + 14 * DAY) is RentStep.ANNOUNCE


@pytest.mark.parametrize(
    ("hour", "day", "suspended"),
    [(9, 23, False), (10, 23, True), (11, 23, True), (12, 23, False), (3, 23, False), (10, 26, False), (10, 28, True)],
)
def test_a_morning_that_was_missed_is_not_made_up_for_at_night_or_on_a_holiday(
    hour: int, day: int, *, suspended: bool
) -> None:
    told = replace(
        NEW, reminded_at=BEGUN, reminded_again_at=BEGUN, announced_at=BEGUN,
        suspends_at=datetime(2026, 12, 22, 9, tzinfo=UTC),
    )  # fmt: skip
    at = datetime(2026, 12, day, hour, tzinfo=ZONE)
    assert (due(told, at) is RentStep.SUSPEND) is suspended
    assert is_working_morning(at, STANDARD, CALENDAR) is suspended


def test_what_is_held_stands_still_until_its_day_and_what_is_over_for_ever() -> None:
    held = replace(NEW, held_until=date(2026, 12, 5))
    assert due(held, datetime(2026, 12, 4, 22, 59, tzinfo=UTC)) is None
    assert due(held, datetime(2026, 12, 4, 23, 0, tzinfo=UTC)) is RentStep.REMIND
    assert due(replace(NEW, ended_at=BEGUN), BEGUN + DAY) is None


def test_a_level_may_give_more_time() -> None:
    patient = terms_with({"rent_again_after": "14d", "rent_announced_after": "30d", "rent_suspended_after": "60d"})
    told = replace(NEW, reminded_at=BEGUN)
    assert next_step(told, BEGUN + 13 * DAY, patient, CALENDAR) is None
    assert next_step(told, BEGUN + 14 * DAY, patient, CALENDAR) is RentStep.REMIND_AGAIN
    assert suspension_moment(BEGUN, patient, CALENDAR) >= BEGUN + 30 * DAY


@pytest.mark.parametrize("until", [date(2026, 12, 1), date(2026, 11, 30), date(2027, 6, 1)])
def test_a_hold_is_for_a_day_to_come_that_is_not_far_off(until: date) -> None:
    with pytest.raises(HoldRefused):
        check_hold(NEW, until, date(2026, 12, 1))
    check_hold(NEW, date(2026, 12, 2), date(2026, 12, 1))
    with pytest.raises(HoldRefused, match="is overdue any more"):
        check_hold(replace(NEW, ended_at=BEGUN), date(2026, 12, 2), date(2026, 12, 1))


def rent(month: int, *, overdue: bool = False, settled: bool = False) -> RentFacts:
    return RentFacts(date(2026, month, 1), BEGUN if overdue else None, BEGUN if settled else None)


@pytest.mark.parametrize(
    ("told", "others", "heard"),
    [
        (rent(11), (), Heard.NEW),
        (rent(11), (rent(10, overdue=True), rent(12, overdue=True)), Heard.NEW),
        (rent(11, overdue=True), (), Heard.KNOWN),
        (rent(11, settled=True), (), Heard.OUT_OF_ORDER),
        (rent(11, overdue=True, settled=True), (), Heard.FOR_A_PERSON),
        (rent(11), (rent(12, settled=True),), Heard.FOR_A_PERSON),
        (rent(11), (rent(10, overdue=True, settled=True),), Heard.NEW),
    ],
)
def test_what_a_notice_means_beside_what_was_heard_before(
    told: RentFacts, others: tuple[RentFacts, ...], heard: Heard
) -> None:
    assert heard_overdue(told, others) is heard
