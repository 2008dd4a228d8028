"""A domain counts as pointed when nobody who asks for it is led elsewhere (P30)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.pointing import LOOKS, REMINDED_AFTER_DAYS, WAITS, Seen, next_look, pointing, reminder_due

OURS = ("192.0.2.7", "2001:db8::7")
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seen", "points", "told"),
    [
        ([Seen("9.9.9.9", ("192.0.2.7",))], True, "leads to the server, say 1 of 1 resolvers."),
        ([Seen("", OURS)], True, "leads to the server"),
        ([Seen("a", ("192.0.2.7",)), Seen("b", (), silent=True)], True, "say 1 of 2 resolvers"),
        ([Seen("a", ("192.0.2.7",)), Seen("b", ())], False, "leads nowhere, says b."),
        ([Seen("a", ("192.0.2.7",)), Seen("b", ("192.0.2.9",))], False, "leads to 192.0.2.9, says b."),
        ([Seen("a", ("192.0.2.7", "2001:db8::9"))], False, "leads to 2001:db8::9, says a."),
        ([Seen("", ())], False, "leads nowhere, says the system."),
        ([Seen("a", (), silent=True)], False, "No resolver says anything of post.example.de."),
        ([], False, "No resolver says anything"),
    ],
)
def test_every_resolver_that_answers_has_to_lead_here_and_nowhere_else(
    seen: list[Seen], points: bool, told: str
) -> None:
    found = pointing("post.example.de", seen, OURS)
    assert found.points is points
    assert told in found.told


@given(st.lists(st.lists(st.sampled_from([*OURS, "192.0.2.9"]), max_size=3), min_size=1, max_size=4))
def test_it_points_exactly_if_all_say_something_and_only_ours(answers: list[list[str]]) -> None:
    seen = [Seen(str(number), tuple(one)) for number, one in enumerate(answers)]
    expected = all(one and set(one) <= set(OURS) for one in answers)
    assert pointing("post.example.de", seen, OURS).points is expected


@pytest.mark.parametrize(
    ("waited", "again"),
    [
        (timedelta(0), timedelta(minutes=2)),
        (timedelta(minutes=59), timedelta(minutes=2)),
        (timedelta(hours=1), timedelta(minutes=15)),
        (timedelta(days=1), timedelta(hours=1)),
        (timedelta(days=29, hours=23), timedelta(hours=1)),
        (timedelta(days=30), None),
    ],
)
def test_it_is_looked_at_often_at_first_and_not_for_ever(waited: timedelta, again: timedelta | None) -> None:
    assert next_look(NOW - waited, NOW) == (NOW + again if again else None)


def test_of_a_domain_that_waits_the_customer_is_reminded_a_few_times_and_then_a_person_has_it() -> None:
    told: list[int] = []
    for day in range(60):
        if days := reminder_due(NOW - timedelta(days=day), NOW, told):
            told.append(days)
    assert tuple(told) == REMINDED_AFTER_DAYS
    assert max(REMINDED_AFTER_DAYS) < WAITS.days
    assert reminder_due(NOW - timedelta(days=20), NOW, ()) == 14  # the first one was missed
    assert reminder_due(NOW - timedelta(days=20), NOW, (14,)) is None
    assert reminder_due(NOW - WAITS, NOW, ()) is None


def test_the_times_between_two_looks_only_grow() -> None:
    assert sorted(LOOKS) == list(LOOKS)
    assert [every for _, every in LOOKS] == sorted(every for _, every in LOOKS)
