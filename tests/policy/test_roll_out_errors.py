"""A ring whose instances answer worse since their update halts the roll-out; a hiccup does not (P17)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.probe_spans import Answer, Span, Vantage
from hosting.policy.roll_out_errors import Asked, Updated, asked, error_halt
from hosting.policy.values import InstanceName

AT = datetime(2026, 11, 27, 22, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def span(answer: Answer, first: int, last: int) -> Span:
    """A probe each minute, from one minute to another."""
    return Span(InstanceName("i1"), Vantage.OUTSIDE, answer, AT + first * MINUTE, AT + last * MINUTE, last - first + 1)


def test_probes_are_counted_where_they_fall() -> None:
    spans = [span(Answer.UP, 0, 9), span(Answer.OFFLINE, 10, 10), span(Answer.BROKEN, 11, 14)]
    assert asked(spans, AT, AT + 60 * MINUTE) == Asked(15, 4)
    assert asked(spans, AT + 5 * MINUTE, AT + 12 * MINUTE) == Asked(8, 2)
    assert asked(spans, AT + 15 * MINUTE, AT + 60 * MINUTE) == Asked()


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
    assert bool(error_halt([Updated(0, before, since)], 5.0)) is halts


def test_a_ring_is_judged_as_a_whole_and_by_itself() -> None:
    well, ill = Updated(0, Asked(120), Asked(60)), Updated(1, Asked(120), Asked(4, 3))
    assert error_halt([well, ill], 5.0) == (
        "75 % of the probes of ring 1 fail since its update, 0 % did before; 5 % more are borne."
    )
    same_ring = [Updated(1, Asked(120), Asked(60)) for _ in range(10)]
    assert error_halt([*same_ring, ill], 5.0) == ""
