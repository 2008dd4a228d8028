"""An outage is one alarm, many on one server are one alarm about the server, our own work is none (P11)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hosting.policy.availability import Standing, Stretch, timeline
from hosting.policy.outage_alarms import (
    ONE_FALL,
    WORK_MOST,
    Failing,
    FoundOutage,
    OpenAlarm,
    Raised,
    alarms,
    failed_probes,
    found_in,
    is_back,
    is_reached,
    returned,
    way_out_failing,
)
from hosting.policy.outage_causes import Cause
from hosting.policy.probe_spans import Answer, Probe, Span, Vantage, spans_of
from hosting.policy.values import InstanceName, ServerName

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ONE, APP1 = InstanceName("one"), ServerName("app1")


def failing(
    name: str, probes: int = 3, server: str = "app1", cause: Cause = Cause.UNKNOWN, alarm: int | None = None
) -> Failing:
    return Failing(InstanceName(name), ServerName(server), NOW - 3 * MINUTE, probes, cause, alarm)


def line(*stands: tuple[Standing, int]) -> list[Stretch]:
    """Stretches one after the other, each so many minutes long."""
    found, at = [], NOW
    for standing, minutes in stands:
        cause = Cause.UNKNOWN if standing is Standing.DOWN else None
        found.append(Stretch(standing, at, at + minutes * MINUTE, cause))
        at += minutes * MINUTE
    return found


def test_one_instance_that_failed_often_enough_is_an_alarm_about_itself() -> None:
    assert alarms([failing("one", 3)], {}, 3, NOW) == [Raised("instance:one", (ONE,))]
    assert alarms([failing("one", 2)], {}, 3, NOW) == []


def test_all_who_are_down_on_a_server_are_one_alarm_as_soon_as_one_of_them_is() -> None:
    down = [failing("one", 3), failing("two", 2), failing("elsewhere", 2, "app2")]
    assert alarms(down, {}, 3, NOW) == [Raised("server:app1", (ONE, InstanceName("two")))]


def test_who_fails_later_joins_the_servers_alarm_and_who_is_in_it_is_not_told_again() -> None:
    down, known = [failing("one", 30, alarm=7), failing("three", 3)], {"server:app1": OpenAlarm(7, NOW, (ONE,))}
    assert alarms(down, known, 3, NOW) == [Raised("server:app1", (InstanceName("three"),), 7)]
    assert alarms(down[:1], known, 3, NOW) == []


def test_who_joins_an_alarm_long_after_its_letter_is_told_of() -> None:
    down, known = [failing("one", 30, alarm=7), failing("three", 3)], {"server:app1": OpenAlarm(7, NOW, (ONE,))}
    told = [Raised("server:app1", (InstanceName("three"),), 7, again=True)]
    assert alarms(down, known, 3, NOW + ONE_FALL) == told


def test_who_joins_an_alarm_that_had_shrunk_is_told_of_at_once() -> None:
    down = [failing("one", 30, alarm=7), *(failing(name) for name in ("three", "two"))]
    known = {"server:app1": OpenAlarm(7, NOW, (ONE, InstanceName("two")))}
    others = (InstanceName("three"), InstanceName("two"))
    assert alarms(down, known, 3, NOW) == [Raised("server:app1", others, 7, again=True)]


def test_who_was_back_and_fails_anew_before_his_alarm_was_ended_is_told_of() -> None:
    known = {"instance:one": OpenAlarm(7, NOW, (ONE,))}
    assert alarms([failing("one")], known, 3, NOW) == [Raised("instance:one", (ONE,), 7, again=True)]


def test_a_way_out_that_fails_is_an_alarm_of_its_own_and_once() -> None:
    astray = replace(failing("one"), way_out=True)
    assert alarms([astray, failing("two")], {}, 3, NOW) == [
        Raised("instance:two", (InstanceName("two"),)), Raised("way-out:app1", (ONE,)),
    ]  # fmt: skip
    assert alarms([replace(astray, probes=2)], {}, 3, NOW) == []
    assert alarms([astray], {"way-out:app1": OpenAlarm(8, NOW)}, 3, NOW) == []


@pytest.mark.parametrize(
    ("stands", "back"),
    [
        ([(Standing.DOWN, 3), (Standing.UP, 1), (Standing.DOWN, 3)], False),
        ([(Standing.DOWN, 3), (Standing.UP, 2), (Standing.DOWN, 3)], True),
        ([(Standing.DOWN, 3), (Standing.UNMEASURED, 9), (Standing.DOWN, 3)], False),
        ([(Standing.DOWN, 3), (Standing.NOT_OWED, 1), (Standing.DOWN, 3)], True),
    ],
)
def test_who_was_up_for_a_while_is_in_his_old_alarm_no_more(stands: list[tuple[Standing, int]], back: bool) -> None:
    assert returned([*line((Standing.UP, 9)), *line(*stands)], NOW + MINUTE, 2 * MINUTE) is True
    assert returned(line(*stands), NOW, 2 * MINUTE) is back


def both(location: str, outside: str) -> list[Span]:
    """The spans of probes minute by minute from both vantages: `.` is up, `x` fails, a blank is none."""
    said = {Vantage.LOCATION: location, Vantage.OUTSIDE: outside}
    probes = [
        Probe(ONE, vantage, Answer.UP if letter == "." else Answer.BROKEN, NOW + minute * MINUTE)
        for vantage, letters in said.items() for minute, letter in enumerate(letters) if letter != " "
    ]  # fmt: skip
    return list(spans_of(probes, MINUTE))


@pytest.mark.parametrize(
    ("location", "outside", "since", "count"),
    [
        ("..xx", "xxxx", 2, 2),  # the way out failed before; the outage is young
        ("...x", "xxxx", 3, 1),
        ("..  ", "xxxx", 2, 2),  # nobody asks there any more
        ("..x   ", "..xxxx", 2, 3),
        ("xxx", "...", 0, 3),
    ],
)
def test_probes_count_from_the_beginning_of_the_outage(location: str, outside: str, since: int, count: int) -> None:
    assert failed_probes(both(location, outside), NOW + since * MINUTE) == count


def test_what_is_up_at_its_location_and_not_reached_from_outside_is_seen_to_fail() -> None:
    def seen(location: str, outside: str) -> tuple[datetime, int] | None:
        spans = both(location, outside)
        return way_out_failing(timeline(spans, [], NOW, NOW + len(location) * MINUTE, MINUTE), spans)

    assert seen(".....", "..xxx") == (NOW + 2 * MINUTE, 3)
    assert seen(".....", "..xx.") is None
    assert seen("..xxx", "..xxx") is None


@pytest.mark.parametrize(
    ("location", "outside", "reached"),
    [(".....", "..xxx", False), ("......", "..xxx.", False), (".......", ".xxx...", True), (".....", ".....", True)],
)
def test_a_way_out_is_there_again_after_a_while(location: str, outside: str, reached: bool) -> None:
    stands = timeline(both(location, outside), [], NOW, NOW + len(location) * MINUTE, MINUTE)
    assert is_reached(stands, 2 * MINUTE) is reached


def test_our_own_work_calls_nobody_unless_it_takes_too_long() -> None:
    down = [failing("one", 9, cause=Cause.MOVE)]
    assert alarms(down, {}, 3, NOW) == []
    assert alarms(down, {}, 3, NOW + WORK_MOST) == [Raised("instance:one", (ONE,))]
    assert alarms([failing("one", 9, cause=Cause.OURS)], {}, 3, NOW) == [Raised("instance:one", (ONE,))]


def test_probes_that_failed_in_a_row_are_counted_by_the_vantage_that_decides() -> None:
    answers = {
        Vantage.OUTSIDE: [Answer.BROKEN, Answer.BROKEN, Answer.UNREACHABLE, Answer.BROKEN],
        Vantage.LOCATION: [Answer.BROKEN, Answer.UP, Answer.BROKEN, Answer.UNREACHABLE],
    }
    probes = [
        Probe(ONE, vantage, answer, NOW + minute * MINUTE)
        for vantage, said in answers.items() for minute, answer in enumerate(said)
    ]  # fmt: skip
    assert failed_probes(spans_of(probes, MINUTE), NOW) == 2


@pytest.mark.parametrize(
    ("stands", "ended"),
    [
        ([(Standing.UP, 5), (Standing.DOWN, 3)], None),
        ([(Standing.UP, 5), (Standing.DOWN, 3), (Standing.UNMEASURED, 4)], None),
        ([(Standing.UP, 5), (Standing.DOWN, 3), (Standing.UP, 4)], 8),
        ([(Standing.UP, 5), (Standing.DOWN, 3), (Standing.UNMEASURED, 4), (Standing.UP, 1)], 8),
    ],
)
def test_an_outage_after_which_nothing_is_known_is_not_over(
    stands: list[tuple[Standing, int]], ended: int | None
) -> None:
    end = None if ended is None else NOW + ended * MINUTE
    assert found_in(ONE, APP1, line(*stands)) == [FoundOutage(ONE, APP1, NOW + 5 * MINUTE, end, Cause.UNKNOWN)]


@pytest.mark.parametrize(
    ("stands", "back"),
    [
        ([], False),
        ([(Standing.DOWN, 3), (Standing.UP, 1)], False),
        ([(Standing.DOWN, 3), (Standing.UP, 1), (Standing.OUTSIDE_FAILS, 1)], True),
        ([(Standing.DOWN, 3), (Standing.UP, 2), (Standing.UNMEASURED, 1)], False),
        ([(Standing.DOWN, 3), (Standing.NOT_OWED, 1)], True),
    ],
)
def test_an_alarm_is_over_when_its_instance_was_up_for_a_while(stands: list[tuple[Standing, int]], back: bool) -> None:
    assert is_back(line(*stands), 2 * MINUTE) is back


def test_an_outage_of_a_timeline_of_probes_begins_with_the_first_that_failed_and_ends_with_the_first_good_one() -> None:
    said = [Answer.UP] * 3 + [Answer.BROKEN] * 2 + [Answer.UP] * 2
    probes = [Probe(ONE, Vantage.OUTSIDE, answer, NOW + minute * MINUTE) for minute, answer in enumerate(said)]
    stretches = timeline(spans_of(probes, MINUTE), [], NOW, NOW + 7 * MINUTE, MINUTE)
    found = found_in(ONE, APP1, stretches)
    assert [(one.began_at, one.ended_at) for one in found] == [(NOW + 3 * MINUTE, NOW + 5 * MINUTE)]
