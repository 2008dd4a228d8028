"""A ring whose instances answer worse since their update halts the roll-out; a hiccup does not (P17)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.outage_causes import Cause, Labelled
from hosting.policy.probe_spans import Answer, Span, Vantage
from hosting.policy.roll_out_errors import Asked, Updated, asked, error_halt, is_judged, waits
from hosting.policy.values import InstanceName

AT = datetime(2026, 11, 27, 22, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def span(answer: Answer, first: int, last: int) -> Span:
    """A probe each minute, from one minute to another."""
    return Span(InstanceName("i1"), Vantage.OUTSIDE, answer, AT + first * MINUTE, AT + last * MINUTE, last - first + 1)


def updated(ring: int, before: Asked, since: Asked) -> Updated:
    return Updated(ring, before, since, AT + 3 * MINUTE)


def test_probes_are_counted_where_they_fall() -> None:
    spans = [span(Answer.UP, 0, 9), span(Answer.OFFLINE, 10, 10), span(Answer.BROKEN, 11, 14)]
    assert asked(spans, AT, AT + 60 * MINUTE) == Asked(15, 4)
    assert asked(spans, AT + 5 * MINUTE, AT + 12 * MINUTE) == Asked(8, 2)
    assert asked(spans, AT + 15 * MINUTE, AT + 60 * MINUTE) == Asked()


def test_what_other_work_explains_is_not_the_release_s() -> None:
    spans = [span(Answer.UP, 0, 9), span(Answer.UNREACHABLE, 10, 14), span(Answer.BROKEN, 15, 16)]
    hour = AT, AT + 60 * MINUTE

    def during(cause: Cause) -> Asked:
        return asked(spans, *hour, [Labelled(cause, AT + 9 * MINUTE, AT + 15 * MINUTE)])

    assert asked(spans, *hour) == Asked(17, 7)
    for cause in (Cause.PLANNED, Cause.MOVE, Cause.RESTORE, Cause.IMPORT, Cause.SUSPENDED):
        assert during(cause) == Asked(11, 2)
    for cause in (Cause.UPDATE, Cause.OURS, Cause.UNKNOWN, Cause.WAY_OUT):
        assert during(cause) == Asked(17, 7)
    assert asked(spans, *hour, [Labelled(Cause.PLANNED, AT + 9 * MINUTE, None)]) == Asked(9, 0)  # not back yet


def test_the_last_probe_of_a_span_counts_though_its_probes_were_not_even() -> None:
    uneven = Span(InstanceName("i1"), Vantage.OUTSIDE, Answer.UP, AT - 30 * MINUTE, AT + 2 * MINUTE, 32)
    assert asked([uneven], AT, AT + 2 * MINUTE) == Asked(2)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_a_time_cut_in_two_has_the_same_probes(first: int, length: int, cut: int) -> None:
    spans = [span(Answer.BROKEN, first, first + length)]
    second = timedelta(seconds=1)
    parts = asked(spans, AT, AT + cut * MINUTE), asked(spans, AT + cut * MINUTE + second, AT + 200 * MINUTE)
    assert parts[0].errors + parts[1].errors == length + 1


@pytest.mark.parametrize(
    ("before", "since", "halts"),
    [
        (Asked(120), Asked(20, 3), True),
        (Asked(120), Asked(20, 2), False),  # a hiccup
        (Asked(120), Asked(120, 6), False),  # 5 %
        (Asked(120), Asked(120, 7), True),
        (Asked(120, 120), Asked(20, 20), False),  # it was ill already
        (Asked(), Asked(20, 20), True),  # nobody had asked before
        (Asked(), Asked(), False),
    ],
)
def test_more_errors_than_before_halt(before: Asked, since: Asked, halts: bool) -> None:
    assert bool(error_halt([updated(0, before, since)], 5.0)) is halts


def test_a_ring_is_judged_as_a_whole_and_by_itself() -> None:
    well, ill = updated(0, Asked(120), Asked(60)), updated(1, Asked(120), Asked(4, 3))
    assert error_halt([well, ill], 5.0) == (
        "75 % of the probes of ring 1 fail since its update, 0 % did before; 5 % more are borne."
    )
    same_ring = [updated(1, Asked(120), Asked(60)) for _ in range(10)]
    assert error_halt([*same_ring, ill], 5.0) == ""


@pytest.mark.parametrize(
    ("ring", "judged", "waited_for"),
    [
        ([(Asked(120), Asked(3))], True, False),
        ([(Asked(120), Asked(2))], False, True),  # two errors would be a hiccup
        ([(Asked(120), Asked(4)), (Asked(120), Asked())], False, True),  # each is asked once at least
        ([(Asked(120), Asked(4)), (Asked(), Asked())], True, False),  # nobody asks the other one
        ([(Asked(), Asked())], False, False),  # no prober is there
        ([(Asked(), Asked(3))], True, False),
    ],
)
def test_a_ring_waits_a_little_for_those_who_asked_before(
    ring: list[tuple[Asked, Asked]], judged: bool, waited_for: bool
) -> None:
    found = [updated(1, *one) for one in ring]
    assert (is_judged(found, 1), waits(found, 1, AT + MINUTE)) == (judged, waited_for)
    assert not waits(found, 1, AT + 3 * MINUTE)
    assert not waits(found, 2, AT)
