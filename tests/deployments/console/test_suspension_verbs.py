"""`phm suspend`, `resume` and `rent` as operators use them, beside the clock's own run (P41)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from flows.dispatch_due_work import BEATS
from hosting.inventory import suspensions, work
from hosting.inventory.notices import NoticeType, RentNotice
from hosting.policy.states import WorkState
from tasks.rents import see_to_rents
from tasks.suspending import see_to_suspensions
from tests.inventory.words import notice, take
from tests.service.records import opened, provided
from tests.service.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.deployments.console.conftest import Console

BEGUN = datetime(2026, 12, 1, 14, tzinfo=UTC)  # a Tuesday
DAY = timedelta(days=1)


@pytest.fixture
def relay(home: Path) -> Iterator[Relay]:
    """The relay for tasks that work with the console's own inventory."""
    relay = Relay()
    with provided(home, relay_port=relay.port):
        yield relay


def wanted(phm: Console) -> list[str]:
    with phm.inventory.reading() as session:
        return [one.kind for one in work.work_in(session, WorkState.OPEN) if one.kind in {work.SUSPEND, work.RESUME}]


def rent(phm: Console, kind: NoticeType, at: datetime) -> None:
    said = notice(f"{kind}-{at}", kind, RentNotice("A-1", 900, "EUR", date(2026, 11, 1)))
    take(phm.inventory, said, now=at)


def climb(relay: Relay, at: datetime) -> int:
    """What the clock's own run does at a moment."""
    with time_machine.travel(at, tick=False), relay.up():
        return see_to_rents.fn()


def test_the_clock_sees_to_rents_and_suspensions_each_minute() -> None:
    assert {see_to_rents, see_to_suspensions} <= set(BEATS)


def test_an_operator_sees_what_it_means_suspends_and_opens_again(phm: Console, relay: Relay) -> None:
    name = opened(phm.inventory, "A-1", datetime.now(UTC))
    order = ("suspend", name, "--because", "abuse")
    assert "this was a dry run" in phm(*order, "--dry-run").out
    assert "it was not confirmed" in phm(*order, answers="n\n").refusal
    assert wanted(phm) == []
    assert phm(*order, "--yes").code == 0
    assert phm(*order, "--yes").code == 0  # once more says the same
    assert wanted(phm) == [work.SUSPEND]
    assert see_to_suspensions.fn() == []  # it is on its way
    assert "What ends by it" in phm("resume", name, "--dry-run").out
    assert phm("resume", name, "--because", "sorted out").code == 0
    assert wanted(phm) == [work.RESUME]
    with phm.inventory.reading() as session:
        [one] = suspensions.suspensions_of(session, name)
    assert (one.because, one.by, one.ends_why, one.ends_by) == ("abuse", phm.operator, "sorted out", phm.operator)
    assert phm("resume", name).refusal.startswith(f"Nobody wants {name} suspended; it is active.")


def test_a_rent_climbs_by_the_clock_alone_and_more_time_stops_it(phm: Console, relay: Relay) -> None:
    name = opened(phm.inventory, "A-1", BEGUN - 30 * DAY)
    rent(phm, NoticeType.RENT_OVERDUE, BEGUN)
    assert [climb(relay, BEGUN), climb(relay, BEGUN + DAY)] == [1, 0]
    assert "Vermutlich ist sie nur liegen geblieben" in " ".join(relay.text().split())
    assert [climb(relay, BEGUN + 7 * DAY), climb(relay, BEGUN + 8 * DAY)] == [1, 0]
    assert [climb(relay, BEGUN + 14 * DAY), climb(relay, BEGUN + 15 * DAY)] == [1, 0]
    assert "Mittwoch, 23. Dezember 2026, 10:00 Uhr" in " ".join(relay.text().split())
    assert phm("rent", "list", "--json").json[0]["stands"] == "announced"
    assert climb(relay, datetime(2026, 12, 22, 22, tzinfo=UTC)) == 0
    assert wanted(phm) == []
    assert climb(relay, datetime(2026, 12, 23, 9, tzinfo=UTC)) == 1
    assert wanted(phm) == [work.SUSPEND]
    assert climb(relay, datetime(2026, 12, 23, 9, 1, tzinfo=UTC)) == 0
    assert phm("rent", "list", "--json").json[0]["stands"] == "suspended"
    until = str(datetime.now(UTC).date() + timedelta(days=20))
    assert "left alone until" in phm("rent", "hold", name, "--until", until, "--because", "he called").out
    assert wanted(phm) == [work.RESUME]
    assert phm("rent", "show", name, "--json").json["held_why"] == "he called"
    rent(phm, NoticeType.RENT_SETTLED, BEGUN + 30 * DAY)
    assert "No rent is overdue." in phm("rent", "list").out
    assert "not overdue" in phm("rent", "show", name).out
    assert climb(relay, BEGUN + 60 * DAY) == 0


def test_while_the_relay_is_away_nobody_is_a_rung_further(phm: Console, relay: Relay) -> None:
    opened(phm.inventory, "A-1", BEGUN - 30 * DAY)
    rent(phm, NoticeType.RENT_OVERDUE, BEGUN)
    with time_machine.travel(BEGUN, tick=False), pytest.raises(Exception, match="tried again each minute"):
        see_to_rents.fn()
    assert phm("rent", "list", "--json").json[0]["stands"] == "new"
    assert climb(relay, BEGUN + DAY) == 1


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("suspend", "nobody", "--because", "x"), "There is no instance nobody."),
        (("resume", "nobody"), "There is no instance nobody."),
        (("rent", "hold", "nobody", "--until", "2027-01-01", "--because", "x"), "There is no instance nobody."),
        (("rent", "hold", "nobody", "--until", "soon", "--because", "x"), "'soon' is no day."),
        (("suspend", "nobody", "--because", " "), "The reason is empty."),
    ],
)
def test_what_can_not_be_is_refused_in_a_line(phm: Console, words: tuple[str, ...], line: str) -> None:
    assert phm(*words).refusal.startswith(line)
