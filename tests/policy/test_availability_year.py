"""A year's mean, its budget and what is left: worked by hand for whole and part years, leap years, gaps and causes (P11)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.availability import Standing, Stretch
from hosting.policy.availability_days import Owed, Tally, days_of, months_of, sums_of, tally_of, whole_line
from hosting.policy.availability_year import (
    FORETOLD_FROM,
    YearTold,
    availability_findings,
    gathered,
    level_days,
    levels_told,
    owed_in,
    shown_percent,
    year_bounds,
    year_told,
)
from hosting.policy.backup_audit import Severity
from hosting.policy.outage_causes import Cause
from hosting.policy.terms import STANDARD
from tests.policy.lines import DAY, HOUR, MINUTE, at, down, line, owed

NEW_YEAR, NEXT_YEAR = at("2025-12-31 23:00"), at("2026-12-31 23:00")
"""2026 in Berlin."""

ZERO = timedelta()


def year_of(*others: Stretch, to: datetime = NEXT_YEAR, since: datetime = NEW_YEAR, percent: float = 99.6) -> YearTold:
    """2026, up but for these."""
    return year_told(line(since, to, *others), [owed(since, percent=percent)], 2026, to)


def unmeasured(since: datetime, length: timedelta) -> Stretch:
    return Stretch(Standing.UNMEASURED, since, since + length)


def test_a_year_begins_and_ends_at_midnight_in_berlin() -> None:
    assert year_bounds(2026) == (NEW_YEAR, NEXT_YEAR)


@pytest.mark.parametrize(
    ("year", "days", "minutes"),
    [(2025, 365, 2102.4), (2026, 365, 2102.4), (2028, 366, 2108.16), (2100, 365, 2102.4)],
)
def test_a_whole_year_may_be_down_for_35_hours_and_2_minutes_a_leap_year_for_its_day_more(
    year: int, days: int, minutes: float
) -> None:
    begins, ends = year_bounds(year)
    told = year_told(line(begins, ends), [owed(begins - DAY)], year, ends + DAY)
    assert ends - begins == days * DAY
    assert told.budget == timedelta(minutes=minutes)
    assert (told.tally.percent, told.left, told.kept, told.used_up_at) == (100.0, told.budget, True, None)
    assert len(told.days) == days
    assert len(told.months) == 12


def test_the_mean_of_a_year_with_a_day_of_outage() -> None:
    told = year_of(down(at("2026-06-01 12:00"), DAY))
    assert told.tally.percent == pytest.approx(100 * 364 / 365)
    assert told.left == timedelta(minutes=2102.4) - DAY
    assert told.kept


def test_to_the_second_the_budget_is_kept_and_a_second_more_breaks_it() -> None:
    budget = timedelta(minutes=2102.4)
    kept = year_of(down(at("2026-03-01"), budget))
    assert (kept.left, kept.kept) == (ZERO, True)
    assert kept.tally.percent == pytest.approx(99.6)
    broken = year_of(down(at("2026-03-01"), budget + timedelta(seconds=1)))
    assert (broken.left, broken.kept) == (timedelta(seconds=-1), False)
    assert broken.used_up_at == at("2026-03-01") + budget


def test_who_opens_in_the_middle_of_the_year_has_half_of_the_budget() -> None:
    """From 1 July, 00:00 to the year's end are 184 days and an hour, since the clocks go back in between."""
    july = at("2026-06-30 22:00")
    told = year_of(since=july)
    assert told.tally.whole == 184 * DAY + HOUR
    assert told.budget == (184 * DAY + HOUR) * 0.004
    assert told.days[0].day == date(2026, 7, 1)


def test_who_leaves_within_the_year_is_owed_until_then() -> None:
    leaves = at("2026-03-31 22:00")
    told = year_told(line(NEW_YEAR, NEXT_YEAR, down(at("2026-05-01"), DAY)), [owed(NEW_YEAR, leaves)], 2026, NEXT_YEAR)
    assert told.tally.whole == leaves - NEW_YEAR == 90 * DAY - HOUR
    assert (told.tally.down, told.outages) == (ZERO, ())
    assert told.budget == (90 * DAY - HOUR) * 0.004


def test_the_days_on_which_the_clocks_change_have_23_and_25_hours() -> None:
    by_day = {one.day: one.tally.whole for one in year_of().days}
    assert by_day.pop(date(2026, 3, 29)) == 23 * HOUR
    assert by_day.pop(date(2026, 10, 25)) == 25 * HOUR
    assert set(by_day.values()) == {24 * HOUR}


