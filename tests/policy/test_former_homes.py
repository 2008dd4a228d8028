"""Names are passed on until everybody comes to the right server; who has not changed his DNS is reminded (P10, P24)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.former_homes import Next, Passing, is_told, next_step, quiet_since
from hosting.policy.pointing import Pointing
from hosting.policy.terms import STANDARD, terms_with

LEFT = datetime(2026, 12, 1, 22, 0, tzinfo=UTC)
DAY = timedelta(days=1)
OURS, THEIRS = Passing(LEFT, is_domain=False), Passing(LEFT, is_domain=True)
RIGHT = Pointing(points=True, told="It leads there.")
ASTRAY = Pointing(points=False, told="It leads elsewhere.")
SILENT = Pointing(points=False, told="Nobody says anything.", known=False)


def test_the_passing_on_of_a_name_ends_once_everybody_has_come_to_the_right_server_for_its_rest() -> None:
    seen = replace(OURS, quiet_since=quiet_since(OURS, RIGHT, LEFT))
    assert next_step(seen, LEFT + STANDARD.passed_on_rests - timedelta(seconds=1)) is Next.WAIT
    assert next_step(seen, LEFT + STANDARD.passed_on_rests) is Next.END


def test_the_rest_begins_anew_when_somebody_comes_astray_and_not_when_nobody_answers() -> None:
    seen = replace(THEIRS, quiet_since=LEFT)
    assert quiet_since(seen, RIGHT, LEFT + DAY) == LEFT
    assert quiet_since(seen, SILENT, LEFT + DAY) == LEFT
    assert quiet_since(seen, ASTRAY, LEFT + DAY) is None
    assert quiet_since(THEIRS, SILENT, LEFT + DAY) is None


@pytest.mark.parametrize(
    ("days", "reminders", "due"),
    [(0, 0, Next.WAIT), (6, 0, Next.WAIT), (7, 0, Next.REMIND), (20, 1, Next.WAIT), (21, 1, Next.REMIND), (42, 2, Next.REMIND)],
)  # fmt: skip
def test_who_has_not_changed_the_dns_of_his_domain_is_reminded(days: int, reminders: int, due: Next) -> None:
    assert next_step(replace(THEIRS, reminders=reminders), LEFT + days * DAY) is due


def test_after_the_last_reminder_a_person_is_told_and_the_domain_is_passed_on_all_the_same() -> None:
    last = LEFT + 42 * DAY
    reminded = replace(THEIRS, reminders=len(STANDARD.domain_reminder_days), reminded_at=last)
    assert next_step(reminded, last + 13 * DAY) is Next.WAIT
    assert next_step(reminded, last + 14 * DAY) is Next.TELL
    assert next_step(reminded, last + 1000 * DAY) is Next.TELL


def test_nobody_is_reminded_of_a_zone_that_is_ours_and_a_person_is_told() -> None:
    assert next_step(OURS, LEFT + 13 * DAY) is Next.WAIT
    assert next_step(OURS, LEFT + 14 * DAY) is Next.TELL


def test_a_level_may_remind_on_other_days() -> None:
    terms = terms_with({"domain_reminder_days": [1], "passed_on_rests": 1})
    assert next_step(THEIRS, LEFT + DAY, terms) is Next.REMIND
    seen = replace(THEIRS, quiet_since=LEFT)
    assert next_step(seen, LEFT + timedelta(hours=1), terms) is Next.END


@given(st.lists(st.sampled_from([RIGHT, ASTRAY, SILENT]), max_size=200), st.booleans())
def test_no_name_ends_while_somebody_was_seen_astray_within_its_rest(looks: list[Pointing], own: bool) -> None:
    passing, astray_at = Passing(LEFT, is_domain=own), LEFT
    for number, found in enumerate(looks):
        at = LEFT + number * timedelta(hours=1)
        passing = replace(passing, quiet_since=quiet_since(passing, found, at))
        if found is ASTRAY:
            astray_at = at
        due = next_step(passing, at)
        if due is Next.END:
            assert at - astray_at >= STANDARD.passed_on_rests
        if due is Next.REMIND:
            passing = replace(passing, reminders=passing.reminders + 1, reminded_at=at)
    assert passing.reminders <= len(STANDARD.domain_reminder_days) * own


def test_a_person_is_told_of_a_server_that_is_silent_for_days() -> None:
    assert not is_told(LEFT, LEFT + 2 * DAY)
    assert is_told(LEFT, LEFT + STANDARD.home_silent_days * DAY)
