"""What silent servers still have to do, and which names are passed on: told once, ended once, tried until it is (P10, P24)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import cases, deeds, former_homes, moves, names
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.former_homes import Next, next_step
from hosting.policy.pointing import Pointing
from hosting.policy.states import InstanceState, MoveState
from hosting.policy.terms import STANDARD
from hosting.policy.values import NameKind
from tests.inventory.words import HOUR, NOW, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.former_homes import PassedOn
    from hosting.inventory.moves import MoveFacts

DAY = timedelta(days=1)
RIGHT = Pointing(points=True, told="It leads to the server, say 2 of 2 resolvers.")
ASTRAY = Pointing(points=False, told="It leads to 192.0.2.1.")


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An instance on app1; app2 and app3 are empty."""
    with_servers(inventory, server("app1"), server("app2"), server("app3"))
    return opened(inventory, "A-1", NOW)


def goes(inventory: Inventory, name: str, target: str, now: datetime = NOW) -> MoveFacts:
    def move(session: Session) -> MoveFacts:
        made = moves.plan_move(session, name, target, "w", "olga", now, without_backup=True, now=now)
        for state in (MoveState.COPYING, MoveState.FROZEN):
            moves.record_state(session, made.id, state, now)
        moves.switch(session, made.id, {}, now)
        return moves.record_state(session, made.id, MoveState.DONE, now)

    return in_transaction(inventory, move)


def is_silent(inventory: Inventory, move: MoveFacts, now: datetime = NOW) -> None:
    in_transaction(
        inventory, partial(former_homes.record_owed, move_id=move.id, finding="app1 does not answer.", now=now)
    )


def has_name(inventory: Inventory, name: str, label: str = "post.example", kind: NameKind = NameKind.DOMAIN) -> int:
    def enter(session: Session) -> int:
        made = names.begin_assigning(session, name, kind, label, label, now=NOW)
        return names.record_live(session, made.id, NOW, {}).id

    return in_transaction(inventory, enter)


def passed_on(inventory: Inventory, now: datetime) -> list[PassedOn]:
    with inventory.reading() as session:
        return former_homes.names_passed_on(session, now)


def looked(inventory: Inventory, found: Pointing, now: datetime) -> PassedOn:
    [one] = passed_on(inventory, now)
    return in_transaction(inventory, partial(former_homes.record_look, one=one, found=found, now=now))


def open_cases(inventory: Inventory) -> list[tuple[str, str]]:
    with inventory.reading() as session:
        return [(one.kind, one.summary) for one in cases.open_cases(session)]


def owed(inventory: Inventory) -> list[int]:
    with inventory.reading() as session:
        return [one.move_id for one in former_homes.all_owed(session)]


def test_what_a_silent_server_owes_is_tried_until_it_is_done_and_told_after_some_days(
    inventory: Inventory, name: str
) -> None:
    move = goes(inventory, name, "app2")
    for hours in (0, 1, 2):
        is_silent(inventory, move, NOW + hours * HOUR)
    assert (owed(inventory), open_cases(inventory)) == ([move.id], [])
    for days in range(STANDARD.home_silent_days, 6):
        is_silent(inventory, move, NOW + days * DAY)
    [(kind, said)] = open_cases(inventory)
    assert kind == former_homes.HOME_SILENT
    assert said == (
        f"{name} moved from app1 to app2, and is served there. app1 does not answer. It is tried again, until it is done."
    )
    for _ in range(2):
        in_transaction(inventory, partial(former_homes.settle_owed, move_id=move.id, now=NOW + 7 * DAY))
    assert (owed(inventory), open_cases(inventory)) == ([], [])
    with inventory.reading() as session:
        told = [deed.what for deed in deeds.deeds_of(session, f"instance:{name}")]
        assert not former_homes.is_owed(session, move.id)
    assert (told.count("former server silent"), told.count("former server done")) == (1, 1)


def test_nothing_is_tried_while_the_instance_is_on_its_way_or_once_it_has_ended(
    inventory: Inventory, name: str
) -> None:
    from hosting.inventory.models import Instance

    first = goes(inventory, name, "app2")
    is_silent(inventory, first)
    in_transaction(
        inventory,
        lambda session: moves.plan_move(session, name, "app3", "w", "olga", NOW, without_backup=True, now=NOW),
    )
    assert owed(inventory) == []
    in_transaction(inventory, lambda session: moves.call_off_planned(session, name, "no", by="olga", now=NOW))
    assert owed(inventory) == [first.id]
    with inventory.writing() as session:
        session.get_one(Instance, name).state = InstanceState.ENDED
    assert owed(inventory) == []


