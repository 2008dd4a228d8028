"""The plan of backups keeps P21 and P22: what is due, what may go, what is proven next; across lost nights and moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.errors import Refused
from hosting.policy.backup_plan import (
    Due,
    catch_up_order,
    current_generation,
    droppable,
    due_backup,
    next_rehearsals,
    per_night,
    spread,
)
from hosting.policy.backup_times import check_backup_terms, next_full, next_slot, night_window
from hosting.policy.states import GenerationState
from hosting.policy.terms import STANDARD, TIME_ZONE, Terms, terms_with
from hosting.policy.values import GenerationFacts, InstanceName, PointFacts, PointKind, ServerName
from tests.policy.backups import APP1, APP2, generation, point

BERLIN = ZoneInfo(TIME_ZONE)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def berlin(text: str) -> datetime:
    """A moment as the clock on a wall in Berlin shows it."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


# The tables that a non-programmer reads ------------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs" / "backup-plan.md").read_text(encoding="utf-8")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def table(heading: str) -> list[list[str]]:
    """The rows under a heading of the page, without the table's own head."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def told_moment(text: str) -> datetime:
    """`Fri 13 Mar 2026 18:30` in Berlin; a wrong weekday is a mistake in the table."""
    weekday, rest = text.split(" ", 1)
    moment = datetime.strptime(rest, "%d %b %Y %H:%M").replace(tzinfo=BERLIN)
    assert DAYS[moment.weekday()] == weekday, f"{text} is a {DAYS[moment.weekday()]}"
    return moment


def told_level(row: list[str]) -> Terms:
    _, every, opens, weekday, kept, within = row
    return terms_with(
        {
            "backup_every": every.removesuffix(" h"),
            "backup_opens": opens,
            "backup_full_weekday": DAYS.index(weekday),
            "backup_weeks_kept": kept.removesuffix(" weeks"),
            "rehearse_within_days": within.removesuffix(" days"),
        }
    )


LEVELS = {row[0]: told_level(row) for row in table("Levels")}


def test_the_page_tells_the_standard_terms_and_uses_each_level() -> None:
    assert LEVELS["standard"] == STANDARD
    assert {row[0] for row in table("What is due")} == set(LEVELS)


@pytest.mark.parametrize("row", table("What is due"), ids=lambda row: f"{row[0]}, {row[4]}, {row[7]}")
def test_each_example_of_the_page_is_what_the_program_finds_due(row: list[str]) -> None:
    level, full, last, besides, now, kind, since, why = row
    generations, points = told_history(full, last, besides)
    opened = besides.removeprefix("opened ") if besides.startswith("opened ") else "Mon 1 Jan 2024 12:00"
    due = due_backup(
        generations,
        points,
        APP2 if besides == "on another server" else APP1,
        told_moment(now),
        LEVELS[level],
        active_since=None if besides == "not opened" else told_moment(opened),
    )
    told = ("nothing", "") if due is None else (due.kind.value, due.was_due_at)
    assert told == (kind, told_moment(since) if since else ""), why


def told_history(full: str, last: str, besides: str) -> tuple[list[GenerationFacts], list[PointFacts]]:
    if not full:
        return [], []
    state = GenerationState.DAMAGED if besides == "damaged" else GenerationState.OPEN
    generations = [generation("G1", told_moment(full) - MINUTE, state)]
    points = [point("G1", told_moment(full), PointKind.FULL)]
    if last != full:
        points.append(point("G1", told_moment(last), damaged=besides == "a point damaged"))
    if besides == "another begun":
        generations.append(generation("G2", told_moment(last) + HOUR))
    return generations, points


NOON = berlin("2026-12-09 12:00")


def told_generations(cell: str) -> tuple[list[GenerationFacts], list[PointFacts]]:
    generations: list[GenerationFacts] = []
    points: list[PointFacts] = []
    for place, words in enumerate(part.split() for part in cell.split(",")):
        name, *rest = words
        states = [GenerationState(word) for word in rest if word in list(GenerationState)]
        began = NOON - timedelta(days=60 - place)
        generations.append(generation(name, began, *(states or [GenerationState.CLOSED])))
        if rest[0] != "empty":
            proven_at = NOON if "proven" in rest else None
            points += [
                point(name, NOON - timedelta(days=int(rest[0]) + more), proven_at=proven_at) for more in range(3)
            ]
    return generations, points


@pytest.mark.parametrize("row", table("What may go"), ids=lambda row: f"{row[0]}: {row[1]}")
def test_each_example_of_the_page_is_what_the_program_lets_go(row: list[str]) -> None:
    level, cell, go, why = row
    gone = droppable(*told_generations(cell), NOON, LEVELS[level])
    assert (", ".join(gone) or "nothing") == go, why


@pytest.mark.parametrize("row", table("When it is proven"), ids=lambda row: f"{row[0]}: {row[1]}")
def test_each_example_of_the_page_is_how_many_the_program_proves(row: list[str]) -> None:
    level, count, each_night = row
    assert per_night([LEVELS[level]] * int(count)) == int(each_night)


# What is due ---------------------------------------------------------------------------------------------------------


def test_a_due_backup_says_why() -> None:
    opened = berlin("2026-12-01 14:00")
    full, last = berlin("2026-12-06 22:45"), berlin("2026-12-08 22:45")
    points = [point("G1", full, PointKind.FULL), point("G1", last)]

    def because(state: GenerationState, server: ServerName, now: str, **changes: bool) -> str:
        told = [points[0], replace(points[1], **changes)]
        due = due_backup([generation("G1", full, state)], told, server, berlin(now), STANDARD, active_since=opened)
        assert due is not None
        return due.because

    night = "2026-12-09 22:45"
    assert because(GenerationState.OPEN, APP1, night) == "A backup is due every 24 h."
    assert because(GenerationState.OPEN, APP2, night) == "The instance has moved from app1 to app2."
    assert because(GenerationState.DAMAGED, APP1, night) == "Generation G1 is damaged."
    assert because(GenerationState.OPEN, APP1, night, damaged=True) == "A point of generation G1 is damaged."
    assert because(GenerationState.OPEN, APP1, "2026-12-13 22:45") == "The night of the weekly full backup has come."
    first = due_backup([], [], APP1, opened, STANDARD, active_since=opened)
    assert first == Due(PointKind.FULL, "There is no backup yet.", opened)


def test_the_newest_generation_with_its_full_backup_is_added_to() -> None:
    at = berlin("2026-12-06 22:45")
    old, new, begun = generation("G1", at - 7 * DAY), generation("G2", at), generation("G3", at + DAY)
    points = [point("G1", at - 7 * DAY, PointKind.FULL), point("G2", at, PointKind.FULL), point("G2", at + DAY)]
    assert current_generation([new, begun, old], points) == new
    assert current_generation([begun], points) is None


def test_points_without_any_record_of_their_generation_ask_for_a_full_backup() -> None:
    at = berlin("2026-12-06 22:45")
    due = due_backup([], [point("G1", at, PointKind.FULL)], APP1, at + HOUR, STANDARD, active_since=at - DAY)
    assert due == Due(PointKind.FULL, "No generation is open.", at + HOUR)


def test_a_moment_without_a_zone_is_a_mistake_everywhere() -> None:
    naive = datetime(2026, 3, 10, 12)  # noqa: DTZ001  # the naive moment is what is tested
    for ask in (next_slot, next_full, night_window):
        with pytest.raises(ValueError, match="without a zone"):
            ask(naive, STANDARD)
    with pytest.raises(ValueError, match="without a zone"):
        due_backup([], [], APP1, naive, STANDARD, active_since=NOON)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"backup_every": 0.5}, "Backups every 0.5 h follow too fast"),
        ({"backup_every": 0}, "Backups every 0 h follow too fast"),
        ({"backup_full_weekday": 7}, "weekday is 7, which is none"),
        ({"backup_weeks_kept": 0}, "kept for no week"),
        ({"rehearse_within_days": 0}, "rehearsed within no day"),
    ],
)
def test_numbers_that_plan_no_backup_are_refused(overrides: dict[str, float], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        check_backup_terms(terms_with(overrides))


def test_the_standard_numbers_plan_backups() -> None:
    check_backup_terms(STANDARD)


def test_in_the_short_night_of_march_the_next_day_opens_in_time_whatever_the_interval() -> None:
    odd = replace(STANDARD, backup_every=23.5 * HOUR)
    assert next_slot(berlin("2026-03-29 22:00"), odd) == berlin("2026-03-29 22:30")


# Windows, order, spreading -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "opens", "closes"),
    [
        ("2026-12-09 12:00", "2026-12-09 22:30", "2026-12-10 06:00"),
        ("2026-12-09 22:30", "2026-12-09 22:30", "2026-12-10 06:00"),
        ("2026-12-10 05:59", "2026-12-09 22:30", "2026-12-10 06:00"),
        ("2026-12-10 06:00", "2026-12-10 22:30", "2026-12-11 06:00"),
        ("2026-10-25 01:00", "2026-10-24 22:30", "2026-10-25 06:00"),  # an hour longer
    ],
)
def test_the_night_is_one_window_across_midnight(now: str, opens: str, closes: str) -> None:
    assert night_window(berlin(now), STANDARD) == (berlin(opens), berlin(closes))


def test_a_level_may_have_its_window_inside_one_day() -> None:
    early = replace(STANDARD, backup_opens=time(1), backup_closes=time(4))
    assert night_window(NOON, early) == (berlin("2026-12-10 01:00"), berlin("2026-12-10 04:00"))


def test_the_longest_overdue_comes_first_and_each_keeps_its_place_of_the_night_before() -> None:
    sunday, monday = berlin("2026-12-06 22:30"), berlin("2026-12-07 22:30")
    due = {
        InstanceName(name): Due(PointKind.INCREMENTAL, "", at)
        for name, at in {"late": monday, "first": monday, "second": monday, "new": monday, "lost": sunday}.items()
    }
    points = [
        point("G", sunday + 3 * HOUR, instance="late"),
        point("G", sunday + HOUR, instance="second"),
        point("G", sunday + MINUTE, instance="first"),
        point("G", sunday - 23 * HOUR, instance="first"),
        point("G", sunday + 5 * HOUR, instance="first", damaged=True),
        point("G", sunday - 20 * HOUR, instance="lost"),
    ]
    assert catch_up_order(due, points) == ["lost", "new", "first", "second", "late"]


def test_servers_start_evenly_apart_in_the_order_of_their_names() -> None:
    assert spread(["app3", "app1", "app2", "app1"], HOUR) == {
        "app1": 0 * MINUTE,
        "app2": 20 * MINUTE,
        "app3": 40 * MINUTE,
    }
    assert spread([], HOUR) == {}


@given(st.frozensets(st.text(min_size=1), max_size=40), st.timedeltas(timedelta(0), 8 * HOUR))
def test_all_servers_start_within_the_window_and_no_two_closer_than_they_must(
    names: frozenset[str], window: timedelta
) -> None:
    starts = sorted(spread(names, window).values())
    assert len(starts) == len(names)
    assert all(timedelta(0) <= start <= window for start in starts)
    assert all(later - earlier >= window / len(names) - 2 * MINUTE for earlier, later in pairwise(starts))


# Properties ----------------------------------------------------------------------------------------------------------

MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)) | st.builds(  # noqa: DTZ001  # hypothesis adds the zone
    lambda day, shift: berlin(f"{day} 22:30").astimezone(UTC) + timedelta(microseconds=shift),
    st.sampled_from(["2026-03-28", "2026-03-29", "2026-10-24", "2026-10-25", "2026-12-31"]),
    st.sampled_from([-1, 0, 1]),
)
TERMS = st.builds(
    lambda every, weekday, opens: replace(
        STANDARD, backup_every=every, backup_full_weekday=weekday, backup_opens=opens
    ),
    st.sampled_from([HOUR, 4 * HOUR, 6 * HOUR, 7 * HOUR, 12 * HOUR, 24 * HOUR, 48 * HOUR]),
    st.integers(0, 6),
    st.sampled_from([time(22, 30), time(0), time(2, 30), time(23, 59)]),
)


@given(MOMENTS, TERMS)
def test_the_next_slot_comes_after_the_moment_and_within_the_interval(moment: datetime, terms: Terms) -> None:
    slot = next_slot(moment, terms)
    longest = min(terms.backup_every, DAY) + HOUR  # an hour more in the night in which summer time ends
    assert moment < slot <= moment + longest
    assert next_slot(slot - timedelta(microseconds=1), terms) == slot


@given(MOMENTS, TERMS)
def test_the_next_weekly_night_opens_on_its_weekday_at_its_hour(moment: datetime, terms: Terms) -> None:
    weekly = next_full(moment, terms)
    assert moment < weekly <= moment + 7 * DAY + HOUR
    local = weekly.astimezone(BERLIN)
    assert local.weekday() == terms.backup_full_weekday
    assert next_slot(weekly - timedelta(microseconds=1), terms) == weekly


@given(
    MOMENTS,
    TERMS,
    st.lists(st.tuples(st.integers(1, 30 * 60), st.booleans()), min_size=5, max_size=40),
)
def test_whatever_nights_are_lost_each_run_finds_at_most_one_backup_due_and_it_stays_due_until_it_is_there(
    start: datetime, terms: Terms, runs: list[tuple[int, bool]]
) -> None:
    generations: list[GenerationFacts] = []
    points: list[PointFacts] = []
    now = start
    for minutes, succeeds in runs:
        now += timedelta(minutes=minutes)
        due = due_backup(generations, points, APP1, now, terms, active_since=start)
        if not points or next_slot(points[-1].taken_at, terms) <= now:
            assert due is not None
            assert due.was_due_at <= now
        if due is None:
            continue
        if succeeds:
            if due.kind is PointKind.FULL:
                generations = [replace(one, state=GenerationState.CLOSED) for one in generations]
                generations.append(generation(f"G{len(generations)}", now))
            points.append(point(generations[-1].id, now, due.kind))
            assert due_backup(generations, points, APP1, now, terms, active_since=start) is None
        else:
            assert due_backup(generations, points, APP1, now + HOUR, terms, active_since=start) is not None
    for one in generations:
        own = [taken for taken in points if taken.generation == one.id]
        assert own[0].kind is PointKind.FULL
        assert all(taken.taken_at < next_full(own[0].taken_at, terms) for taken in own)


@given(MOMENTS, st.lists(st.integers(0, 449), min_size=15, max_size=15))
def test_nights_in_which_backups_run_at_any_hour_have_one_each_and_a_full_one_each_week(
    start: datetime, minutes: list[int]
) -> None:
    generations: list[GenerationFacts] = []
    points: list[PointFacts] = []
    for night, late in enumerate(minutes):
        opens = datetime.combine(start.date() + night * DAY, time(22, 30), BERLIN)
        now = opens.astimezone(UTC) + late * MINUTE
        due = due_backup(generations, points, APP1, now, STANDARD, active_since=start - 2 * DAY)
        assert due is not None
        assert (due.kind is PointKind.FULL) == (night == 0 or opens.weekday() == STANDARD.backup_full_weekday)
        if due.kind is PointKind.FULL:
            generations = [replace(one, state=GenerationState.CLOSED) for one in generations]
            generations.append(generation(f"G{night}", now))
        points.append(point(generations[-1].id, now, due.kind))


HISTORIES = st.lists(
    st.tuples(
        st.sampled_from(GenerationState),
        st.lists(st.tuples(st.integers(0, 120), st.booleans(), st.booleans()), max_size=4),
    ),
    max_size=8,
)


def history(
    drawn: list[tuple[GenerationState, list[tuple[int, bool, bool]]]],
) -> tuple[list[GenerationFacts], list[PointFacts]]:
    generations = [generation(f"G{place}", NOON - (200 - place) * DAY, state) for place, (state, _) in enumerate(drawn)]
    points = [
        point(f"G{place}", NOON - age * DAY, damaged=damaged, proven_at=NOON if proven else None)
        for place, (_, given_points) in enumerate(drawn)
        for age, damaged, proven in given_points
    ]
    return generations, points


@given(HISTORIES, st.integers(1, 10))
def test_what_goes_takes_neither_a_young_backup_nor_the_last_good_nor_the_last_proven_one(
    drawn: list[tuple[GenerationState, list[tuple[int, bool, bool]]]], weeks: int
) -> None:
    generations, points = history(drawn)
    terms = replace(STANDARD, backup_weeks_kept=weeks)
    gone = set(droppable(generations, points, NOON, terms))
    states = {one.id: one.state for one in generations}
    there = [
        p
        for p in points
        if not p.damaged and states[p.generation] not in {GenerationState.DROPPING, GenerationState.DROPPED}
    ]
    assert all(states[one] not in {GenerationState.OPEN, GenerationState.DROPPED} for one in gone)
    assert all(NOON - p.taken_at >= weeks * 7 * DAY for p in there if p.generation in gone)
    relied = [p for p in there if states[p.generation] in {GenerationState.OPEN, GenerationState.CLOSED}]
    for kind in (there, relied, [p for p in relied if p.proven_at]):
        assert not kind or {p.generation for p in kind} - gone
    left = [one for one in generations if one.id not in gone]
    assert droppable(left, [p for p in points if p.generation not in gone], NOON, terms) == []


# Rehearsals ----------------------------------------------------------------------------------------------------------


def test_who_was_never_proven_comes_first_then_the_oldest_proof_and_levels_have_their_own_time() -> None:
    proofs = {
        InstanceName("old"): NOON - 20 * DAY,
        InstanceName("older"): NOON - 21 * DAY,
        InstanceName("strict"): NOON - 5 * DAY,
        InstanceName("today"): NOON - HOUR,
        InstanceName("b-new"): None,
        InstanceName("a-new"): None,
    }
    levels = {InstanceName("strict"): replace(STANDARD, rehearse_within_days=7)}
    ordered = next_rehearsals(proofs, NOON, STANDARD, 10, levels=levels)
    assert ordered == ["a-new", "b-new", "strict", "older", "old"]
    assert next_rehearsals(proofs, NOON, STANDARD, 2) == ["a-new", "b-new"]
    assert next_rehearsals({}, NOON, STANDARD, 2) == []


def test_levels_with_a_shorter_time_ask_for_more_rehearsals_a_night() -> None:
    strict = replace(STANDARD, rehearse_within_days=7)
    assert per_night([STANDARD] * 24) == 1
    assert per_night([STANDARD] * 24 + [strict] * 3) == 2
    assert per_night([STANDARD] * 24 + [strict] * 4) == 3


def test_who_can_not_be_proven_keeps_nobody_from_a_proof() -> None:
    proofs: dict[InstanceName, datetime | None] = {InstanceName(f"i{number}"): None for number in range(24)}
    stuck, failed = {InstanceName("i0"), InstanceName("i1"), InstanceName("i2")}, dict[InstanceName, datetime]()
    for night in range(24):
        now, most = NOON + night * DAY, per_night([STANDARD] * 24)
        names = next_rehearsals(proofs, now, STANDARD, most, failed=failed)
        assert len(names) <= 2 * most
        for name in names:
            if name in stuck:
                failed[name] = now
            else:
                proofs[name] = now
    assert {name for name, at in proofs.items() if at is None} == stuck
    assert min(failed.values()) >= NOON + 20 * DAY, "each of them is tried again in turn"


@given(st.integers(1, 60), st.frozensets(st.integers(0, 23), max_size=4), st.sampled_from([7, 14, 28]))
def test_everyone_is_proven_in_time_though_four_nights_of_each_round_are_lost(
    count: int, lost: frozenset[int], days: int
) -> None:
    terms = replace(STANDARD, rehearse_within_days=days)
    proofs: dict[InstanceName, datetime | None] = {InstanceName(f"i{number}"): None for number in range(count)}
    for night in range(4 * days):
        now = NOON + night * DAY
        if night % days in lost:
            continue
        for name in next_rehearsals(proofs, now, terms, per_night([terms] * count)):
            last = proofs[name] or NOON
            assert now - last <= days * DAY
            proofs[name] = now
    assert all(last is not None and NOON + 4 * days * DAY - last <= (days + 1) * DAY for last in proofs.values())
