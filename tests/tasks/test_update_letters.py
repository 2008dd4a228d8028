"""Customers are told of an update by the clock's own run: once, again where it changes, and how it ended (P15, P16)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
import time_machine

from flows.dispatch_due_work import BEATS
from hosting.inventory import announcements
from hosting.inventory.session import in_transaction
from hosting.policy.announcements import Times, Update, UpdateKind, UpdateReason
from hosting.policy.maintenance import Window
from tasks.failures import NotAllDone
from tasks.update_letters import see_to_announcements
from tests.service.records import opened, provided
from tests.service.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.inventory.session import Inventory

NOW = datetime(2026, 11, 26, 17, 30, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
UPDATE = Update("product:40471", UpdateKind.PRODUCT, UpdateReason.SECURITY, "4.04.71")
NIGHT = datetime(2026, 12, 1, 21, tzinfo=UTC)


@pytest.fixture
def relay() -> Relay:
    return Relay()


@pytest.fixture
def inventory(tmp_path: Path, relay: Relay) -> Iterator[Inventory]:
    with provided(tmp_path, relay_port=relay.port) as inventory:
        yield inventory


@pytest.fixture
def name(inventory: Inventory) -> str:
    return opened(inventory, "A-1", NOW - 30 * DAY)


def plan(inventory: Inventory, name: str, opens: datetime = NIGHT) -> None:
    turns = {name: Times(Window(opens, opens + 2 * HOUR), 240)}
    announced = partial(announcements.announce, update=UPDATE, times=turns, by="olga", reason="a hole", now=NOW)
    in_transaction(inventory, announced)


def at(moment: datetime) -> int:
    """What the clock's own run does at a moment; how many letters went out."""
    with time_machine.travel(moment, tick=False):
        return see_to_announcements.fn()


def test_the_clock_sees_to_announcements_each_minute() -> None:
    assert see_to_announcements in BEATS


def test_a_customer_is_told_once_again_where_it_changes_and_when_it_took_longer(
    inventory: Inventory, name: str, relay: Relay
) -> None:
    plan(inventory, name)
    with relay.up():
        assert [at(NOW + MINUTE), at(NOW + 2 * MINUTE)] == [1, 0]
        assert "Dienstag, 1. Dezember 2026, 22:00 bis 24:00 Uhr" in relay.text()
        assert "phlyMail 4.04.71. Diese Version schließt Sicherheitslücken." in " ".join(relay.text().split())
        plan(inventory, name, NIGHT + DAY)
        assert [at(NOW + HOUR), at(NOW + 2 * HOUR)] == [1, 0]
        for record in (
            partial(announcements.record_begun, now=NIGHT + DAY),
            partial(announcements.record_ended, stopped_seconds=900.0, now=NIGHT + DAY + HOUR),
        ):
            in_transaction(inventory, partial(record, key=UPDATE.key, instance=name))
        assert [at(NIGHT + DAY + HOUR), at(NIGHT + DAY + 2 * HOUR)] == [1, 0]
    assert [subject.partition(" (")[0] for subject in relay.subjects] == [
        "Wartung Ihrer phlyMail-Instanz",
        "Neuer Termin: Wartung Ihrer phlyMail-Instanz",
        "Die Wartung Ihrer phlyMail-Instanz hat länger gedauert",
    ]
    with inventory.reading() as session:
        turn = announcements.announced(session, UPDATE.key, name)
    assert turn is not None
    assert turn.notice_given == NIGHT + DAY - NOW - HOUR


def test_a_relay_that_is_down_gets_the_letter_the_next_time(inventory: Inventory, name: str, relay: Relay) -> None:
    plan(inventory, name)
    with pytest.raises(NotAllDone):
        at(NOW + MINUTE)
    with relay.up():
        assert at(NOW + 2 * MINUTE) == 1


def test_a_customer_who_was_told_is_told_that_it_is_off(inventory: Inventory, name: str, relay: Relay) -> None:
    plan(inventory, name)
    with relay.up():
        at(NOW + MINUTE)
        in_transaction(
            inventory, partial(announcements.call_off, key=UPDATE.key, by="olga", why="withdrawn", now=NOW + HOUR)
        )
        assert [at(NOW + HOUR), at(NOW + 2 * HOUR)] == [1, 0]
    assert "entfällt" in relay.subjects[-1]
