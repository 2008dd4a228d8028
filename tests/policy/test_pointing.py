"""A domain counts as pointed when nobody who asks for it is led elsewhere (P30)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.pointing import (
    LOOKS,
    REMINDED_AFTER_DAYS,
    WAITS,
    Seen,
    led_by,
    next_look,
    own_addresses,
    pointing,
    reminder_due,
)

OURS = ("192.0.2.7", "2001:db8::7")
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seen", "points", "told"),
    [
        ([Seen("9.9.9.9", ("192.0.2.7",))], True, "leads to the server, say 1 of 1 resolvers."),
        ([Seen("", OURS)], True, "leads to the server"),
        ([Seen(one, ("192.0.2.7",)) for one in "ab"], True, "say 2 of 2 resolvers"),
        ([Seen("a", OURS), Seen("b", OURS), Seen("c", (), silent=True)], True, "say 2 of 3 resolvers"),
        (
            [Seen("a", OURS), Seen("b", (), silent=True)],
            False,
            "Of 2 resolvers a alone says anything of post.example.de.",
        ),
        (
            [Seen("a", (), silent=True), Seen("", ("192.0.2.9",))],
            False,
            "Of 2 resolvers the system alone says anything",
        ),
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


@pytest.mark.parametrize(
    ("answering", "asked", "known"),
    [(0, 1, False), (1, 1, True), (1, 2, False), (2, 2, True), (1, 3, False), (2, 3, True)],
)
def test_nothing_is_known_unless_two_of_several_answer(answering: int, asked: int, known: bool) -> None:
    seen = [Seen(str(one), ("192.0.2.9",) if one < answering else (), silent=one >= answering) for one in range(asked)]
    assert pointing("post.example.de", seen, OURS).known is known


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


# --- our own servers, by the same resolvers ---

HOST = "post.example.de"
FOUND = [[Seen("a", OURS), Seen("b", OURS)]]


def test_the_same_resolver_twice_is_one() -> None:
    assert pointing(HOST, [Seen("a", OURS), Seen("a", OURS)], OURS).told.endswith("say 1 of 1 resolvers.")
    one = own_addresses([[Seen("a", OURS), Seen("a", OURS), Seen("b", (), silent=True)]])
    assert (one.agreed, one.known) == (frozenset(), False)


def test_what_one_resolver_alone_says_of_our_servers_makes_nothing_ours_and_nobody_astray() -> None:
    own = own_addresses([[Seen("a", ("192.0.2.7",)), Seen("b", ("192.0.2.7", "192.0.2.9"))]])
    assert (own.agreed, own.alone) == ({"192.0.2.7"}, {"192.0.2.9"})
    assert led_by(HOST, [Seen(one, ("192.0.2.7",)) for one in "ab"], own).points
    doubtful = led_by(HOST, [Seen("a", ("192.0.2.7",)), Seen("b", ("192.0.2.9",))], own)
    assert (doubtful.points, doubtful.known) == (False, False)
    astray = led_by(HOST, [Seen("a", ("192.0.2.7",)), Seen("b", ("192.0.2.8",))], own)
    assert (astray.points, astray.known) == (False, True)


def test_while_our_own_servers_are_not_known_nothing_is_known_of_a_domain() -> None:
    own = own_addresses([[Seen("a", OURS), Seen("b", (), silent=True)]])
    found = led_by(HOST, [Seen(one, ("192.0.2.9",)) for one in "ab"], own)
    assert (found.points, found.known) == (False, False)


@pytest.mark.parametrize(
    ("own", "known"), [(FOUND, True), ([[Seen("a", OURS), Seen("b", (), silent=True, failed=True)]], False)]
)
def test_what_can_not_be_found_out_is_gone_where_the_same_resolver_finds_our_servers(
    own: list[list[Seen]], known: bool
) -> None:
    broken = [Seen(one, (), silent=True, failed=True) for one in "ab"]
    found = led_by(HOST, broken, own_addresses(own))
    assert (found.points, found.known) == (False, known)
    silent = [Seen(one, (), silent=True) for one in "ab"]
    assert not led_by(HOST, silent, own_addresses(own)).known
