"""What customers are told of updates, when, and that nobody is told the same twice (P15, P16)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hosting.policy.announcements import (
    Announced,
    NoticeTooShort,
    Times,
    Update,
    UpdateKind,
    UpdateLetter,
    UpdateReason,
    are_other_times,
    check_notice,
    earliest_planned,
    is_silent,
    letter_due,
)
from hosting.policy.maintenance import Window
from hosting.policy.terms import STANDARD
from hosting.policy.values import InstanceName

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOTICE = STANDARD.update_notice
SECURITY = Update("server:security:2026-12-01", UpdateKind.SERVER, UpdateReason.SECURITY)
URGENT = replace(SECURITY, urgent=True)
OPENS = NOW + 4 * DAY


def times(opens: datetime = OPENS, hours: float = 8, stop_seconds: float = 300) -> Times:
    return Times(Window(opens, opens + hours * HOUR), stop_seconds)


PLANNED = Announced(1, SECURITY, InstanceName("k3v9"), times(), version=1, silent=False)
TOLD = replace(PLANNED, told=times(), told_version=1, told_at=NOW)
BEGUN = replace(TOLD, begun_at=OPENS)
ENDED = replace(BEGUN, ended_at=OPENS + HOUR, stopped_seconds=300)


@pytest.mark.parametrize(("turn", "letter"), [
    (PLANNED, UpdateLetter.PLANNED),
    (replace(PLANNED, silent=True), None),
    (replace(PLANNED, begun_at=OPENS), UpdateLetter.PLANNED),  # the relay was down: better late than never
    (TOLD, None),
    (replace(TOLD, version=2, times=times(OPENS + DAY)), UpdateLetter.CHANGED),
    (replace(BEGUN, version=2, times=times(OPENS + DAY)), None),
    (replace(PLANNED, called_off_at=NOW), None),  # nobody was told of it
    (replace(TOLD, called_off_at=NOW), UpdateLetter.CALLED_OFF),
    (replace(TOLD, called_off_at=NOW, last_word=UpdateLetter.CALLED_OFF), None),
    (ENDED, None),
    (replace(ENDED, stopped_seconds=600), None),
    (replace(ENDED, stopped_seconds=601), UpdateLetter.LONGER),
    (replace(ENDED, ended_at=OPENS + 8 * HOUR), None),
    (replace(ENDED, ended_at=OPENS + 9 * HOUR), UpdateLetter.LONGER),
    (replace(ENDED, stopped_seconds=601, last_word=UpdateLetter.LONGER), None),
    (replace(ENDED, told=None), None),
    (replace(ENDED, told=None, update=URGENT), UpdateLetter.PLANNED),  # it was over before its letter
    (replace(ENDED, told=None, update=URGENT, silent=True), None),
    (replace(ENDED, update=URGENT), None),
    # silent, told a few seconds to nobody: a word where it was longer than is left untold
    (replace(ENDED, silent=True, told=None, times=times(stop_seconds=3), stopped_seconds=60), None),
    (replace(ENDED, silent=True, told=None, times=times(stop_seconds=3), stopped_seconds=61), UpdateLetter.LONGER),
])  # fmt: skip
def test_the_letter_that_is_due(turn: Announced, letter: UpdateLetter | None) -> None:
    assert letter_due(turn) is letter


def test_an_update_is_silent_where_it_closes_for_a_moment_off_peak() -> None:
    assert is_silent(times(stop_seconds=60), off_peak=True)
    assert not is_silent(times(stop_seconds=61), off_peak=True)
    assert not is_silent(times(stop_seconds=1), off_peak=False)


def test_what_is_told_is_planned_after_the_notice_and_urgent_work_at_once() -> None:
    assert (earliest_planned(NOW, 60), earliest_planned(NOW, 61)) == (NOW, NOW + NOTICE)
    check_notice(SECURITY, times(NOW + NOTICE), NOW, silent=False)
    check_notice(SECURITY, times(NOW), NOW, silent=True)
    check_notice(replace(SECURITY, urgent=True), times(NOW), NOW, silent=False)
    with pytest.raises(NoticeTooShort, match=r"later than the terms promise.* begin after 2026-12-04 13:00 CET"):
        check_notice(SECURITY, times(NOW + NOTICE - HOUR), NOW, silent=False)


@pytest.mark.parametrize(("changed", "other"), [
    (times(OPENS + HOUR, 7), False),  # within what was told
    (times(OPENS + HOUR, 8), True),
    (times(OPENS - HOUR, 8), True),
    (times(stop_seconds=600), False),
    (times(stop_seconds=601), True),
    (times(stop_seconds=1), False),
])  # fmt: skip
def test_a_customer_is_told_again_where_what_he_was_told_is_not_true_any_more(changed: Times, other: bool) -> None:
    assert are_other_times(times(), changed) is other


def test_the_notice_really_given_is_measured_from_the_letter_with_these_times() -> None:
    assert BEGUN.notice_given == 4 * DAY
    assert replace(BEGUN, told_at=OPENS + HOUR).notice_given == -HOUR
    assert TOLD.notice_given is None
    assert replace(BEGUN, told=None, told_at=None).notice_given is None
