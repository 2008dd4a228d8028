"""The service clock keeps P08 and P09: promised by, time left, forecast; across nights, holidays and clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hosting.errors import Refused, ServiceError
from hosting.policy.business_hours import (
    HORIZON_DAYS,
    NeverOpen,
    ServiceCalendar,
    ServiceHours,
    forecast_setup,
    promised_by,
    public_holidays,
)
from hosting.policy.terms import AROUND_THE_CLOCK, STANDARD, TIME_ZONE, terms_with

if TYPE_CHECKING:
    from collections.abc import Callable

BERLIN = ZoneInfo(TIME_ZONE)
WITHIN = STANDARD.setup_within
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NO_TIME = timedelta(0)
MON_TO_FRI = frozenset(range(5))

STANDARD_CALENDAR = ServiceCalendar(ServiceHours.of_terms(STANDARD, BERLIN), "BE")
ALWAYS = ServiceCalendar(ServiceHours.of_terms(terms_with(AROUND_THE_CLOCK), BERLIN), "BE")
NEVER = ServiceCalendar(ServiceHours(time(10), time(19), frozenset(), BERLIN), "BE")


def berlin(text: str) -> datetime:
    """A moment as the clock on a wall in Berlin shows it."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


# The table that a non-programmer reads -------------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs" / "service-clock.md").read_text(encoding="utf-8")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def table(heading: str) -> list[list[str]]:
    """The rows under a heading of the page, without the table's own head."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def told_day(text: str) -> date:
    return datetime.strptime(text, "%d %b %Y").replace(tzinfo=UTC).date()


def told_moment(text: str) -> datetime:
    """`Fri 13 Mar 2026 18:30` in Berlin; a wrong weekday is a mistake in the table."""
    weekday, rest = text.split(" ", 1)
    day_text, clock = rest.rsplit(" ", 1)
    day = told_day(day_text)
    assert DAYS[day.weekday()] == weekday, f"{text} is a {DAYS[day.weekday()]}"
    return datetime.combine(day, time.fromisoformat(clock), BERLIN)


def told_calendar(row: list[str]) -> tuple[ServiceCalendar, timedelta]:
    _, opens, closes, weekdays, state, closed, opened, within = row
    first, last = (DAYS.index(day) for day in weekdays.split("-"))
    hours = ServiceHours(
        time.fromisoformat(opens),
        time.fromisoformat(closes.replace("24:", "00:")),
        frozenset(range(first, last + 1)),
        BERLIN,
    )
    days = (frozenset({told_day(cell)} if cell else ()) for cell in (closed, opened))
    return ServiceCalendar(hours, None if state == "none" else state, *days), int(within.removesuffix(" h")) * HOUR


CALENDARS = {row[0]: told_calendar(row) for row in table("Calendars")}
EXAMPLES = table("Examples")


def test_the_page_shows_at_least_twenty_examples_and_uses_each_calendar() -> None:
    assert len(EXAMPLES) >= 20
    assert {row[0] for row in EXAMPLES} == set(CALENDARS)
    assert all(len(row) == 4 and row[3] for row in EXAMPLES)


def test_the_page_tells_the_standard_terms() -> None:
    assert CALENDARS["standard"] == (STANDARD_CALENDAR, WITHIN)


@pytest.mark.parametrize(
    ("calendar", "paid_at", "promised", "why"), EXAMPLES, ids=[f"{row[0]}, {row[1]}" for row in EXAMPLES]
)
def test_each_example_of_the_page_is_what_the_program_promises(
    calendar: str, paid_at: str, promised: str, why: str
) -> None:
    service, within = CALENDARS[calendar]
    assert promised_by(told_moment(paid_at), service, within) == told_moment(promised), why


# Open and closed -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-03-10 09:59:59.999999", False),
        ("2026-03-10 10:00:00", True),
        ("2026-03-10 18:59:59.999999", True),
        ("2026-03-10 19:00:00", False),
        ("2026-03-14 12:00:00", False),  # Saturday
        ("2027-03-08 12:00:00", False),  # Women's Day, a Monday
        ("2026-12-24 12:00:00", True),
        ("2026-12-25 12:00:00", False),
        ("2026-12-31 12:00:00", True),
    ],
)
def test_ten_is_open_and_nineteen_is_closed(moment: str, is_open: bool) -> None:
    assert STANDARD_CALENDAR.is_open(berlin(moment)) is is_open


def test_the_next_opening_after_easter_thursday_is_tuesday() -> None:
    assert STANDARD_CALENDAR.next_open(berlin("2026-04-02 19:00")) == berlin("2026-04-07 10:00")


def test_an_open_moment_is_its_own_next_opening() -> None:
    assert STANDARD_CALENDAR.next_open(berlin("2026-03-10 12:34:56")) == berlin("2026-03-10 12:34:56")


def test_closing_time_is_told_in_utc_and_differs_in_summer() -> None:
    assert STANDARD_CALENDAR.closes_after(berlin("2026-01-13 12:00")) == datetime(2026, 1, 13, 18, tzinfo=UTC)
    assert STANDARD_CALENDAR.closes_after(berlin("2026-07-14 12:00")) == datetime(2026, 7, 14, 17, tzinfo=UTC)


def test_closing_time_of_a_closed_moment_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="closed"):
        STANDARD_CALENDAR.closes_after(berlin("2026-03-10 19:00"))


def test_midnight_closes_nothing_between_two_days_open_to_their_end() -> None:
    weekdays = ServiceCalendar(ServiceHours(time(0), time(0), MON_TO_FRI, BERLIN), None)
    assert weekdays.closes_after(berlin("2026-03-10 23:59")) == berlin("2026-03-14 00:00")
    assert weekdays.is_open(berlin("2026-03-11 00:00"))
    assert not weekdays.is_open(berlin("2026-03-14 00:00"))


def test_hours_that_never_close_answer_with_the_horizon() -> None:
    now = berlin("2026-03-10 12:00")
    assert ALWAYS.closes_after(now) - now > timedelta(days=HORIZON_DAYS - 1)


def test_around_the_clock_is_open_on_christmas_day_by_night() -> None:
    assert ALWAYS.is_open(berlin("2026-12-25 03:00"))


def test_a_closed_day_wins_over_around_the_clock() -> None:
    outage = ServiceCalendar(ALWAYS.hours, "BE", closed=frozenset({date(2026, 3, 10)}))
    assert outage.closes_after(berlin("2026-03-09 12:00")) == berlin("2026-03-10 00:00")
    assert outage.next_open(berlin("2026-03-10 00:00")) == berlin("2026-03-11 00:00")


def test_public_holidays_are_those_of_the_whole_state_and_no_others() -> None:
    assert date(2026, 3, 8) in public_holidays("BE", 2026)
    assert date(2026, 3, 8) not in public_holidays("BY", 2026)
    assert date(2026, 8, 15) not in public_holidays("BY", 2026)  # Assumption Day: only where Catholics are the majority
    assert date(2028, 6, 17) in public_holidays("BE", 2028)  # once, 75 years after 17 June 1953
    assert not {date(2026, 12, 24), date(2026, 12, 31)} & public_holidays("BE", 2026)
    assert len(public_holidays("BE", 2026)) == 10


# Refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ask",
    [
        STANDARD_CALENDAR.is_open,
        STANDARD_CALENDAR.next_open,
        STANDARD_CALENDAR.closes_after,
        lambda naive: STANDARD_CALENDAR.add(naive, HOUR),
        lambda naive: STANDARD_CALENDAR.add(naive, NO_TIME),
        lambda naive: STANDARD_CALENDAR.between(naive, berlin("2026-03-10 12:00")),
        lambda naive: STANDARD_CALENDAR.between(berlin("2026-03-10 12:00"), naive),
        lambda naive: STANDARD_CALENDAR.time_left(naive, berlin("2026-03-10 12:00")),
        lambda naive: STANDARD_CALENDAR.next_start(naive, HOUR),
        lambda naive: promised_by(naive, STANDARD_CALENDAR, WITHIN),
        lambda naive: forecast_setup(naive, berlin("2026-03-10 12:00"), HOUR, STANDARD_CALENDAR, WITHIN),
        lambda naive: forecast_setup(berlin("2026-03-10 12:00"), naive, HOUR, STANDARD_CALENDAR, WITHIN),
    ],
)
def test_a_moment_without_a_zone_is_a_mistake_everywhere(ask: Callable[[datetime], object]) -> None:
    with pytest.raises(ValueError, match="without a zone"):
        ask(datetime(2026, 3, 10, 12))  # noqa: DTZ001  # the naive moment is what is tested


def test_negative_service_time_is_not_added() -> None:
    with pytest.raises(ValueError, match="backwards"):
        STANDARD_CALENDAR.add(berlin("2026-03-10 12:00"), -HOUR)


@pytest.mark.parametrize(
    "ask", [NEVER.next_open, lambda now: NEVER.add(now, HOUR), lambda now: NEVER.next_start(now, HOUR)]
)
def test_a_calendar_that_never_opens_says_so_instead_of_searching_for_ever(ask: Callable[[datetime], object]) -> None:
    with pytest.raises(NeverOpen, match="no opening within 400 days after 2026-03-10 11:00 UTC") as caught:
        ask(berlin("2026-03-10 12:00"))
    assert isinstance(caught.value, ServiceError)
    assert caught.value.do


def test_a_calendar_that_never_opens_counts_no_time() -> None:
    assert NEVER.between(berlin("2026-01-01 00:00"), berlin("2027-01-01 00:00")) == NO_TIME


def test_a_single_opened_day_within_the_horizon_is_found() -> None:
    once = ServiceCalendar(NEVER.hours, "BE", opened=frozenset({date(2027, 4, 10)}))
    assert once.next_open(berlin("2026-03-10 12:00")) == berlin("2027-04-10 10:00")


@pytest.mark.parametrize(("opens", "closes"), [(time(19), time(10)), (time(10), time(10))])
def test_hours_that_close_before_they_open_are_refused(opens: time, closes: time) -> None:
    with pytest.raises(Refused, match="close before they open"):
        ServiceHours(opens, closes, MON_TO_FRI, BERLIN)


def test_an_eighth_weekday_is_refused() -> None:
    with pytest.raises(Refused, match=r"weekdays that don't exist: \[7\]"):
        ServiceHours(time(10), time(19), frozenset({0, 7}), BERLIN)


def test_an_unknown_state_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Refused, match=r"'XX' is no German state\. Set one of: BB, BE, BW"):
        ServiceCalendar(STANDARD_CALENDAR.hours, "XX")


def test_a_day_both_closed_and_opened_is_refused() -> None:
    day = frozenset({date(2026, 3, 10)})
    with pytest.raises(Refused, match="both closed and opened: 2026-03-10"):
        ServiceCalendar(STANDARD_CALENDAR.hours, "BE", closed=day, opened=day)


# Time left and forecast ----------------------------------------------------------------------------------------------


def test_time_left_is_told_in_service_time() -> None:
    assert STANDARD_CALENDAR.time_left(berlin("2026-03-13 18:00"), berlin("2026-03-16 10:30")) == 1.5 * HOUR


def test_time_left_of_a_missed_promise_is_negative() -> None:
    assert STANDARD_CALENDAR.time_left(berlin("2026-03-16 11:00"), berlin("2026-03-13 18:30")) == -1.5 * HOUR


def test_payment_on_friday_evening_is_set_up_at_once_if_it_ends_before_closing() -> None:
    paid = berlin("2026-03-13 18:30")
    forecast = forecast_setup(paid, paid, 5 * MINUTE, STANDARD_CALENDAR, WITHIN)
    assert (forecast.starts_at, forecast.ready_at) == (paid, berlin("2026-03-13 18:35"))
    assert forecast.promised_by == berlin("2026-03-16 17:30")
    assert forecast.spare == WITHIN - 5 * MINUTE
    assert not forecast.misses


def test_work_that_would_leave_the_hours_waits_for_the_next_opening() -> None:
    paid = berlin("2026-03-13 18:56")
    forecast = forecast_setup(paid, paid, 5 * MINUTE, STANDARD_CALENDAR, WITHIN)
    assert (forecast.starts_at, forecast.ready_at) == (berlin("2026-03-16 10:00"), berlin("2026-03-16 10:05"))
    assert not forecast.misses


def test_work_that_ends_at_closing_time_itself_still_starts() -> None:
    start = berlin("2026-03-13 18:55")
    assert STANDARD_CALENDAR.next_start(start, 5 * MINUTE) == start


def test_work_longer_than_the_hours_starts_when_they_open_and_goes_on_the_next_day() -> None:
    forecast = forecast_setup(
        berlin("2026-03-10 08:00"), berlin("2026-03-10 08:00"), 10 * HOUR, STANDARD_CALENDAR, WITHIN
    )
    assert (forecast.starts_at, forecast.ready_at) == (berlin("2026-03-10 10:00"), berlin("2026-03-11 11:00"))
    assert forecast.misses


def test_around_the_clock_nothing_waits_for_midnight() -> None:
    start = berlin("2026-03-13 23:58")
    assert ALWAYS.next_start(start, 5 * MINUTE) == start


def test_an_order_that_lay_too_long_is_forecast_to_miss_its_promise() -> None:
    paid, now = berlin("2026-03-10 11:00"), berlin("2026-03-10 18:58")
    forecast = forecast_setup(paid, now, 5 * MINUTE, STANDARD_CALENDAR, WITHIN)
    assert forecast.promised_by == berlin("2026-03-10 19:00")
    assert forecast.starts_at == berlin("2026-03-11 10:00")
    assert forecast.misses
    assert forecast.spare == -5 * MINUTE


def test_an_order_ready_exactly_when_promised_keeps_its_promise() -> None:
    paid, now = berlin("2026-03-10 11:00"), berlin("2026-03-10 18:55")
    forecast = forecast_setup(paid, now, 5 * MINUTE, STANDARD_CALENDAR, WITHIN)
    assert forecast.ready_at == forecast.promised_by
    assert not forecast.misses


def test_work_ahead_of_an_order_moves_its_start() -> None:
    paid = berlin("2026-03-10 12:00")
    forecast = forecast_setup(paid, paid, 5 * MINUTE, STANDARD_CALENDAR, WITHIN, work_ahead=9 * HOUR)
    assert forecast.starts_at == berlin("2026-03-11 12:00")
    assert forecast.misses


def test_a_setup_under_way_goes_on_past_closing_time() -> None:
    paid, now = berlin("2026-03-10 12:00"), berlin("2026-03-10 19:01")
    forecast = forecast_setup(paid, now, 5 * MINUTE, STANDARD_CALENDAR, WITHIN, started_at=berlin("2026-03-10 18:58"))
    assert forecast.ready_at == berlin("2026-03-10 19:03")
    assert not forecast.misses


def test_a_setup_that_takes_longer_than_expected_is_ready_now_at_the_earliest() -> None:
    paid, now = berlin("2026-03-10 11:00"), berlin("2026-03-10 19:30")
    forecast = forecast_setup(paid, now, 5 * MINUTE, STANDARD_CALENDAR, WITHIN, started_at=berlin("2026-03-10 18:50"))
    assert forecast.ready_at == now
    assert forecast.misses
    assert forecast.spare == NO_TIME  # late by wall clock, though no service time has passed since


def test_of_the_two_hours_that_autumn_shows_alike_the_later_counts() -> None:
    first, second = berlin("2026-10-25 02:40"), berlin("2026-10-25 02:10").replace(fold=1)
    forecast = forecast_setup(first, second, 5 * MINUTE, ALWAYS, WITHIN)
    assert forecast.starts_at == second.astimezone(UTC)


# Properties ----------------------------------------------------------------------------------------------------------


def _moments(first: str, last: str) -> st.SearchStrategy[datetime]:
    span = st.datetimes(datetime.fromisoformat(first), datetime.fromisoformat(last), timezones=st.just(UTC))
    edges = st.builds(
        lambda day, hour, shift: (
            datetime.combine(day.date(), time(hour % 24), BERLIN).astimezone(UTC) + timedelta(microseconds=shift)
        ),
        span,
        st.sampled_from([0, 8, 10, 19, 22]),
        st.sampled_from([-1, 0, 1]),
    )
    return span | edges | span.map(lambda moment: moment.astimezone(BERLIN))


MOMENTS = (
    _moments("2020-01-01", "2040-01-01")
    | _moments("2026-03-27", "2026-04-08")  # summer time begins, Easter
    | _moments("2026-10-23", "2026-10-28")  # summer time ends
    | _moments("2026-12-22", "2027-01-05")  # Christmas, the year's end
    | _moments("2027-03-04", "2027-03-11")  # Women's Day on a Monday
)
DURATIONS = st.timedeltas(NO_TIME, 60 * HOUR) | st.integers(0, 60).map(lambda hours: hours * HOUR)
SERVICE_HOURS = (
    st.tuples(st.integers(0, 23), st.integers(1, 24))
    .filter(lambda ends: ends[0] < ends[1])
    .flatmap(
        lambda ends: st.builds(
            ServiceHours,
            st.just(time(ends[0])),
            st.just(time(ends[1] % 24)),
            st.frozensets(st.sampled_from(range(7)), min_size=1),
            st.sampled_from([BERLIN, ZoneInfo("UTC"), ZoneInfo("America/New_York")]),
            on_holidays=st.booleans(),
        )
    )
)
SPECIAL_DAYS = st.frozensets(st.dates(date(2026, 3, 20), date(2026, 4, 10)), max_size=5)
CALENDAR = (
    st.sampled_from([STANDARD_CALENDAR, ALWAYS, *(calendar for calendar, _ in CALENDARS.values())])
    | st.builds(ServiceCalendar, SERVICE_HOURS, st.sampled_from([None, "BE", "BY"]))
    | st.builds(
        lambda closed, opened: ServiceCalendar(STANDARD_CALENDAR.hours, "BE", closed, opened - closed),
        SPECIAL_DAYS,
        SPECIAL_DAYS,
    )
)


@given(CALENDAR, MOMENTS, DURATIONS)
def test_what_is_added_is_what_is_counted(calendar: ServiceCalendar, moment: datetime, duration: timedelta) -> None:
    assert calendar.between(moment, calendar.add(moment, duration)) == duration


@given(CALENDAR, MOMENTS, DURATIONS)
def test_no_earlier_moment_has_that_much_service_time(
    calendar: ServiceCalendar, moment: datetime, duration: timedelta
) -> None:
    assume(duration > NO_TIME)
    due = calendar.add(moment, duration)
    assert calendar.between(moment, due - timedelta(microseconds=1)) < duration


@given(CALENDAR, MOMENTS, DURATIONS, DURATIONS)
def test_adding_twice_is_adding_the_sum(
    calendar: ServiceCalendar, moment: datetime, one: timedelta, other: timedelta
) -> None:
    assert calendar.add(calendar.add(moment, one), other) == calendar.add(moment, one + other)


@given(CALENDAR, MOMENTS, DURATIONS, DURATIONS)
def test_more_service_time_ends_later(
    calendar: ServiceCalendar, moment: datetime, one: timedelta, other: timedelta
) -> None:
    assume(one < other)
    assert moment <= calendar.add(moment, one) < calendar.add(moment, other)


@given(CALENDAR, MOMENTS, st.timedeltas(NO_TIME, timedelta(days=30)))
def test_who_pays_later_is_promised_no_earlier(calendar: ServiceCalendar, moment: datetime, later: timedelta) -> None:
    assert promised_by(moment, calendar, WITHIN) <= promised_by(moment.astimezone(UTC) + later, calendar, WITHIN)


@given(CALENDAR, MOMENTS, st.timedeltas(NO_TIME, timedelta(days=30)), st.timedeltas(NO_TIME, timedelta(days=30)))
def test_service_time_of_two_spans_is_that_of_both_together(
    calendar: ServiceCalendar, start: datetime, first: timedelta, second: timedelta
) -> None:
    middle = start.astimezone(UTC) + first
    end = middle + second
    assert calendar.between(start, middle) + calendar.between(middle, end) == calendar.between(start, end)
    assert NO_TIME <= calendar.between(start, end) <= first + second
    assert calendar.between(end, start) == -calendar.between(start, end)


@given(CALENDAR, MOMENTS)
def test_the_next_opening_is_open_and_nothing_is_open_before_it(calendar: ServiceCalendar, moment: datetime) -> None:
    opening = calendar.next_open(moment)
    assert calendar.is_open(opening)
    assert opening >= moment
    assert calendar.between(moment, opening) == NO_TIME
    assert calendar.is_open(moment) == (opening == moment.astimezone(UTC))


@given(CALENDAR, MOMENTS)
def test_all_time_until_closing_counts(calendar: ServiceCalendar, moment: datetime) -> None:
    opening = calendar.next_open(moment)
    closing = calendar.closes_after(opening)
    assert calendar.between(opening, closing) == closing - opening
    if closing - opening < timedelta(days=HORIZON_DAYS - 1):
        assert not calendar.is_open(closing)


@given(CALENDAR, MOMENTS, st.timedeltas(NO_TIME, 12 * HOUR))
def test_work_starts_in_open_hours_and_stays_in_them_if_it_can(
    calendar: ServiceCalendar, moment: datetime, work: timedelta
) -> None:
    start = calendar.next_start(moment, work)
    assert start >= moment
    assert calendar.is_open(start)
    assert calendar.next_start(start, work) == start
    assert start + work <= calendar.closes_after(start) or start == calendar.next_open(moment)


@given(CALENDAR, MOMENTS, DURATIONS)
def test_answers_are_in_utc_whatever_zone_was_asked(
    calendar: ServiceCalendar, moment: datetime, duration: timedelta
) -> None:
    answers = [calendar.next_open(moment), calendar.add(moment, duration), calendar.next_start(moment, duration)]
    elsewhere = moment.astimezone(ZoneInfo("Asia/Tokyo"))
    assert all(answer.tzinfo is UTC for answer in answers)
    assert answers == [
        calendar.next_open(elsewhere),
        calendar.add(elsewhere, duration),
        calendar.next_start(elsewhere, duration),
    ]


@given(MOMENTS, st.timedeltas(NO_TIME, timedelta(days=30)))
def test_around_the_clock_service_time_is_time(moment: datetime, span: timedelta) -> None:
    start = moment.astimezone(UTC)
    assert ALWAYS.between(start, start + span) == span
    assert ALWAYS.add(start, span) == start + span


@given(CALENDAR, MOMENTS, MOMENTS, st.timedeltas(MINUTE, 3 * HOUR))
def test_a_forecast_never_starts_before_payment_or_now_and_misses_only_what_is_late(
    calendar: ServiceCalendar, paid_at: datetime, now: datetime, work: timedelta
) -> None:
    forecast = forecast_setup(paid_at, now, work, calendar, WITHIN)
    assert forecast.starts_at >= max(paid_at.astimezone(UTC), now.astimezone(UTC))
    assert forecast.ready_at >= forecast.starts_at + work
    assert forecast.misses == (forecast.ready_at > forecast.promised_by)
    assert forecast.misses or forecast.spare >= NO_TIME


def _counted_hour_by_hour(calendar: ServiceCalendar, start: datetime, hours: int) -> timedelta:
    """The slow way: asks for each hour of an open or closed clock, which opens and closes on the hour."""
    return sum((HOUR for step in range(hours) if calendar.is_open(start + step * HOUR)), NO_TIME)


@pytest.mark.parametrize(
    ("monday", "summer_time"),
    [
        ("2026-03-23", "begins"),
        ("2026-10-19", "ends"),
        ("2027-03-22", "begins"),
        ("2027-10-25", "ends"),
        ("2026-12-28", "sleeps"),
    ],
)
@pytest.mark.parametrize("name", sorted(CALENDARS))
def test_a_week_in_which_the_clocks_change_counts_like_its_hours_one_by_one(
    name: str, monday: str, summer_time: str
) -> None:
    calendar, _ = CALENDARS[name]
    start, end = berlin(f"{monday} 00:00"), berlin(f"{monday} 00:00") + timedelta(days=7)  # seven days on the wall
    hours = int((end.astimezone(UTC) - start.astimezone(UTC)) / HOUR)
    assert hours == 168 + {"begins": -1, "ends": 1, "sleeps": 0}[summer_time]
    assert calendar.between(start, end) == _counted_hour_by_hour(calendar, start.astimezone(UTC), hours)


def test_2026_has_254_working_days_in_berlin() -> None:
    assert STANDARD_CALENDAR.between(berlin("2026-01-01 00:00"), berlin("2027-01-01 00:00")) == 254 * 9 * HOUR


def test_counting_across_a_year_is_quick() -> None:
    start, end = berlin("2026-01-01 00:00"), berlin("2027-01-01 00:00")
    for calendar in (STANDARD_CALENDAR, ALWAYS):
        seconds = []
        for _ in range(5):
            began = process_time()
            calendar.between(start, end)
            calendar.closes_after(calendar.next_open(start))
            seconds.append(process_time() - began)
        assert min(seconds) < 0.010
