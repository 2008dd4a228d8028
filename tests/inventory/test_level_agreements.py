"""Agreements on service levels: they take effect on their day by themselves, and stay on record (P40)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from hosting.inventory import deeds, instances, level_agreements, levels, orders, work
from hosting.inventory.calendars import calendar_for
from hosting.inventory.models import Order
from hosting.inventory.promises import open_promises
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.placement import choose_server
from hosting.policy.service_levels import CannotBeAgreed
from hosting.policy.terms import AROUND_THE_CLOCK, STANDARD
from tests.inventory.words import HOUR, NOW, RELEASE, STATE, placed, received, server, take, with_servers

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from hosting.policy.service_levels import Agreement

TODAY = date(2026, 11, 23)
DAY = timedelta(days=1)
GOLD = {"backup_every": 4, "availability_percent": 99.9}
MIDNIGHT = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)  # the 1st of December begins in Berlin


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An open instance, beside another one, and a level."""
    with_servers(inventory, server("app1", 200))
    do(inventory, lambda session: levels.ensure_level(session, "gold", GOLD))
    first = opened(inventory, "A-1")
    opened(inventory, "A-2")
    return first


def opened(inventory: Inventory, order: str) -> str:
    take(inventory, placed(order), received(f"{order}-paid", order=order))

    def open_it(session: Session) -> str:
        made = instances.reserve_instance(session, order, choose_server, release=RELEASE, seal=str.upper, now=NOW)
        instances.record_active(session, made.name, NOW, {})
        return str(made.name)

    return do(inventory, open_it)


def do(inventory: Inventory, act: Callable[[Session], Any]) -> Any:
    return in_transaction(inventory, act)


def agree(inventory: Inventory, named: str, level: str, day: date, now: datetime = NOW) -> Agreement:
    act = partial(
        level_agreements.agree, named=named, level=level, from_day=day, reason="30 EUR a month", by="olga", now=now,
        state=STATE,
    )  # fmt: skip
    return do(inventory, act)  # type: ignore[no-any-return]


def test_a_level_counts_from_the_first_moment_of_its_day_in_berlin_and_for_that_contract_alone(
    inventory: Inventory, name: str
) -> None:
    agree(inventory, name, "gold", date(2026, 12, 1))
    with inventory.reading() as session:
        gold = levels.terms_of(session, "gold")
        assert levels.terms_of_instance(session, name, MIDNIGHT - timedelta(microseconds=1)) == STANDARD
        assert levels.terms_of_instance(session, name, MIDNIGHT) == gold
        all_terms = levels.terms_of_instances(session, MIDNIGHT)
        assert [all_terms.pop(name), *all_terms.values()] == [gold, STANDARD]
        assert levels.periods_of_instance(session, name) == [
            (TODAY, None, STANDARD), (date(2026, 12, 1), "gold", gold),
        ]  # fmt: skip


def test_what_is_agreed_is_on_record_with_by_whom_and_why(inventory: Inventory, name: str) -> None:
    first = agree(inventory, "A-1", "gold", TODAY)
    second = agree(inventory, str(first.contract_id), "standard", date(2027, 1, 1))
    with inventory.reading() as session:
        known = level_agreements.contract_named(session, name)
        told = [deed for deed in deeds.deeds_of(session, "order:A-1") if deed.what == level_agreements.AGREED]
    assert known.agreements == (first, second)
    assert known.instances == (name,)
    assert [known.level_on(date(2026, month, 24)) for month in (11, 12)] == ["gold", "gold"]
    assert known.level_on(date(2027, 1, 1)) is None
    assert [(deed.by, deed.why, deed.evidence["level"], deed.evidence["before"]) for deed in told] == [
        ("olga", "30 EUR a month", "gold", "standard"), ("olga", "30 EUR a month", "standard", "gold"),
    ]  # fmt: skip
    assert told[0].evidence["terms"] == ["availability_percent", "backup_every"]


def test_an_agreement_is_called_off_until_its_day_has_come(inventory: Inventory, name: str) -> None:
    made = agree(inventory, name, "gold", date(2026, 12, 1))

    def off(now: datetime) -> Agreement:
        act = partial(level_agreements.call_off, number=made.id, why="too dear", by="olga", now=now)
        return do(inventory, act)  # type: ignore[no-any-return]

    with pytest.raises(CannotBeAgreed, match="counts since the 2026-12-01"):
        off(MIDNIGHT)
    assert {off(NOW + HOUR).called_off_at, off(NOW + 2 * HOUR).called_off_at} == {NOW + HOUR}
    with inventory.reading() as session:
        assert levels.terms_of_instance(session, name, MIDNIGHT) == STANDARD
        assert [one.called_off_why for one in level_agreements.contract_named(session, name).agreements] == ["too dear"]
    agree(inventory, name, "gold", date(2026, 12, 1))  # the day is free again


