"""A roll-out becomes work of its servers, off-peak or at once, one run a server, ring after ring (P15, P17)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
import time_machine

from hosting.inventory import announcements, roll_outs, work
from hosting.inventory.releases import add_release
from hosting.inventory.roll_out_rows import RollOutOrder
from hosting.inventory.roll_out_turns import update_of
from hosting.inventory.session import in_transaction
from hosting.policy.announcements import UpdateLetter, letter_due
from hosting.policy.roll_outs import RollOutState, UpdateState
from hosting.policy.values import ReleaseId
from tasks.update_dispatch import ask_for_due_updates, parameters_of
from tasks.update_records import due_updates, next_of
from tests.inventory.words import RELEASE
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.inventory.session import Inventory

NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
NEARLY_MORNING = datetime(2026, 11, 25, 4, 55, tzinfo=UTC)  # 05:55 in Berlin
LATER = replace(RELEASE, id=ReleaseId("cd" * 32), build=40471, version="4.04.71")


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as made:
        yield made


@pytest.fixture
def names(inventory: Inventory) -> list[str]:
    """One canary on app1, and one on either server."""
    made = [
        opened(inventory, f"A-{number}", NOON - timedelta(days=9), host)
        for number, host in enumerate(("app1", "app1", "app2"))
    ]
    in_transaction(inventory, lambda session: add_release(session, LATER, "olga", NOON))
    return made


def begun(inventory: Inventory, canary: str, *, urgent: bool = False) -> None:
    order = RollOutOrder(LATER.id, "a grave bug" if urgent else "newer", urgent=urgent, canaries=(canary,))
    in_transaction(inventory, lambda session: roll_outs.begin(session, order, "olga", NOON))


def comes(inventory: Inventory, name: str, state: UpdateState, at: datetime = NIGHT) -> None:
    in_transaction(inventory, partial(roll_outs.record_state, number=1, instance=name, state=state, now=at))


def asked(at: datetime) -> list[str]:
    with time_machine.travel(at, tick=False):
        return ask_for_due_updates.fn()


def test_it_waits_for_the_night_and_asks_once_a_server(inventory: Inventory, names: list[str]) -> None:
    assert asked(NIGHT) == []
    begun(inventory, names[0])
    assert asked(NOON) == []
    assert asked(NIGHT) == ["1:app1@2026-11-24T22:00Z"]
    assert asked(NIGHT + timedelta(minutes=1)) == []
    assert parameters_of("1:app1@2026-11-24T22:00Z") == {"request": {"roll_out": 1, "server": "app1"}}
    with inventory.reading() as session:
        kinds = [one.kind for one in work.due_work(session, NIGHT)]
    assert kinds.count(work.UPDATE_APPLICATION) == 1


def test_what_would_not_end_in_the_night_is_not_begun_in_it(inventory: Inventory, names: list[str]) -> None:
    begun(inventory, names[0])
    assert asked(NEARLY_MORNING) == []


def test_a_grave_bug_waits_for_nothing(inventory: Inventory, names: list[str]) -> None:
    begun(inventory, names[0], urgent=True)
    assert asked(NOON) == ["1:app1@2026-11-24T11:00Z"]


def test_the_next_ring_is_asked_for_once_the_last_one_is_through(inventory: Inventory, names: list[str]) -> None:
    begun(inventory, names[0])
    asked(NIGHT)
    in_transaction(
        inventory, lambda session: work.record_done(session, work.UPDATE_APPLICATION, "1:app1@2026-11-24T22:00Z")
    )
    comes(inventory, names[0], UpdateState.DONE)
    assert asked(NIGHT + timedelta(minutes=5)) == ["1:app1@2026-11-24T22:05Z"]
    comes(inventory, names[1], UpdateState.DONE)
    assert asked(NIGHT + timedelta(minutes=9)) == ["1:app2@2026-11-24T22:09Z"]
    comes(inventory, names[2], UpdateState.DONE)
    asked(NIGHT + timedelta(minutes=12))
    with inventory.reading() as session:
        assert roll_outs.roll_out_facts(session, 1).state is RollOutState.DONE


def test_what_stands_closed_is_gone_on_with_by_day_and_whatever_became_of_the_roll_out(
    inventory: Inventory, names: list[str]
) -> None:
    begun(inventory, names[0])
    comes(inventory, names[0], UpdateState.STOPPED)
    in_transaction(inventory, lambda session: roll_outs.abort(session, 1, "no", "olga", NOON))
    assert asked(NOON) == ["1:app1@2026-11-24T11:00Z"]
    found = in_transaction(inventory, lambda session: due_updates(session, 1, "app1", NOON))
    assert [one.instance for one in found] == [names[0]]


def test_after_a_halt_nothing_new_is_asked_for(inventory: Inventory, names: list[str]) -> None:
    begun(inventory, names[0])
    comes(inventory, names[0], UpdateState.FAILED)
    assert asked(NIGHT) == []
    with inventory.reading() as session:
        assert roll_outs.roll_out_facts(session, 1).state is RollOutState.HALTED


def test_a_turn_that_was_told_and_goes_by_while_the_roll_out_stands_is_off_and_told_anew_once_it_goes_on(
    inventory: Inventory, names: list[str]
) -> None:
    order = RollOutOrder(LATER.id, "newer", canaries=(names[0],), stop_most_seconds=1800)
    facts = in_transaction(inventory, lambda session: roll_outs.begin(session, order, "olga", NOON))

    def due() -> UpdateLetter | None:
        """The letter to the first one that is due, sent."""
        with inventory.reading() as session:
            turn = announcements.announced(session, update_of(facts).key, names[0])
        letter = letter_due(turn) if turn else None
        if turn and letter:
            in_transaction(inventory, lambda session: announcements.record_told(session, turn, letter, NOON))
        return letter

    with inventory.reading() as session:
        window = announcements.announced_of(session, update_of(facts).key)[0].times.window
    assert due() is UpdateLetter.PLANNED
    in_transaction(inventory, lambda session: roll_outs.halt(session, 1, "wait", "olga", NOON))
    assert asked(window.closes - timedelta(minutes=1)) == []
    assert due() is None
    for _ in range(2):
        assert asked(window.closes) == []
    assert due() is UpdateLetter.CALLED_OFF
    assert asked(window.closes + timedelta(minutes=1)) == []
    assert due() is None
    in_transaction(inventory, lambda session: roll_outs.resume(session, 1, "go on", "olga", window.closes))
    asked(window.closes + timedelta(minutes=2))
    assert due() is UpdateLetter.CHANGED
    with inventory.reading() as session:
        assert announcements.announced_of(session, update_of(facts).key)[0].times.window.opens > window.closes


def test_what_stands_half_done_comes_first_and_nothing_is_begun_once_something_is_left(
    inventory: Inventory, names: list[str]
) -> None:
    begun(inventory, "app1", urgent=True)
    first, second = names[:2]

    def taken_up(*tried: str, left: bool = False) -> list[str]:
        due = in_transaction(inventory, lambda session: due_updates(session, 1, "app1", NOON))
        return [one.instance for one in next_of(due, tried, left=left)]

    assert taken_up() == [first, second]
    assert taken_up(first) == [second]
    assert taken_up(first, left=True) == []
    comes(inventory, second, UpdateState.STOPPED)
    assert taken_up() == [second]
    assert taken_up(first, left=True) == [second]
    assert taken_up(second, left=True) == []


def test_an_attempt_of_days_ago_is_no_part_of_how_long_an_update_takes(inventory: Inventory, names: list[str]) -> None:
    begun(inventory, "app1")
    comes(inventory, names[0], UpdateState.PREPARING, NIGHT - timedelta(days=6))
    comes(inventory, names[0], UpdateState.WAITING, NIGHT - timedelta(days=6))
    comes(inventory, names[0], UpdateState.PREPARING, NIGHT - timedelta(minutes=5))
    comes(inventory, names[0], UpdateState.DONE)
    assert asked(NIGHT) == ["1:app1@2026-11-24T22:00Z"]


def test_what_would_never_fit_keeps_nobody_from_being_opened_again(inventory: Inventory, names: list[str]) -> None:
    begun(inventory, "app1")
    comes(inventory, names[0], UpdateState.PREPARING, NIGHT - timedelta(days=9))
    comes(inventory, names[0], UpdateState.DONE)
    assert asked(NIGHT) == []  # nobody is begun, and nothing breaks
    comes(inventory, names[1], UpdateState.STOPPED)
    assert asked(NIGHT) == ["1:app1@2026-11-24T22:00Z"]
