"""What probes saw is kept as runs, told once, and forgotten only when its days are counted (P11)."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import probes
from hosting.inventory.probe_rows import ProbeSpan
from hosting.inventory.probes import DayCount, Timed
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.probe_spans import Answer, Probe, Span, Vantage
from hosting.policy.values import InstanceName
from tests.inventory.words import NOW, rows, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from collections.abc import Iterable

MINUTE = timedelta(minutes=1)
UP, BROKEN = Answer.UP, Answer.BROKEN


@pytest.fixture
def names(inventory: Inventory) -> tuple[InstanceName, InstanceName]:
    """Two open instances."""
    with_servers(inventory, server("app1"))
    first, second = (InstanceName(opened(inventory, order, NOW)) for order in ("A-1", "A-2"))
    return first, second


def told(inventory: Inventory, found: Iterable[tuple[str, float, Answer]], vantage: Vantage = Vantage.OUTSIDE) -> None:
    """A round of results: instance, minutes, answer."""
    timed = [Timed(Probe(InstanceName(name), vantage, one, NOW + at * MINUTE), MINUTE) for name, at, one in found]
    in_transaction(inventory, partial(probes.record_probes, found=timed))


def kept(inventory: Inventory, name: str) -> list[Span]:
    with inventory.reading() as session:
        return probes.spans_of(session, name, NOW - 60 * MINUTE, NOW + 600 * MINUTE)


def test_an_hour_of_equal_results_is_one_row(inventory: Inventory, names: tuple[InstanceName, InstanceName]) -> None:
    for minute in range(60):
        told(inventory, [(name, minute, UP) for name in names])
    assert rows(inventory, ProbeSpan) == len(names)
    assert kept(inventory, names[0]) == [Span(names[0], Vantage.OUTSIDE, UP, NOW, NOW + 59 * MINUTE, 60)]


def test_a_round_that_is_written_twice_counts_once(
    inventory: Inventory, names: tuple[InstanceName, InstanceName]
) -> None:
    for _ in range(2):
        told(inventory, [(names[0], 0, UP), (names[1], 0, BROKEN)])
    assert [one.probes for name in names for one in kept(inventory, name)] == [1, 1]


def test_what_nobody_measured_is_in_no_span(inventory: Inventory, names: tuple[InstanceName, InstanceName]) -> None:
    for minute in (0, 1, 9, 10):
        told(inventory, [(names[0], minute, UP)])
    assert [(one.since, one.until) for one in kept(inventory, names[0])] == [
        (NOW, NOW + MINUTE), (NOW + 9 * MINUTE, NOW + 10 * MINUTE),
    ]  # fmt: skip


def test_results_that_come_many_at_once_make_the_same_spans(
    inventory: Inventory, names: tuple[InstanceName, InstanceName]
) -> None:
    answers = [UP, UP, BROKEN, BROKEN, UP]
    told(inventory, [(names[0], 0, UP)])
    told(inventory, [(names[0], minute, one) for minute, one in enumerate(answers)])
    for minute, one in enumerate(answers):
        told(inventory, [(names[1], minute, one)])
    first, second = ([(one.answer, one.since, one.probes) for one in kept(inventory, name)] for name in names)
    assert first == second
    assert [one.probes for one in kept(inventory, names[0])] == [2, 2, 1]


def test_who_failed_lately_is_found_without_the_others(
    inventory: Inventory, names: tuple[InstanceName, InstanceName]
) -> None:
    told(inventory, [(names[0], 0, UP), (names[1], 0, UP)])
    told(inventory, [(names[0], 1, BROKEN)], Vantage.LOCATION)
    with inventory.reading() as session:
        assert probes.failing_since(session, NOW) == {names[0]}
        assert probes.failing_since(session, NOW + 2 * MINUTE) == set()
        assert probes.last_probe(session) == NOW + MINUTE


def test_days_stay_when_their_spans_are_forgotten(
    inventory: Inventory, names: tuple[InstanceName, InstanceName]
) -> None:
    told(inventory, [(names[0], 0, UP)])
    told(inventory, [(names[0], 100, UP)])
    day = DayCount(names[0], date(2026, 11, 23), timedelta(hours=23), 2.5 * MINUTE, 57.5 * MINUTE)
    in_transaction(inventory, partial(probes.record_days, days=[day], now=NOW))
    later = DayCount(names[0], day.day, timedelta(0), timedelta(hours=24), timedelta(0))
    in_transaction(inventory, partial(probes.record_days, days=[later], now=NOW + MINUTE))
    assert in_transaction(inventory, partial(probes.forget_spans, before=NOW + MINUTE)) == 1
    with inventory.reading() as session:
        assert probes.days_between(session, date(2026, 1, 1), date(2026, 12, 31)) == [day]
        assert probes.last_counted(session) == day.day
        assert probes.first_probe(session) == NOW + 100 * MINUTE
