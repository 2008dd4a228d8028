"""Results of probes kept as runs: nothing that was not measured is in one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.probe_spans import LONGEST_GAP, Answer, Probe, Span, Vantage, extended, spans_of, with_probe
from hosting.policy.values import InstanceName

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ONE = InstanceName("phm00001")
OUTSIDE = Vantage.OUTSIDE


def probe(minutes: float, answer: Answer = Answer.UP, instance: str = ONE, vantage: Vantage = OUTSIDE) -> Probe:
    """A probe so many minutes after the start."""
    return Probe(InstanceName(instance), vantage, answer, START + minutes * MINUTE)


@pytest.mark.parametrize(
    ("status", "answer"),
    [(401, Answer.UP), (503, Answer.OFFLINE), (500, Answer.BROKEN), (200, Answer.BROKEN), (404, Answer.BROKEN)],
)
def test_only_the_question_who_one_is_means_up(status: int, answer: Answer) -> None:
    assert Answer.of(status) is answer


def test_equal_results_are_one_span() -> None:
    spans = spans_of([probe(minute) for minute in range(60)], MINUTE)
    assert spans == (Span(ONE, OUTSIDE, Answer.UP, START, START + 59 * MINUTE, 60),)


def test_another_answer_begins_another_span() -> None:
    spans = spans_of([probe(0), probe(1, Answer.BROKEN), probe(2)], MINUTE)
    assert [one.answer for one in spans] == [Answer.UP, Answer.BROKEN, Answer.UP]


@pytest.mark.parametrize(("gap", "spans"), [(LONGEST_GAP, 1), (LONGEST_GAP + 0.1, 2)])
def test_a_span_has_no_gap_longer_than_two_intervals(gap: float, spans: int) -> None:
    assert len(spans_of([probe(0), probe(gap)], MINUTE)) == spans


def test_a_probe_that_is_told_twice_counts_once() -> None:
    grown = with_probe(with_probe(None, probe(0), MINUTE), probe(1), MINUTE)
    assert with_probe(grown, probe(1), MINUTE) == grown


def test_vantages_and_instances_are_kept_apart() -> None:
    probes = [probe(0), probe(0.5, vantage=Vantage.LOCATION), probe(0.7, instance="phm00002"), probe(1)]
    assert sorted(one.probes for one in spans_of(probes, MINUTE)) == [1, 1, 2]


@given(
    st.lists(st.tuples(st.integers(1, 5), st.sampled_from(Answer), st.sampled_from(Vantage)), min_size=1, max_size=40)
)
def test_each_probe_is_in_exactly_one_span_one_by_one_or_at_once(steps: list[tuple[int, Answer, Vantage]]) -> None:
    minutes, probes = 0, []
    for step, answer, vantage in steps:
        minutes += step
        probes.append(probe(minutes, answer, vantage=vantage))
    spans = spans_of(probes, MINUTE)
    assert sum(one.probes for one in spans) == len(probes)
    for each in probes:
        holding = [one for one in spans if one.vantage == each.vantage and one.since <= each.at <= one.until]
        assert [one.answer for one in holding] == [each.answer]
    one_by_one = reduce(lambda before, each: extended(before, each, MINUTE), probes, ())
    assert set(one_by_one) == set(spans)
