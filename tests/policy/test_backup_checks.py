"""Each instance's newest generation is looked through once a week, another part of its data each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.backup_checks import EVERY, PARTS, LastCheck, NextCheck, check_seconds, newest_kept, next_checks
from hosting.policy.restore_audit import OpenRestore, left_restores, restore_command
from hosting.policy.states import GenerationState
from hosting.policy.terms import GIB
from hosting.policy.values import InstanceName, PointKind
from tests.policy.backups import generation, point

DAY = timedelta(days=1)
NOW = datetime(2026, 12, 10, 4, 0, tzinfo=UTC)  # a Thursday, 05:00 in Berlin
A, B = InstanceName("a"), InstanceName("b")


def test_the_newest_generation_that_holds_a_point_and_is_relied_on_is_chosen() -> None:
    old, damaged, good, empty = (
        generation("G1", NOW - 20 * DAY, GenerationState.CLOSED),
        generation("G3", NOW - 4 * DAY, GenerationState.DAMAGED),
        generation("G2", NOW - 9 * DAY, GenerationState.CLOSED),
        generation("G4", NOW - DAY),
    )
    points = [point(one.id, one.begun_at, PointKind.FULL) for one in (old, damaged, good)]
    assert newest_kept([empty, damaged, good, old], points) == good
    assert newest_kept([empty], []) is None


def test_what_was_never_checked_comes_first_and_each_week_reads_another_part() -> None:
    newest = {A: generation("GA", NOW), B: generation("GB", NOW)}
    parts = []
    for week in range(PARTS + 1):
        last = {A: LastCheck(NOW - EVERY, week)} if week else {}
        (check,) = next_checks({A: newest[A]}, last, NOW)
        parts.append(check.part)
    assert parts == [1, 2, 3, 4, 1]
    (first,) = next_checks(newest, {A: LastCheck(NOW - 30 * DAY, 1)}, NOW)
    assert first.generation.id == "GB"
    assert next_checks(newest, dict.fromkeys((A, B), LastCheck(NOW - 6 * DAY, 1)), NOW) == []


@given(st.integers(1, 120), st.integers(0, 2))
def test_each_is_checked_within_nine_days_though_nights_are_lost(count: int, lost: int) -> None:
    newest = {InstanceName(f"i{number}"): generation(f"G{number}", NOW) for number in range(count)}
    last: dict[InstanceName, LastCheck] = {}
    for night in range(9):
        if night >= lost:
            at = NOW + night * DAY
            for check in next_checks(newest, last, at):
                name = InstanceName(check.generation.id.replace("G", "i"))
                last[name] = LastCheck(at, last[name].count + 1 if name in last else 1)
    assert last.keys() == newest.keys()


def test_a_check_has_time_for_the_part_that_it_reads_twice() -> None:
    assert check_seconds(NextCheck(generation("G", NOW, bytes_added=0), 1)) == 1800
    large = generation("G", NOW, bytes_added=100 * GIB)
    assert check_seconds(NextCheck(large, 1)) == 1800 + 2 * 25 * 1024 / 4
    assert check_seconds(NextCheck(large, 1, 1)) == 1800 + 2 * 100 * 1024 / 4  # all of it


def test_a_restore_that_was_left_is_named_and_one_that_a_run_works_on_is_not() -> None:
    at_work = OpenRestore("a", "a-1", NOW, worked_on=True)
    assert left_restores([at_work]) == []
    (finding,) = left_restores([at_work, OpenRestore("b", "b-1", NOW, worked_on=False)])
    assert finding.sentence == (
        "The restore of instance b to b-1, begun on 10 Dec 2026 05:00, is not at its end, and no run works on it."
    )
    assert finding.do == "Run it to its end: phm restore b b-1 --yes --reason …"
    (elsewhere,) = left_restores([OpenRestore("b", "b-1", NOW, worked_on=False, server="app2", part="database")])
    assert elsewhere.do == (
        "Run it to its end: phm restore b b-1 --database --yes --reason … --server app2 "
        "(with --lost, if its own does not come back)"
    )
    assert restore_command("b", "b-1", part="user/1/a b") == "phm restore b b-1 --path 'user/1/a b' --yes --reason …"
