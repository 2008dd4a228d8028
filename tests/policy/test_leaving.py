"""A contract ends at the first midnight after its last day, is kept for its days, and is deleted when it may be (P41)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.booking_refusals import AlreadyCancelled, ContractOver
from hosting.policy.leaving import (
    NOTHING,
    EndFacts,
    EndsTooEarly,
    Next,
    NotDueYet,
    NotEnded,
    OnHold,
    Step,
    check_may_delete,
    end_day,
    listing_of,
    next_step,
    passed_over,
)
from hosting.policy.states import EndState, InstanceState
from hosting.policy.terms import STANDARD
from tests.policy.contracts import contract

BERLIN = ZoneInfo("Europe/Berlin")
ASKED = datetime(2026, 11, 2, 12, tzinfo=UTC)
END = EndFacts(
    7, "k3v9q2", 3, EndState.NOTICED, date(2027, 1, 1), STANDARD.ended_kept_days, InstanceState.ACTIVE, "olga",
    "by mail", ASKED,
)  # fmt: skip
MIDNIGHT = datetime(2026, 12, 31, 23, tzinfo=UTC)
HOUR = timedelta(hours=1)
ENDED = replace(END, state=EndState.ENDED, ended_at=MIDNIGHT + HOUR)


def at(day: int, hour: int, month: int = 12, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, tzinfo=BERLIN)


def due(end: EndFacts, now: datetime) -> Next:
    return next_step(end, STANDARD, now)


def test_the_earliest_end_is_that_of_the_minimum_term_and_of_the_notice() -> None:
    booked = contract()
    assert end_day(booked, date(2026, 3, 1), None) == date(2027, 1, 1)
    assert end_day(booked, date(2026, 12, 24), None) == date(2027, 1, 24)
    assert end_day(booked, date(2026, 12, 24), date(2027, 6, 30)) == date(2027, 6, 30)


def test_a_day_before_the_earliest_is_refused_with_the_day_that_would_do() -> None:
    with pytest.raises(EndsTooEarly, match=r"may end on 2027-01-24 at the earliest\. Name 2027-01-24") as refused:
        end_day(contract(), date(2026, 12, 24), date(2027, 1, 23))
    assert refused.value.works_from == date(2027, 1, 24)


def test_notice_is_given_once_and_of_a_contract_that_runs() -> None:
    base = contract().bookings[0]
    noticed = replace(contract(), bookings=(replace(base, ends_on=date(2027, 3, 1)),))
    with pytest.raises(AlreadyCancelled):
        end_day(noticed, date(2027, 1, 1), None)
    over = replace(contract(), bookings=(replace(base, is_over=True),))
    with pytest.raises(ContractOver):
        end_day(over, date(2027, 1, 1), None)


def test_it_ends_at_the_first_midnight_in_berlin_after_the_last_day_in_summer_and_winter() -> None:
    assert END.effective_at == MIDNIGHT
    assert replace(END, ends_on=date(2027, 7, 1)).effective_at == datetime(2027, 6, 30, 22, tzinfo=UTC)
    assert due(replace(END, point_at=MIDNIGHT - HOUR), MIDNIGHT - timedelta(seconds=1)).at == MIDNIGHT
    assert due(END, MIDNIGHT).step is Step.CLOSE


def test_the_customer_is_reminded_thirty_seven_and_one_day_before_each_once() -> None:
    moment, end, sent = ASKED, END, []
    while (step := due(end, moment)).step is not Step.LAST_POINT:
        if step.step is Step.REMIND:
            sent.append((moment.astimezone(BERLIN), step.days))
            end = replace(end, reminded=passed_over(end, STANDARD, moment))
        else:
            assert step.at is not None
            assert step.at > moment
            moment = step.at
    assert sent == [(at(2, 10), 30), (at(25, 10), 7), (at(31, 10), 1)]
    assert moment == MIDNIGHT - HOUR


def test_of_reminders_that_were_missed_the_last_alone_is_sent() -> None:
    assert due(END, at(30, 8)) == Next(Step.REMIND, days=7)
    assert passed_over(END, STANDARD, at(30, 8)) == (30, 7)


def test_who_gives_notice_late_is_not_reminded_of_what_the_confirmation_said() -> None:
    late = replace(END, asked_at=at(20, 12))
    assert due(late, at(20, 12)) == Next(Step.WAIT, at(25, 10))


def test_the_last_recovery_point_is_taken_in_the_hour_before_and_once() -> None:
    assert due(END, MIDNIGHT - HOUR).step is Step.LAST_POINT
    assert due(replace(END, point_at=MIDNIGHT - HOUR / 2), MIDNIGHT - HOUR / 4) == Next(Step.WAIT, MIDNIGHT)
    assert due(replace(END, point_at=MIDNIGHT - 5 * HOUR), MIDNIGHT - HOUR / 4).step is Step.LAST_POINT


def test_what_has_ended_is_kept_for_thirty_days_and_what_was_closed_late_for_as_long() -> None:
    assert ENDED.delete_at == datetime(2027, 1, 30, 23, tzinfo=UTC)
    assert due(ENDED, MIDNIGHT + HOUR) == Next(Step.WAIT, ENDED.delete_at)
    assert due(ENDED, ENDED.delete_at).step is Step.DELETE
    late = replace(ENDED, ended_at=MIDNIGHT + timedelta(days=3))
    assert late.delete_at == ENDED.delete_at + timedelta(days=3)


def test_a_hold_keeps_it_for_as_long_as_it_lasts() -> None:
    held = replace(ENDED, hold_by="olga", hold_why="a lawyer's letter.")
    assert due(held, held.delete_at).step is Step.WAIT
    with pytest.raises(OnHold, match="on hold, by olga: a lawyer's letter"):
        check_may_delete(held, InstanceState.CLOSED, held.delete_at)


@pytest.mark.parametrize("state", [one for one in InstanceState if one is not InstanceState.CLOSED])
def test_an_instance_in_another_state_is_never_deleted(state: InstanceState) -> None:
    with pytest.raises(NotEnded):
        check_may_delete(ENDED, state, ENDED.delete_at)


@pytest.mark.parametrize("state", [one for one in EndState if one not in {EndState.ENDED, EndState.DELETING}])
def test_what_has_not_ended_or_was_called_off_is_never_deleted(state: EndState) -> None:
    with pytest.raises(NotEnded):
        check_may_delete(replace(ENDED, state=state), InstanceState.CLOSED, ENDED.delete_at)


@given(st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=400)))
def test_nothing_is_deleted_before_its_day_and_everything_from_then_on(later: timedelta) -> None:
    now = ENDED.delete_at + later
    if later < timedelta():
        with pytest.raises(NotDueYet):
            check_may_delete(ENDED, InstanceState.CLOSED, now)
        assert due(ENDED, now).step is Step.WAIT
    else:
        check_may_delete(ENDED, InstanceState.CLOSED, now)
        assert due(ENDED, now).step is Step.DELETE


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=200)))
def test_who_waits_waits_for_a_moment_that_is_to_come(later: timedelta) -> None:
    now = ASKED + later
    for end in (END, ENDED):
        found = due(end, now)
        if found.step is Step.WAIT:
            assert found.at is not None
            assert found.at > now


def test_a_deletion_that_was_begun_is_gone_on_with_and_what_is_over_is_left_alone() -> None:
    assert due(replace(ENDED, state=EndState.DELETING), ENDED.delete_at).step is Step.DELETE
    assert due(replace(ENDED, state=EndState.REOPENING), ENDED.delete_at).step is Step.REOPEN
    for state in (EndState.DELETED, EndState.CALLED_OFF):
        assert due(replace(ENDED, state=state), ENDED.delete_at) == Next(Step.WAIT)


def test_a_listing_is_the_same_in_whatever_order_things_were_found() -> None:
    there = [("b", 3), ("a/ä", 40), ("a", 0)]
    one = listing_of(there)
    assert one == listing_of(reversed(there))
    assert (one.count, one.bytes) == (3, 43)
    assert one.sha256 == sha256("a\t0\na/ä\t40\nb\t3\n".encode()).hexdigest()
    assert listing_of([]) == NOTHING