def test_an_outage_over_midnight_in_berlin_counts_on_both_days() -> None:
    """21:00 to 23:30 UTC in summer is 23:00 to 01:30."""
    by_day = {one.day: one.tally.down for one in year_of(down(at("2026-06-01 21:00"), 150 * MINUTE)).days}
    assert (by_day[date(2026, 6, 1)], by_day[date(2026, 6, 2)]) == (60 * MINUTE, 90 * MINUTE)


def test_unmeasured_time_leaves_the_base_brings_no_budget_and_its_share_is_shown() -> None:
    """36.5 days unmeasured of 365: 328.5 are the base; 0.4 % of that is 31 h 32 min 9.6 s."""
    told = year_of(unmeasured(at("2026-02-01"), 36.5 * DAY), down(at("2026-08-01"), DAY))
    assert told.tally.measured == 328.5 * DAY
    assert told.tally.percent == pytest.approx(100 * 327.5 / 328.5)
    assert told.tally.unmeasured_percent == pytest.approx(10)
    assert told.budget == timedelta(hours=31, minutes=32, seconds=9.6)


def test_a_year_of_which_nothing_is_known_has_no_mean() -> None:
    told = year_told([], [owed(NEW_YEAR)], 2026, at("2026-03-01"))
    assert told.tally.percent is None
    assert told.tally.unmeasured_percent == 100
    assert shown_percent(told.tally.percent) == "-"


def test_what_the_timeline_lacks_before_between_and_after_is_unmeasured() -> None:
    since, noon = at("2026-05-01"), at("2026-05-02 12:00")
    found = whole_line(line(noon, noon + HOUR), [owed(since, since + 10 * DAY)], since + 5 * DAY)
    assert [(one.standing, one.length) for one in found] == [
        (Standing.UNMEASURED, 36 * HOUR), (Standing.UP, HOUR), (Standing.UNMEASURED, 83 * HOUR),
    ]  # fmt: skip


def test_suspended_time_leaves_the_base_and_the_budget() -> None:
    gone = Stretch(Standing.NOT_OWED, at("2026-04-01"), at("2026-04-11"), Cause.SUSPENDED)
    told = year_of(gone)
    assert (told.tally.not_owed, told.tally.owed) == (10 * DAY, 355 * DAY)
    assert told.budget == 355 * DAY * 0.004


def test_planned_work_moves_and_faults_count_alike() -> None:
    causes = (Cause.PLANNED, Cause.MOVE, Cause.UPDATE, Cause.OURS, Cause.UNKNOWN, Cause.CUSTOMERS_DNS)
    told = {cause: year_of(down(at("2026-06-01"), HOUR, cause)).left for cause in causes}
    assert set(told.values()) == {timedelta(minutes=2102.4) - HOUR}


def test_at_this_rate_the_budget_is_used_up_on_a_day_that_is_told() -> None:
    """100 days with 1,000 minutes down: 10 a day; the 1,102.4 that are left last for 110.24 days more."""
    now = NEW_YEAR + 100 * DAY
    told = year_of(down(at("2026-02-01"), timedelta(minutes=1000)), to=now)
    assert told.budget == timedelta(minutes=2102.4)
    assert told.left == timedelta(minutes=1102.4)
    assert told.used_up_at is not None
    assert abs(told.used_up_at - (now + 110.24 * DAY)) < timedelta(seconds=1)


def test_the_rate_is_that_of_the_measured_time() -> None:
    """Half of 100 days unmeasured: 0.4 % of 315 days is 1,814.4 minutes; 500 in 50 days are 10 a day as well."""
    now = NEW_YEAR + 100 * DAY
    told = year_of(unmeasured(NEW_YEAR, 50 * DAY), down(now - DAY, timedelta(minutes=500)), to=now)
    assert told.left == timedelta(minutes=1314.4)
    assert told.used_up_at is not None
    assert abs(told.used_up_at - (now + 131.44 * DAY)) < timedelta(seconds=1)


@pytest.mark.parametrize(
    "told",
    [
        year_of(to=NEW_YEAR + 100 * DAY),
        year_of(down(at("2026-02-01"), timedelta(minutes=100)), to=NEW_YEAR + 100 * DAY),
        year_of(down(NEW_YEAR, HOUR), to=NEW_YEAR + FORETOLD_FROM - HOUR),
        year_of(down(at("2026-02-01"), 30 * HOUR)),
    ],
    ids=["no outage", "it lasts for the year", "too little is measured", "the year is over"],
)
def test_no_day_is_told_where_the_budget_lasts_or_nothing_can_be_said(told: YearTold) -> None:
    assert told.used_up_at is None


