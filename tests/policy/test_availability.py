"""From what probes saw to outages with beginning, end and cause: what nobody measured is never up (P11)."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.availability import (
    Standing,
    Stretch,
    noted_in,
    outages_of,
    server_faults,
    timeline,
    unmeasured_in,
)
from hosting.policy.outage_causes import Cause, Labelled
from hosting.policy.probe_spans import LONGEST_GAP, Answer, Probe, Span, Vantage, spans_of
from tests.policy.lines import HOUR, MINUTE, NAME, at, down, line, span

T0 = at("2026-05-04 10:00")
END = T0 + HOUR


def m(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)


def told(*spans: Span, causes: tuple[Labelled, ...] = ()) -> tuple[Stretch, ...]:
    return timeline(spans, causes, T0, END, MINUTE)


def parts(stretches: tuple[Stretch, ...]) -> list[tuple[str, float, float]]:
    return [(one.standing.value, (one.since - T0) / MINUTE, (one.until - T0) / MINUTE) for one in stretches]


def test_an_outage_begins_with_the_first_probe_that_fails_and_ends_with_the_first_that_is_answered() -> None:
    found = told(
        span("up", T0, T0 + m(19)), span("unreachable", T0 + m(20), T0 + m(24)), span("up", T0 + m(25), END - MINUTE)
    )
    assert parts(found) == [("up", 0, 20), ("down", 20, 25), ("up", 25, 60)]
    (outage,) = outages_of(found)
    assert (outage.since, outage.until, outage.cause, outage.ongoing) == (T0 + m(20), T0 + m(25), Cause.UNKNOWN, False)


@pytest.mark.parametrize("answer", [one for one in Answer if one is not Answer.UP])
def test_every_answer_but_up_is_an_outage(answer: Answer) -> None:
    (outage,) = outages_of(told(span(answer, T0, END)))
    assert outage.length == HOUR
    assert outage.ongoing
    assert outage.parts[0].answer is answer


@pytest.mark.parametrize(
    ("here", "outside", "standing"),
    [
        ("up", "up", Standing.UP),
        ("up", None, Standing.UP),
        ("up", "unreachable", Standing.OUTSIDE_FAILS),
        ("broken", "up", Standing.DOWN),
        ("broken", None, Standing.DOWN),
        ("broken", "broken", Standing.DOWN),
        (None, "up", Standing.UP),
        (None, "unreachable", Standing.DOWN),
        (None, None, Standing.UNMEASURED),
    ],
)
def test_the_location_decides_then_the_outside_then_nobody_knows(
    here: str | None, outside: str | None, standing: Standing
) -> None:
    spans = [span(here, T0, END)] if here else []
    spans += [span(outside, T0, END, "outside")] if outside else []
    (found,) = told(*spans)
    assert found.standing is standing


def test_a_prober_that_stops_is_replaced_by_the_outside_and_then_by_nothing() -> None:
    found = told(
        span("up", T0, T0 + m(10)),
        span("up", T0, T0 + m(19), "outside"),
        span("unreachable", T0 + m(20), T0 + m(29), "outside"),
    )
    assert parts(found) == [("up", 0, 20), ("down", 20, 30), ("unmeasured", 30, 60)]
    assert parts(unmeasured_in(found)) == [("unmeasured", 30, 60)]


def test_a_gap_of_one_lost_probe_is_bridged_a_longer_one_is_not() -> None:
    bridged = told(span("up", T0, T0 + m(10)), span("up", T0 + m(10 + LONGEST_GAP), END))
    assert parts(bridged) == [("up", 0, 60)]
    torn = told(span("up", T0, T0 + m(10)), span("up", T0 + m(10.1 + LONGEST_GAP), END))
    assert [one[0] for one in parts(torn)] == ["up", "unmeasured", "up"]
    assert torn[1].length == m(0.1 + LONGEST_GAP)


def test_a_single_failure_after_which_nobody_looked_counts_for_an_interval() -> None:
    found = told(span("unreachable", T0 + m(30), T0 + m(30)))
    assert parts(found) == [("unmeasured", 0, 30), ("down", 30, 31), ("unmeasured", 31, 60)]


def test_the_newest_answer_holds_until_now_as_long_as_the_next_is_not_overdue() -> None:
    assert parts(told(span("up", T0, END - 2 * MINUTE))) == [("up", 0, 60)]
    assert parts(told(span("up", T0, END - 3 * MINUTE))) == [("up", 0, 57), ("unmeasured", 57, 60)]


def test_what_lies_outside_of_the_time_that_is_asked_for_changes_nothing() -> None:
    before, after = span("broken", T0 - HOUR, T0 - MINUTE), span("broken", END, END + HOUR)
    assert parts(told(before, span("up", T0, END - MINUTE), after)) == [("up", 0, 60)]
    assert timeline([before], [], END, T0, MINUTE) == ()


def test_planned_work_and_agreed_moves_are_outages_with_their_cause() -> None:
    moved = Labelled(Cause.MOVE, T0 + m(18), T0 + m(30), "move to app4")
    (outage,) = outages_of(
        told(
            span("up", T0, T0 + m(19)), span("offline", T0 + m(20), T0 + m(24)), span("up", T0 + m(25), END),
            causes=(moved,),
        )
    )  # fmt: skip
    assert (outage.cause, outage.leading.note, outage.length) == (Cause.MOVE, "move to app4", m(5))


def test_of_overlapping_causes_the_one_about_this_instance_goes_before_that_of_its_server() -> None:
    causes = (
        Labelled(Cause.OURS, T0, None),
        Labelled(Cause.PLANNED, T0, T0 + m(40)),
        Labelled(Cause.UPDATE, T0 + m(10), T0 + m(30)),
        Labelled(Cause.RESTORE, T0 + m(20), T0 + m(25)),
    )
    (outage,) = outages_of(told(span("unreachable", T0, END), causes=causes))
    assert [(one.cause, one.length / MINUTE) for one in outage.parts] == [
        (Cause.PLANNED, 10), (Cause.UPDATE, 10), (Cause.RESTORE, 5), (Cause.UPDATE, 5), (Cause.PLANNED, 10),
        (Cause.OURS, 20),
    ]  # fmt: skip
    assert outage.cause is Cause.PLANNED  # 20 minutes, like OURS; it goes before
    assert sum((one.length for one in outage.parts), timedelta()) == outage.length == HOUR


def test_of_two_causes_of_a_kind_the_later_one_explains() -> None:
    causes = (Labelled(Cause.MOVE, T0, END, "the first"), Labelled(Cause.MOVE, T0 + m(5), END, "the second"))
    (outage,) = outages_of(told(span("unreachable", T0 + m(10), END), causes=causes))
    assert outage.leading.note == "the second"


def test_what_a_person_has_stated_goes_before_what_was_found() -> None:
    causes = (
        Labelled(Cause.MOVE, T0, END, "move to app4"),
        Labelled(Cause.OURS, T0 + m(10), T0 + m(20), "the power supply broke", stated=True),
    )
    (outage,) = outages_of(
        told(span("unreachable", T0 + m(10), T0 + m(19)), span("up", T0 + m(20), END), causes=causes)
    )
    assert (outage.cause, outage.leading.note) == (Cause.OURS, "the power supply broke")


def test_a_suspended_instance_is_not_owed_whatever_the_probes_say() -> None:
    suspended = Labelled(Cause.SUSPENDED, T0 + m(20), None)
    found = told(span("up", T0, T0 + m(29)), span("offline", T0 + m(30), END), causes=(suspended,))
    assert parts(found) == [("up", 0, 20), ("not_owed", 20, 60)]
    assert outages_of(found) == ()


def test_a_domain_that_leads_elsewhere_is_noted_and_no_outage_of_the_server() -> None:
    spans = (
        span("up", T0, END),
        span("up", T0, T0 + m(9), "outside"),
        span("untrusted", T0 + m(10), T0 + m(19), "outside"),
        span("unreachable", T0 + m(20), T0 + m(29), "outside"),
        span("up", T0 + m(30), END, "outside"),
    )
    astray = Labelled(Cause.CUSTOMERS_DNS, T0 + m(5), T0 + m(20), "mail.example.org")
    found = told(*spans, causes=(astray,))
    assert outages_of(found) == ()
    noted = [(one.cause, one.note, one.answer) for one in noted_in(found)]
    assert noted == [
        (Cause.CUSTOMERS_DNS, "mail.example.org", Answer.UNTRUSTED),
        (Cause.WAY_OUT, "", Answer.UNREACHABLE),
    ]


def test_a_domain_by_which_nothing_is_reached_is_noted_where_the_long_form_is_and_nowhere_else() -> None:
    spans = (
        span("up", T0, END),
        span("up", T0, T0 + m(29), "outside"),
        span("unreachable", T0 + m(30), T0 + m(39), "outside"),
        span("up", T0, T0 + m(9), "domain"),
        span("unreachable", T0 + m(10), T0 + m(59), "domain"),
    )
    found = told(*spans)
    assert parts(found) == [
        ("up", 0, 10), ("outside_fails", 10, 30), ("outside_fails", 30, 40), ("up", 40, 60),
    ]  # fmt: skip
    noted = [(one.cause, one.note) for one in noted_in(found)]
    assert noted == [(Cause.CUSTOMERS_DNS, "by its own domain"), (Cause.WAY_OUT, "")]
    assert outages_of(told(span("up", T0, END, "domain"))) == ()
    assert parts(told(span("up", T0, END, "domain"))) == [("unmeasured", 0, 60)]  # it decides nothing


def test_a_server_of_which_nothing_is_reached_is_at_fault_itself() -> None:
    first = line(T0, END, down(T0 + m(10), m(20)))
    second = line(T0, END, down(T0 + m(15), m(20)))
    (fault,) = server_faults([first, second])
    assert (fault.cause, fault.since, fault.until) == (Cause.OURS, T0 + m(15), T0 + m(30))
    silent = [Stretch(Standing.UNMEASURED, T0, END)]
    assert server_faults([first, second, silent]) == (fault,)
    assert server_faults([first, second, line(T0, END)]) == ()
    assert server_faults([first]) == server_faults([first, silent]) == ()


def test_a_fault_that_lasts_ends_where_the_lines_end_and_one_that_moves_on_is_one() -> None:
    lasting = server_faults([line(T0, END, down(T0 + m(50), m(10)))] * 2)
    assert [(one.since, one.until) for one in lasting] == [(T0 + m(50), END)]
    changing = line(T0, END, down(T0, m(5)), down(T0 + m(5), m(5), Cause.UPDATE))
    assert [(one.since, one.until) for one in server_faults([changing, changing])] == [(T0, T0 + m(10))]


PROBES = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(Vantage), st.sampled_from(Answer)),
    max_size=60,
    unique_by=lambda one: one[:2],
)
LABELS = st.lists(st.tuples(st.sampled_from(Cause), st.integers(-5, 60), st.integers(1, 40) | st.none()), max_size=6)


@given(PROBES, LABELS)
def test_a_timeline_has_neither_gaps_nor_overlaps_and_its_outages_are_all_that_is_down(
    probes: list[tuple[int, Vantage, Answer]], labels: list[tuple[Cause, int, int | None]]
) -> None:
    spans = spans_of([Probe(NAME, vantage, answer, T0 + m(minute)) for minute, vantage, answer in probes], MINUTE)
    causes = [
        Labelled(cause, T0 + m(begin), None if length is None else T0 + m(begin + length))
        for cause, begin, length in labels
    ]
    found = timeline(spans, causes, T0, END, MINUTE)
    assert found[0].since == T0
    assert found[-1].until == END
    assert all(before.until == after.since for before, after in pairwise(found))
    assert all(one.length > timedelta() for one in found)
    all_down = sum((one.length for one in found if one.standing is Standing.DOWN), timedelta())
    assert sum((one.length for one in outages_of(found)), timedelta()) == all_down
    assert all(part.cause not in {None, Cause.SUSPENDED} for one in outages_of(found) for part in one.parts)


@given(PROBES)
def test_time_that_no_probe_vouches_for_is_never_up(probes: list[tuple[int, Vantage, Answer]]) -> None:
    spans = spans_of([Probe(NAME, vantage, answer, T0 + m(minute)) for minute, vantage, answer in probes], MINUTE)
    good = sorted(minute for minute, _, answer in probes if answer is Answer.UP)
    for one in timeline(spans, [], T0, END, MINUTE):
        if one.standing in {Standing.UP, Standing.OUTSIDE_FAILS}:
            minutes = range(int((one.since - T0) / MINUTE), int((one.until - T0) / MINUTE))
            assert all(any(minute <= moment < minute + LONGEST_GAP for minute in good) for moment in minutes)


@given(PROBES, LABELS, st.integers(0, 59), st.sampled_from(Vantage))
def test_a_failure_more_never_makes_more_time_up(
    probes: list[tuple[int, Vantage, Answer]],
    labels: list[tuple[Cause, int, int | None]],
    minute: int,
    vantage: Vantage,
) -> None:
    def up(known: dict[tuple[int, Vantage], Answer]) -> timedelta:
        spans = spans_of([Probe(NAME, by, answer, T0 + m(when)) for (when, by), answer in known.items()], MINUTE)
        causes = [Labelled(cause, T0 + m(begin), None) for cause, begin, _ in labels]
        found = timeline(spans, causes, T0, END, MINUTE)
        return sum((one.length for one in found if one.standing in {Standing.UP, Standing.OUTSIDE_FAILS}), timedelta())

    before = {(when, by): answer for when, by, answer in probes}
    if (minute, vantage) in before:
        assert up({**before, (minute, vantage): Answer.UNREACHABLE}) <= up(before)
