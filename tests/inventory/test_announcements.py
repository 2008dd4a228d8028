"""A turn is planned once, told once, changed, called off, and ends with what was really given (P15, P16)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from hosting.inventory import announcements, deeds
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.announcements import (
    Announced,
    NoticeTooShort,
    Times,
    Update,
    UpdateKind,
    UpdateLetter,
    UpdateReason,
    letter_due,
)
from hosting.policy.maintenance import Window
from hosting.policy.terms import TIME_ZONE
from tests.inventory.words import NOW, at_once, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UPDATE = Update("server:current:2026-11", UpdateKind.SERVER, UpdateReason.CURRENT)
NIGHT = datetime(2026, 12, 1, 23, tzinfo=ZoneInfo(TIME_ZONE))


def times(opens: datetime = NIGHT, hours: float = 4, stop_seconds: float = 300) -> Times:
    return Times(Window(opens, opens + hours * HOUR), stop_seconds)


@pytest.fixture
def names(inventory: Inventory) -> list[str]:
    with_servers(inventory, server("app1", 100))
    return sorted(opened(inventory, reference, NOW) for reference in ("A-1", "A-2"))


def done(inventory: Inventory, function: Callable[..., Any], *args: Any, **words: Any) -> Any:
    return in_transaction(inventory, lambda session: function(session, *args, **words))


def planned(
    inventory: Inventory, turns: dict[str, Times], update: Update = UPDATE, *, late: bool = False
) -> list[Announced]:
    found = done(inventory, announcements.announce, update, turns, by="olga", reason="kernel", now=NOW, late=late)
    assert isinstance(found, list)
    return found


def told(inventory: Inventory, at: datetime = NOW) -> list[UpdateLetter]:
    """The letters that are due, sent."""
    with inventory.reading() as session:
        waiting = announcements.waiting_words(session, NOW - DAY)
    letters = [(turn, letter) for turn in waiting if (letter := letter_due(turn)) is not None]
    for turn, letter in letters:
        done(inventory, announcements.record_told, turn, letter, at)
    return [letter for _, letter in letters]


def turn(inventory: Inventory, name: str) -> Announced:
    with inventory.reading() as session:
        found = announcements.announced(session, UPDATE.key, name)
    assert found is not None
    return found


def test_a_turn_is_told_once_however_often_it_is_planned(inventory: Inventory, names: list[str]) -> None:
    first = planned(inventory, dict.fromkeys(names, times()))
    assert [one.instance_name for one in first] == names
    assert planned(inventory, dict.fromkeys(names, times())) == first
    assert told(inventory) == [UpdateLetter.PLANNED] * 2
    assert told(inventory) == []
    planned(inventory, dict.fromkeys(names, times(NIGHT + HOUR, 3)))  # within what was told
    assert told(inventory) == []
    assert turn(inventory, names[0]).times.window.opens == NIGHT + HOUR
    with inventory.reading() as session:
        assert [deed.why for deed in deeds.deeds_of(session, f"update:{UPDATE.key}")] == ["kernel"]


def test_two_plans_at_once_make_one_turn(inventory: Inventory, names: list[str]) -> None:
    plan = partial(planned, inventory, {names[0]: times()})
    at_once(plan, plan)
    with inventory.reading() as session:
        assert len(announcements.announced_of(session, UPDATE.key)) == 1


def test_other_times_are_told_anew_and_the_same_ones_afterwards_are_not(inventory: Inventory, names: list[str]) -> None:
    planned(inventory, {names[0]: times()})
    assert told(inventory) == [UpdateLetter.PLANNED]
    planned(inventory, {names[0]: times(NIGHT + DAY)})
    planned(inventory, {names[0]: times(NIGHT + DAY)})
    assert told(inventory, NOW + HOUR) == [UpdateLetter.CHANGED]
    assert told(inventory) == []
    assert turn(inventory, names[0]).told_at == NOW + HOUR


def test_a_turn_that_comes_back_to_what_was_told_before_it_was_told_anew_needs_no_letter(
    inventory: Inventory, names: list[str]
) -> None:
    planned(inventory, {names[0]: times()})
    told(inventory)
    planned(inventory, {names[0]: times(NIGHT + DAY)})
    planned(inventory, {names[0]: times()})
    assert told(inventory) == []


def test_a_letter_that_was_written_before_the_times_changed_is_followed_by_another(
    inventory: Inventory, names: list[str]
) -> None:
    [old] = planned(inventory, {names[0]: times()})
    planned(inventory, {names[0]: times(NIGHT + DAY)})
    done(inventory, announcements.record_told, old, UpdateLetter.PLANNED, NOW)
    assert told(inventory) == [UpdateLetter.CHANGED]
    done(inventory, announcements.record_told, old, UpdateLetter.PLANNED, NOW)
    assert told(inventory) == []


def test_what_is_called_off_is_told_to_those_who_were_told_and_may_come_back(
    inventory: Inventory, names: list[str]
) -> None:
    planned(inventory, {names[0]: times()})
    told(inventory)
    planned(inventory, {names[1]: times()})
    off = done(inventory, announcements.call_off, UPDATE.key, by="olga", why="not needed", now=NOW)
    assert [one.called_off_at for one in off] == [NOW, NOW]
    assert told(inventory) == [UpdateLetter.CALLED_OFF]
    assert told(inventory) == []
    planned(inventory, dict.fromkeys(names, times(NIGHT + DAY)))
    assert sorted(told(inventory)) == [UpdateLetter.CHANGED, UpdateLetter.PLANNED]


def test_the_notice_given_and_the_end_are_recorded_once(inventory: Inventory, names: list[str]) -> None:
    planned(inventory, {names[0]: times()})
    told(inventory)
    for later in (0, 1):
        done(inventory, announcements.record_begun, UPDATE.key, names[0], NIGHT + later * HOUR)
        done(inventory, announcements.record_ended, UPDATE.key, names[0], 700.0 + later, NIGHT + (1 + later) * HOUR)
    ended = turn(inventory, names[0])
    assert ended.notice_given == NIGHT - NOW
    assert (ended.ended_at, ended.stopped_seconds) == (NIGHT + HOUR, 700.0)
    assert told(inventory) == [UpdateLetter.LONGER]
    assert told(inventory) == []
    planned(inventory, {names[0]: times(NIGHT + DAY)})
    assert turn(inventory, names[0]).times == ended.times
    done(inventory, announcements.record_begun, "nothing of this kind", names[0], NOW)


def test_short_off_peak_work_is_silent_and_needs_no_notice(inventory: Inventory, names: list[str]) -> None:
    tonight = NOW.astimezone(ZoneInfo(TIME_ZONE)).replace(hour=22)
    [one] = planned(inventory, {names[0]: times(tonight, stop_seconds=20)})
    assert one.silent
    assert told(inventory) == []
    with pytest.raises(NoticeTooShort):
        planned(inventory, {names[1]: times(tonight)})
    newcomer = partial(planned, inventory, {names[1]: times(tonight)}, replace(UPDATE, key="server:reboot:app1:b0"))
    assert [one.silent for one in newcomer(late=True)] == [False]
    assert told(inventory) == [UpdateLetter.PLANNED]
    urgent = replace(UPDATE, key="server:security:now", urgent=True, why=UpdateReason.SECURITY)
    planned(inventory, {names[1]: times(NOW, stop_seconds=5)}, urgent)
    assert told(inventory) == [UpdateLetter.PLANNED]


def test_a_key_belongs_to_one_update(inventory: Inventory, names: list[str]) -> None:
    planned(inventory, {names[0]: times()})
    with pytest.raises(announcements.AnotherUpdate, match="announced already, of the server for current"):
        planned(inventory, {names[0]: times()}, replace(UPDATE, why=UpdateReason.BUG))