def test_all_the_time_promised_any_outage_uses_up() -> None:
    assert year_of(percent=100.0).used_up_at is None
    told = year_of(down(at("2026-06-01"), MINUTE), percent=100.0)
    assert (told.used_up_at, told.kept) == (at("2026-06-01"), False)


def test_a_level_agreed_on_in_july_counts_from_july() -> None:
    """181 days less an hour at 99.6 % and 184 and an hour at 99.9 %."""
    july = at("2026-06-30 22:00")
    levels = [owed(NEW_YEAR, july), owed(july, percent=99.9, level="gold")]
    told = year_told(line(NEW_YEAR, NEXT_YEAR, down(july - HOUR, 2 * HOUR)), levels, 2026, NEXT_YEAR)
    first, second = 181 * DAY - HOUR, 184 * DAY + HOUR
    assert told.budgets["gold"] == pytest.approx(second * 0.001, abs=timedelta(seconds=0.01))
    assert told.budget == pytest.approx(first * 0.004 + second * 0.001, abs=timedelta(seconds=0.01))
    assert told.percent_owed == pytest.approx((99.6 * (first / DAY) + 99.9 * (second / DAY)) / 365)
    assert len(told.outages) == 1
    assert sum((one.tally.down for one in told.days if one.level == "gold"), ZERO) == HOUR


def test_the_instances_of_a_level_are_taken_together_by_their_measured_time() -> None:
    """One for the whole year with a day down, one for its last ten days with none: 374 of 375 days."""
    late = NEXT_YEAR - 10 * DAY
    years = [year_of(down(at("2026-06-01"), DAY)), year_of(since=late)]
    gold = year_told(line(NEW_YEAR, NEXT_YEAR), [owed(NEW_YEAR, percent=99.9, level="gold")], 2026, NEXT_YEAR)
    standard, other = levels_told([*years, gold])
    assert (standard.level, standard.instances, other.level, other.instances) == ("", 2, "gold", 1)
    assert standard.tally.percent == pytest.approx(100 * 374 / 375)
    assert standard.budget == 375 * DAY * 0.004
    assert standard.left == standard.budget - DAY
    by_day = {one.day: one.tally.whole for one in level_days([*years, gold], "")}
    assert (by_day[date(2026, 12, 1)], by_day[date(2026, 12, 31)]) == (DAY, 2 * DAY)


def test_the_mean_by_the_day_is_of_all_days_before() -> None:
    told = year_of(down(at("2026-01-01 12:00"), 6 * HOUR), to=NEW_YEAR + 3 * DAY)
    assert [one.tally.percent for one in sums_of(told.days)] == [75.0, 87.5, pytest.approx(100 * 66 / 72)]


def test_more_than_a_hundredth_of_a_month_without_data_is_a_finding() -> None:
    """1 % of April's 30 days are 7 h 12 min."""
    april = at("2026-04-10")
    most = STANDARD.availability_unmeasured_percent
    good = year_of(unmeasured(april, timedelta(hours=7, minutes=12)))
    assert availability_findings("k3v9q2", good, most) == []
    (finding,) = availability_findings("k3v9q2", year_of(unmeasured(april, timedelta(hours=7, minutes=13))), most)
    assert finding.severity is Severity.WRONG
    assert "April 2026" in finding.sentence


def test_a_gap_over_the_turn_of_the_month_counts_in_each_and_suspended_time_is_no_part_of_a_month() -> None:
    """10 h on either side of 1 May in Berlin, of which April has 20 suspended days: 10 of 240 h, and 10 of 744."""
    gap = unmeasured(at("2026-04-30 12:00"), 20 * HOUR)
    gone = Stretch(Standing.NOT_OWED, at("2026-04-05"), at("2026-04-25"), Cause.SUSPENDED)
    found = availability_findings("k3v9q2", year_of(gap, gone), 1.0)
    assert [one.sentence.partition(" were")[0] for one in found] == ["4.2 % of April 2026", "1.3 % of May 2026"]


def test_the_running_month_is_judged_by_its_whole_length() -> None:
    april = at("2026-03-31 22:00")
    hours = unmeasured(april, 7 * HOUR)
    most = STANDARD.availability_unmeasured_percent
    assert availability_findings("k3v9q2", year_of(hours, to=april + 8 * HOUR), most) == []


