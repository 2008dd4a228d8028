"""`phm level` as operators use it: seen first, agreed on, told by letter, called off (P40)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from hosting.policy.months import day_of
from tasks.level_letters import tell_customers_of_levels
from tests.service.records import opened, provided
from tests.service.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.deployments.console.conftest import Console

REASON = ("--reason", "mail of today, 30 EUR a month")


@pytest.fixture
def relay(home: Path) -> Iterator[Relay]:
    """The relay for tasks that work with the console's own inventory."""
    relay = Relay()
    with provided(home, relay_port=relay.port):
        yield relay


def in_days(days: int) -> str:
    return str(day_of(datetime.now(UTC)) + timedelta(days=days))


def told(relay: Relay) -> int:
    """What the clock's own run sends."""
    with relay.up():
        return tell_customers_of_levels.fn()


def test_a_level_is_seen_agreed_on_told_and_called_off(phm: Console, relay: Relay) -> None:
    name = opened(phm.inventory, "A-1", datetime.now(UTC))
    phm("level", "set", "gold", "backup_every=4", "availability_percent=99.9")
    agree = ("level", "agree", name, "gold", "--from", in_days(5))
    seen = phm(*agree, "--dry-run")
    assert seen.code == 0
    assert "standard → gold" in seen.out
    lines = [line.split() for line in seen.out.splitlines()]
    assert ["backup_every", "24", "h", "4", "h", "better"] in lines
    assert ["availability_percent", "99.6", "99.9", "better"] in lines
    assert ["backups", "a", "day", "1", "6"] in lines
    assert "this was a dry run" in seen.out
    assert [row["id"] for row in phm("level", "history", name, "--json").json] == [None]
    assert phm(*agree).refusal.startswith("The reason is empty.")
    assert "Nothing was changed: it was not confirmed." in phm(*agree, *REASON, answers="n\n").refusal
    assert told(relay) == 0
    assert "Agreement 1: gold counts from" in phm(*agree, *REASON, "--yes").out
    assert [told(relay), told(relay)] == [1, 0]
    assert "Eine Sicherung alle" in relay.text()
    assert phm("level", "list", "--json").json[0]["agreed"] == ["order A-1"]
    assert "Agreed on by: order A-1." in phm("level", "show", "gold").out
    assert phm("level", "set", "gold", "backup_every=12").refusal.startswith(
        "The level 'gold' is agreed on (order A-1)"
    )
    assert phm("level", "remove", "gold").refusal.startswith("The level 'gold' is on record")
    assert "Today counts: standard." in phm("level", "history", name).out
    assert phm("level", "call-off", "1", "--reason", "too dear").code == 0
    assert [told(relay), told(relay)] == [1, 0]
    assert "zurückgenommen" in relay.text()
    history = phm("level", "history", "A-1", "--json").json
    assert [(row["level"], row["stands"]) for row in history] == [("standard", True), ("gold", False)]


def test_what_was_called_off_before_its_letter_is_not_told(phm: Console, relay: Relay) -> None:
    name = opened(phm.inventory, "A-1", datetime.now(UTC))
    phm("level", "set", "gold", "backup_every=4")
    assert phm("level", "agree", name, "gold", "--from", in_days(2), *REASON, "--yes").code == 0
    assert phm("level", "call-off", "1", "--reason", "a slip").code == 0
    assert told(relay) == 0
    assert phm("level", "agree", name, "gold", "--from", "today", *REASON, "--yes").code == 0
    assert "Today counts: gold." in phm("level", "history", name).out
    with time_machine.travel(datetime.now(UTC) + timedelta(days=15), tick=True):
        assert told(relay) == 0  # that is no news any more


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("agree", "nobody", "gold", "--from", "today"), "No contract is known by 'nobody'."),
        (("agree", "A-1", "tin", "--from", "today"), "There is no service level 'tin'."),
        (("agree", "A-1", "gold", "--from", "soon"), "'soon' is no day. Write it like 2027-01-01, or today."),
        (("agree", "A-1", "gold", "--from", "2020-01-01"), "The 2020-01-01 is over"),
        (("agree", "A-1", "standard", "--from", "today"), "By this level nothing would change."),
        (("agree", "A-1", "small", "--from", "today"), "What is booked would be counted otherwise: storage_step_gib."),
        (("call-off", "9", "--reason", "x"), "There is no agreement 9."),
        (("remove", "tin"), "There is no service level 'tin'."),
        (("show", "tin"), "There is no service level 'tin'."),
        (("set", "wide", "room_ahead_days=3"), "For the service as a whole count: room_ahead_days."),
        (("set", "standard", "backup_every=3"), "The level 'standard' is the service description itself."),
    ],
)
def test_what_can_not_be_is_refused_in_a_line(phm: Console, words: tuple[str, ...], line: str) -> None:
    phm.with_order()
    phm("level", "set", "gold", "backup_every=4")
    phm("level", "set", "small", "storage_step_gib=1")
    assert phm("level", *words).refusal.startswith(line)