def test_a_name_is_looked_at_each_hour_and_ends_after_its_rest(inventory: Inventory, name: str) -> None:
    number = has_name(inventory, name)
    assert passed_on(inventory, NOW) == []  # it has never moved
    goes(inventory, name, "app2")
    seen = looked(inventory, RIGHT, NOW + HOUR)
    assert next_step(seen.passing, NOW + HOUR) is Next.WAIT
    assert passed_on(inventory, NOW + HOUR + HOUR / 2) == []
    rested = NOW + HOUR + STANDARD.passed_on_rests
    seen = looked(inventory, RIGHT, rested)
    assert next_step(seen.passing, rested) is Next.END
    for _ in range(2):
        in_transaction(inventory, partial(former_homes.record_ended, one=seen, silent=[], now=rested))
    assert passed_on(inventory, rested + DAY) == []
    with inventory.reading() as session:
        [known] = names.names_of(session, name)
        assert (known.id, former_homes.is_ended(session, known)) == (number, True)
        told = [deed.what for deed in deeds.deeds_of(session, f"instance:{name}")]
    assert told.count("name passed on no more") == 1


def test_only_the_last_move_of_an_instance_that_is_not_on_its_way_is_its_last(inventory: Inventory, name: str) -> None:
    def is_last(move: MoveFacts) -> bool:
        with inventory.reading() as session:
            return former_homes.is_last(session, move)

    first = goes(inventory, name, "app2")
    assert is_last(first)
    second = goes(inventory, name, "app3", NOW + DAY)
    assert (is_last(first), is_last(second)) == (False, True)
    again = partial(moves.plan_move, due_at=NOW, without_backup=True, now=NOW)
    in_transaction(inventory, lambda session: again(session, name, "app1", "w", "olga"))
    assert not is_last(second)


def test_after_another_move_it_is_passed_on_again(inventory: Inventory, name: str) -> None:
    has_name(inventory, name)
    goes(inventory, name, "app2")
    seen = looked(inventory, RIGHT, NOW + HOUR)
    in_transaction(inventory, partial(former_homes.record_ended, one=seen, silent=[], now=NOW + 3 * DAY))
    second = goes(inventory, name, "app3", NOW + 4 * DAY)
    [again] = passed_on(inventory, NOW + 5 * DAY)
    assert (again.move.id, again.passing.quiet_since) == (second.id, None)
    with inventory.reading() as session:
        assert not former_homes.is_ended(session, again.name)


def test_each_reminder_counts_once_and_a_person_is_told_after_the_last(inventory: Inventory, name: str) -> None:
    has_name(inventory, name)
    goes(inventory, name, "app2")
    reminded, at = [], NOW
    while at < NOW + 60 * DAY:
        at += DAY
        seen = looked(inventory, ASTRAY, at)
        due = next_step(seen.passing, at)
        if due is Next.REMIND:
            reminded.append((at - NOW).days)
            for _ in range(2):  # a run that was lost after it
                in_transaction(inventory, partial(former_homes.record_reminded, one=seen, now=at))
        if due is Next.TELL:
            in_transaction(inventory, partial(former_homes.tell_still_passed_on, one=seen, finding=ASTRAY.told, now=at))
    assert tuple(reminded) == STANDARD.domain_reminder_days
    [(kind, said)] = open_cases(inventory)
    assert kind == former_homes.STILL_PASSED_ON
    assert said == (
        f"post.example of {name}, which moved to app2 on 2026-11-23: It leads to 192.0.2.1. 3 reminders were sent. "
        "It is passed on until it leads there."
    )
    looked(inventory, RIGHT, at + DAY)
    assert open_cases(inventory) == []


def test_a_server_that_stays_silent_keeps_no_name_for_ever_and_is_put_right_later(
    inventory: Inventory, name: str
) -> None:
    has_name(inventory, name)
    goes(inventory, name, "app2")
    seen = looked(inventory, RIGHT, NOW + HOUR)
    in_transaction(inventory, partial(former_homes.record_ended, one=seen, silent=["app1"], now=NOW + 6 * DAY))
    [(kind, said)] = open_cases(inventory)
    assert kind == cases.LEFT_BEHIND
    assert "app1 did not take it off and may know it" in said
    with inventory.reading() as session:
        [case] = cases.open_cases(session)
    assert case.key.startswith(cases.LEFT_NAME)
    assert case.facts == {"servers": ["app1"], "number": seen.name.id}


def test_a_name_of_an_instance_that_is_on_its_way_is_left_alone(inventory: Inventory, name: str) -> None:
    has_name(inventory, name, "otter", NameKind.SUBDOMAIN)
    goes(inventory, name, "app2")
    in_transaction(
        inventory,
        lambda session: moves.plan_move(session, name, "app3", "w", "olga", NOW, without_backup=True, now=NOW),
    )
    assert passed_on(inventory, NOW + DAY) == []