def test_a_budget_that_is_used_up_is_wrong_and_one_that_would_be_is_watched() -> None:
    used = availability_findings("k3v9q2", year_of(down(at("2026-03-01"), 2 * DAY)), 1.0)
    soon = availability_findings("k3v9q2", year_of(down(at("2026-03-01"), DAY), to=at("2026-04-01")), 1.0)
    assert [one.severity for one in (*used, *soon)] == [Severity.WRONG, Severity.WATCH]
    assert "phm availability k3v9q2" in soon[0].do


def test_a_level_whose_own_share_is_used_up_is_watched_though_the_year_keeps_its_promise() -> None:
    """184 days and an hour at 99.9 % bear 4 h 25 min; the year bears 21 h 47 min."""
    july = at("2026-06-30 22:00")
    levels = [owed(NEW_YEAR, july), owed(july, percent=99.9, level="gold")]

    def found(*others: Stretch) -> list[tuple[Severity, str, str]]:
        told = year_told(line(NEW_YEAR, NEXT_YEAR, *others), levels, 2026, NEXT_YEAR)
        return [(one.severity, one.code, one.sentence) for one in availability_findings("k3v9q2", told, 1.0)]

    assert found(down(at("2026-08-01"), 4 * HOUR)) == found(down(at("2026-03-01"), 17 * HOUR)) == []
    assert found(down(at("2026-08-01"), 5 * HOUR)) == [(
        Severity.WATCH, "budget used up by gold 2026",
        "k3v9q2 has been up 99.886 % of its time by gold: more than its share is used up.",
    )]  # fmt: skip
    assert [one[1] for one in found(down(at("2026-08-01"), 24 * HOUR))] == ["budget used up 2026"]


def test_a_finding_of_the_same_kind_about_many_instances_is_told_as_one() -> None:
    gap = year_of(unmeasured(at("2026-04-10"), DAY))
    broken = year_of(down(at("2026-03-01"), 2 * DAY))
    many = [finding for number in range(11) for finding in availability_findings(f"i{number}", gap, 1.0)]
    told = gathered([*availability_findings("k3v9q2", broken, 1.0), *many])
    assert [one.subject for one in told] == ["instance:k3v9q2", "service"]
    assert told[1].sentence.startswith("11 instances have the same finding (not measured 2026-04). The first: ")
    assert len(gathered(many[:10])) == 10
    soon = availability_findings("m7p4xw", year_of(down(at("2026-03-01"), DAY), to=at("2026-04-01")), 1.0)
    assert [one.severity for one in gathered([*soon, *many])] == [Severity.WRONG, Severity.WATCH]


def test_a_mean_below_the_promise_never_looks_as_if_it_kept_it() -> None:
    assert shown_percent(99.5999) == "99.599"
    assert shown_percent(99.6) == "99.600"
    assert shown_percent(100.0) == "100.000"
    assert shown_percent(99.99999) == "99.999"


def test_nothing_is_owed_before_the_opening_or_after_the_end() -> None:
    assert owed_in([owed(NEXT_YEAR)], 2026) == owed_in([owed(NEW_YEAR - DAY, NEW_YEAR)], 2026) == ()
    told = year_told(line(NEW_YEAR, NEXT_YEAR), [owed(NEXT_YEAR)], 2026, NEXT_YEAR)
    assert (told.days, told.budget, told.percent_owed, told.outages) == ((), ZERO, None, ())


def test_what_is_to_come_of_another_year_is_not_looked_at() -> None:
    told = year_told([], [owed(NEW_YEAR)], 2026, NEW_YEAR - DAY)
    assert (told.days, told.used_up_at) == ((), None)
    assert told.budget == timedelta(minutes=2102.4)


MINUTES = 525_600
STRETCHES = st.lists(
    st.tuples(
        st.integers(0, MINUTES),
        st.integers(1, 40_000),
        st.sampled_from([Standing.DOWN, Standing.UNMEASURED, Standing.NOT_OWED, Standing.OUTSIDE_FAILS]),
    ),
    max_size=8,
)


def stretches(raw: list[tuple[int, int, Standing]]) -> list[Stretch]:
    """Without overlaps, in order, within the year."""
    found: list[Stretch] = []
    for begin, length, standing in sorted(raw):
        since = max(NEW_YEAR + begin * MINUTE, found[-1].until if found else NEW_YEAR)
        until = min(since + length * MINUTE, NEXT_YEAR)
        if since < until:
            found.append(Stretch(standing, since, until, Cause.UNKNOWN))
    return found


