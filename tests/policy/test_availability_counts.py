"""A year whose probes are forgotten is told by the days that were counted before, and the outages on record (P11)."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.availability import Standing, Stretch, outages_of
from hosting.policy.availability_counts import Counted, with_counts
from hosting.policy.availability_days import days_of, tally_of
from hosting.policy.months import start_of
from hosting.policy.outage_causes import Cause, Labelled
from tests.policy.lines import DAY, HOUR, MINUTE, at, down, line, owed

JUNE = date(2024, 6, 1)
SINCE, UNTIL = start_of(JUNE), start_of(JUNE + 3 * DAY)
NOTHING = timedelta()


def counted(day: date, down_: timedelta = NOTHING, unmeasured: timedelta = NOTHING, whole: timedelta = DAY) -> Counted:
    return Counted(day, whole - down_ - unmeasured, down_, unmeasured)


def test_a_forgotten_day_has_the_sums_that_were_counted_and_its_outage_where_it_was() -> None:
    began = at("2024-06-01 10:00")
    record = Labelled(Cause.MOVE, began, began + HOUR, "move to app4")
    found = with_counts([], [owed(SINCE, UNTIL)], [counted(JUNE, HOUR, 2 * HOUR)], [record], UNTIL)
    first = days_of(found, [owed(SINCE, UNTIL)])[0].tally
    assert (first.up, first.down, first.unmeasured) == (21 * HOUR, HOUR, 2 * HOUR)
    (outage,) = outages_of(found)
    assert (outage.since, outage.until, outage.cause, outage.leading.note) == (
        began, began + HOUR, Cause.MOVE, "move to app4",
    )  # fmt: skip
    assert tally_of(found).unmeasured == 2 * HOUR + 2 * DAY


def test_what_probes_still_tell_is_not_replaced() -> None:
    told = line(SINCE, UNTIL, down(SINCE + HOUR, 5 * MINUTE, Cause.OURS))
    assert list(with_counts(told, [owed(SINCE, UNTIL)], [counted(JUNE, 5 * MINUTE)], [], UNTIL)) == told


def test_an_outage_over_midnight_is_one() -> None:
    midnight = SINCE + DAY
    record = Labelled(Cause.OURS, midnight - HOUR, midnight + HOUR)
    counts = [counted(JUNE, HOUR), counted(JUNE + DAY, HOUR)]
    (outage,) = outages_of(with_counts([], [owed(SINCE, UNTIL)], counts, [record], UNTIL))
    assert outage.length == 2 * HOUR


def test_what_was_down_and_is_on_record_nowhere_counts_all_the_same() -> None:
    found = with_counts([], [owed(SINCE, UNTIL)], [counted(JUNE, HOUR)], [], UNTIL)
    assert [(one.cause, one.length) for one in outages_of(found)] == [(Cause.UNKNOWN, HOUR)]


def test_what_lacks_of_a_day_was_not_owed_and_the_day_of_the_opening_begins_with_it() -> None:
    suspended = with_counts([], [owed(SINCE, UNTIL)], [counted(JUNE, whole=20 * HOUR)], [], UNTIL)
    assert tally_of(suspended).not_owed == 4 * HOUR
    opened = SINCE + 14 * HOUR
    found = with_counts([], [owed(opened, UNTIL)], [counted(JUNE, whole=10 * HOUR)], [], UNTIL)
    assert (found[0].since, found[0].standing, found[0].length) == (opened, Standing.UP, 10 * HOUR)


@given(
    st.lists(st.tuples(st.integers(0, 86_400), st.integers(0, 86_400)), min_size=3, max_size=3),
    st.lists(st.tuples(st.integers(0, 4_320), st.integers(1, 600)), max_size=5),
    st.lists(st.tuples(st.integers(0, 4_320), st.integers(1, 2_000)), max_size=3),
)
def test_sums_of_forgotten_days_are_those_that_were_counted(
    raw: list[tuple[int, int]], outages: list[tuple[int, int]], gaps: list[tuple[int, int]]
) -> None:
    counts = []
    for number, (first, second) in enumerate(raw):
        low, high = sorted((first, second))
        counts.append(
            Counted(
                JUNE + number * DAY, timedelta(seconds=low), timedelta(seconds=high - low),
                timedelta(seconds=86_400 - high),
            )
        )  # fmt: skip
    records, free = [], SINCE
    for begin, length in sorted(outages):
        since = max(free, SINCE + begin * MINUTE)
        free = since + length * MINUTE
        records.append(Labelled(Cause.OURS, since, free))
    parts, free = [], SINCE
    for begin, length in sorted(gaps):
        since = max(free, SINCE + begin * MINUTE)
        free = min(UNTIL, since + length * MINUTE)
        if since < free:
            parts.append(Stretch(Standing.UNMEASURED, since, free))
    part = [owed(SINCE, UNTIL)]
    told = with_counts(line(SINCE, UNTIL, *parts), part, counts, records, UNTIL)
    assert all(before.until == after.since for before, after in pairwise(told))
    assert (told[0].since, told[-1].until) == (SINCE, UNTIL)
    before = {one.day: one.tally for one in days_of(line(SINCE, UNTIL, *parts), part)}
    for one, count in zip(days_of(told, part), counts, strict=True):
        if before[one.day].unmeasured > count.unmeasured:
            assert (one.tally.up, one.tally.down, one.tally.unmeasured) == (count.up, count.down, count.unmeasured)
        else:
            assert one.tally == before[one.day]