def test_a_level_that_is_agreed_on_can_only_be_made_better(inventory: Inventory, name: str) -> None:
    do(inventory, lambda session: levels.ensure_level(session, "gold", {"backup_every": 8}))  # nobody has it yet
    agree(inventory, name, "gold", date(2026, 12, 1))
    with pytest.raises(levels.LevelInUse, match=r"is agreed on \(order A-1\), and would not be better .* backup_every"):
        do(inventory, lambda session: levels.ensure_level(session, "gold", {"backup_every": 12}))
    do(inventory, lambda session: levels.ensure_level(session, "gold", {"backup_every": 2}))
    with inventory.reading() as session:
        assert levels.terms_of(session, "gold").backup_every == 2 * HOUR


def test_a_level_that_anybody_ever_named_is_not_removed(inventory: Inventory, name: str) -> None:
    def remove(level: str) -> None:
        do(inventory, lambda session: level_agreements.drop_level(session, level, by="olga", now=NOW))

    made = agree(inventory, name, "gold", date(2026, 12, 1))
    with pytest.raises(levels.LevelInUse, match="order A-1"):
        remove("gold")
    do(inventory, lambda session: level_agreements.call_off(session, made.id, "", by="olga", now=NOW))
    with pytest.raises(levels.LevelInUse, match=f"agreement {made.id}"):
        remove("gold")
    do(inventory, lambda session: levels.ensure_level(session, "slip", {"backup_every": 8}))
    remove("slip")
    with inventory.reading() as session:
        assert levels.level_names(session) == ["gold"]


def test_an_ordered_level_is_agreed_on_from_its_order_on(inventory: Inventory, name: str) -> None:
    do(inventory, lambda session: levels.ensure_level(session, "fast", {"setup_within": 2}))
    take(inventory, placed("A-3", service_level="fast"))
    with pytest.raises(levels.LevelInUse, match="order A-3"):
        do(inventory, lambda session: levels.ensure_level(session, "fast", {"setup_within": 4}))


def test_a_set_up_is_promised_by_the_hours_of_the_level_that_was_ordered(inventory: Inventory, name: str) -> None:
    do(inventory, lambda session: levels.ensure_level(session, "fast", {"setup_within": 2}))
    for order, level in (("A-3", None), ("A-4", "fast")):
        take(inventory, placed(order, service_level=level), received(f"{order}-paid", order=order))
    with inventory.reading() as session:
        promised = {one.order.reference: one.order.promised_by for one in open_promises(session, NOW, STATE)}
    assert promised == {"A-3": NOW + 8 * HOUR, "A-4": NOW + 2 * HOUR}


def test_a_set_up_that_is_open_becomes_due_sooner_by_a_level_that_is_agreed_on_meanwhile(
    inventory: Inventory, name: str
) -> None:
    night = NOW + 12 * HOUR  # 23:00 in Berlin
    do(inventory, lambda session: levels.ensure_level(session, "round", {**AROUND_THE_CLOCK, "setup_within": 2}))
    take(inventory, placed("A-3"), received("A-3-paid", at=night, order="A-3"), now=night)
    before = setup(inventory)
    agree(inventory, "A-3", "round", TODAY, night)
    after = setup(inventory)
    assert before == (datetime(2026, 11, 24, 17, tzinfo=UTC), datetime(2026, 11, 24, 9, tzinfo=UTC))
    assert after == (night + 2 * HOUR, night)
    with inventory.reading() as session:
        [stands] = open_promises(session, night, STATE)
        assert levels.level_of_order(session, "A-3", night) == "round"
        assert calendar_for(session, "round", STATE).next_open(night) == night
    assert stands.order.promised_by == night + 2 * HOUR
    agree(inventory, "A-3", "standard", TODAY + DAY, night)
    assert setup(inventory) == after  # what was promised is kept


def setup(inventory: Inventory) -> tuple[datetime, datetime]:
    """By when an order is promised, and when its work is due."""
    with inventory.reading() as session:
        asked = work.work_of(session, work.PROVISION, "A-3")
        promised = orders.order_facts(session, "A-3").promised_by
    assert asked is not None
    assert promised is not None
    return promised, asked.due_at


def test_what_would_change_is_seen_before_anything_is_agreed(inventory: Inventory, name: str) -> None:
    with inventory.reading() as session:
        seen = level_agreements.preview(session, name, "gold", date(2026, 12, 1), now=NOW, state=STATE)
        assert session.scalars(select(Order.reference)).all()
    assert (seen.before_level, seen.level) == (None, "gold")
    assert [one.term for one in seen.changes] == ["availability_percent", "backup_every"]
    assert (seen.before.backups_a_day, seen.after.backups_a_day) == (1, 6)
    assert seen.after.next_backup == datetime(2026, 12, 1, 1, 30, tzinfo=UTC)  # of the day that began before
    for named, level, refusal in (
        ("nobody", "gold", level_agreements.UnknownContract), (name, "tin", levels.UnknownLevel),
    ):  # fmt: skip
        with inventory.reading() as session, pytest.raises(refusal):
            level_agreements.preview(session, named, level, TODAY, now=NOW, state=STATE)