@given(STRETCHES, st.integers(1, MINUTES), st.integers(0, MINUTES))
def test_the_sum_of_the_parts_is_the_whole(raw: list[tuple[int, int, Standing]], to: int, opened: int) -> None:
    since, until = NEW_YEAR + opened * MINUTE, NEW_YEAR + to * MINUTE
    told = year_told(line(NEW_YEAR, NEXT_YEAR, *stretches(raw)), [owed(since)], 2026, until)
    assert told.tally.whole == max(ZERO, until - since)
    assert told.tally == tally_of(told.line) == sum((one.tally for one in told.months), Tally())
    assert told.tally == sum((one.tally for one in told.days), Tally()) == sum(told.levels.values(), Tally())
    assert sum((one.length for one in told.outages), ZERO) == told.tally.down
    assert told.tally.percent is None or 0 <= told.tally.percent <= 100
    assert 0 <= told.tally.unmeasured_percent <= 100
    assert ZERO <= told.budget <= timedelta(minutes=2102.4)
    assert told.kept == (told.tally.down <= told.budget)
    assert told.used_up_at is None or NEW_YEAR <= told.used_up_at < NEXT_YEAR
    if told.used_up_at is not None and not told.kept:
        assert told.used_up_at <= until


@given(STRETCHES, st.integers(0, MINUTES - 1), st.integers(1, 5_000))
def test_more_outage_never_makes_anything_look_better(
    raw: list[tuple[int, int, Standing]], begin: int, length: int
) -> None:
    before = stretches(raw)
    more = down(NEW_YEAR + begin * MINUTE, min(length, MINUTES - begin) * MINUTE)
    cut = [
        part
        for one in before
        if one.standing is not Standing.NOT_OWED
        for part in (
            Stretch(one.standing, one.since, min(one.until, more.since), one.cause),
            Stretch(one.standing, max(one.since, more.until), one.until, one.cause),
        )
        if part.since < part.until
    ]
    plain = [one for one in before if one.standing is not Standing.NOT_OWED]
    good, bad = year_of(*plain), year_of(*cut, more)
    assert bad.left <= good.left
    assert bad.tally.percent is not None
    assert good.tally.percent is None or bad.tally.percent <= good.tally.percent
    if good.used_up_at is not None and bad.budget == good.budget:  # what is measured in place of nothing adds to it
        assert bad.used_up_at is not None
        assert bad.used_up_at <= good.used_up_at


@given(st.lists(STRETCHES, min_size=1, max_size=4), st.integers(1, MINUTES))
def test_the_mean_of_a_level_lies_between_those_of_its_instances(
    raws: list[list[tuple[int, int, Standing]]], to: int
) -> None:
    until = NEW_YEAR + to * MINUTE
    years = [year_told(line(NEW_YEAR, NEXT_YEAR, *stretches(raw)), [owed(NEW_YEAR)], 2026, until) for raw in raws]
    (level,) = levels_told(years)
    assert level.tally == sum((one.tally for one in years), Tally())
    assert level.tally == sum((one.tally for one in level_days(years, "")), Tally())
    assert level.left == sum((one.left for one in years), ZERO)
    means = [one.tally.percent for one in years if one.tally.percent is not None]
    if level.tally.percent is not None:
        assert min(means) - 1e-9 <= level.tally.percent <= max(means) + 1e-9


@given(STRETCHES, st.lists(st.integers(1, MINUTES - 1), max_size=3, unique=True))
def test_a_year_cut_at_any_moments_adds_up_to_the_year(raw: list[tuple[int, int, Standing]], cuts: list[int]) -> None:
    edges = [NEW_YEAR, *(NEW_YEAR + cut * MINUTE for cut in sorted(cuts)), NEXT_YEAR]
    levels = [Owed(str(number), 99.6, *edge) for number, edge in enumerate(pairwise(edges))]
    whole = line(NEW_YEAR, NEXT_YEAR, *stretches(raw))
    cut, plain = year_told(whole, levels, 2026, NEXT_YEAR), year_told(whole, [owed(NEW_YEAR)], 2026, NEXT_YEAR)
    assert cut.tally == plain.tally == sum(cut.levels.values(), Tally())
    assert abs(cut.budget - plain.budget) < timedelta(milliseconds=1)
    assert [(one.since, one.until) for one in cut.outages] == [(one.since, one.until) for one in plain.outages]
    assert months_of(days_of(plain.line, plain.owed)) == plain.months


@pytest.mark.parametrize("length", [timedelta(seconds=12), timedelta(microseconds=1)])
def test_a_short_outage_late_in_the_year_foretells_nothing_and_breaks_no_reckoning(length: timedelta) -> None:
    told = year_of(down(at("2026-12-20 12:00"), length), to=at("2026-12-20 13:00"), percent=99.5)
    assert told.used_up_at is None
    assert told.kept
