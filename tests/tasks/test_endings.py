"""Letters about an end go out once each at their days, a failure is tried again and told, nobody is forgotten (P41)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
import time_machine
from sqlalchemy import delete

from flows.dispatch_due_work import BEATS
from hosting.errors import StepFailed, Unreachable
from hosting.inventory import called_off_ends, campaigns, cases, endings, work
from hosting.inventory.models import Work
from hosting.inventory.session import in_transaction
from hosting.policy.attempts import AGAIN_AFTER
from hosting.policy.leaving import OWED_AGAIN_AFTER, Next, Step
from tasks.campaigns import read_untold, tell_one
from tasks.end_letters import tell_customer_noticed, tell_customer_reminder
from tasks.endings import read_end, read_next, record_reminded, record_waiting, see_to_endings, telling_end_failure
from tests.service.records import opened, provided
from tests.service.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.inventory.session import Inventory
    from hosting.inventory.work import WorkFacts
    from hosting.policy.leaving import EndFacts

NOW = datetime(2026, 11, 26, 17, 30, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def relay() -> Relay:
    return Relay()


@pytest.fixture
def inventory(tmp_path: Path, relay: Relay) -> Iterator[Inventory]:
    with provided(tmp_path, relay_port=relay.port) as inventory:
        yield inventory


@pytest.fixture
def end(inventory: Inventory) -> EndFacts:
    name = opened(inventory, "A-1", NOW - 400 * DAY)
    give = partial(endings.give_notice, instance=name, wanted=None, by="olga", why="by mail", now=NOW)
    return in_transaction(inventory, give)


def asked(inventory: Inventory, end: EndFacts) -> WorkFacts:
    with inventory.reading() as session:
        found = work.work_of(session, work.END_CONTRACT, end.work_subject)
    assert found is not None
    return found


def test_the_clock_sees_to_ends_each_minute() -> None:
    assert see_to_endings in BEATS


def test_the_customer_is_told_at_once_and_reminded_once_for_each_day(
    inventory: Inventory, end: EndFacts, relay: Relay
) -> None:
    assert end.ends_on.isoformat() == "2026-12-26"
    with relay.up():
        with time_machine.travel(NOW, tick=False):
            for _ in range(2):
                tell_customer_noticed.fn(end)
            record_waiting.fn(end, read_next.fn(end))
        assert relay.subjects == ["Ihr Vertrag endet am 26. Dezember 2026 (A-1)"]
        assert "Am 25. Januar 2027 löschen wir" in " ".join(relay.text().split())
        with time_machine.travel(asked(inventory, end).due_at, tick=False):
            due = read_next.fn(end)
            assert due == Next(Step.REMIND, days=7)
            for _ in range(2):
                tell_customer_reminder.fn(end, due.days)
            record_reminded.fn(end)
            assert read_next.fn(read_end.fn(end.instance_name)).step is Step.WAIT
    assert relay.subjects[1:] == ["Ihre Instanz läuft noch 7 Tage (A-1)"]


def test_what_does_not_answer_is_tried_again_and_later_told_and_never_given_up(
    inventory: Inventory, end: EndFacts
) -> None:
    moment = NOW
    for tried in range(len(AGAIN_AFTER) + 2):
        with time_machine.travel(moment, tick=False), pytest.raises(Unreachable), telling_end_failure([end]):
            raise Unreachable("app1 does not answer.", "Look at it.")
        later = asked(inventory, end).due_at
        assert later > moment
        with inventory.reading() as session:
            told = [case.kind for case in cases.open_cases(session)]
        assert told == ([] if tried < len(AGAIN_AFTER) else [cases.NOT_DONE])
        moment = later
    with time_machine.travel(moment, tick=False):
        record_waiting.fn(end, read_next.fn(end))
    with inventory.reading() as session:
        assert cases.open_cases(session) == []


def test_what_does_not_heal_is_told_at_once_and_tried_each_hour(inventory: Inventory, end: EndFacts) -> None:
    with time_machine.travel(NOW, tick=False), pytest.raises(StepFailed), telling_end_failure([end]):
        raise StepFailed("The site still answers.", "Look at it.")
    assert asked(inventory, end).due_at == NOW + OWED_AGAIN_AFTER
    assert read_end.fn(end.instance_name).finding.startswith("The site still answers.")
    with inventory.reading() as session:
        [case] = cases.open_cases(session)
    assert "tried again each hour" in case.summary


def test_an_end_whose_work_was_lost_gets_it_again(inventory: Inventory, end: EndFacts) -> None:
    assert see_to_endings.fn() == []
    in_transaction(inventory, lambda session: session.execute(delete(Work)))
    assert see_to_endings.fn() == [end.work_subject]
    call_off = partial(called_off_ends.call_off, instance=end.instance_name, by="olga", why="she stays", now=NOW)
    called_off = in_transaction(inventory, call_off)
    record_waiting.fn(called_off, Next(Step.WAIT))
    assert asked(inventory, end).state.value == "done"


def test_the_campaign_goes_on_with_who_is_left_and_tells_nobody_twice(
    inventory: Inventory, end: EndFacts, relay: Relay
) -> None:
    [one] = read_untold.fn("")
    assert (one.customer, one.instance) == ("C-1", end.instance_name)
    assert read_untold.fn("en") == []
    with pytest.raises(Unreachable):
        tell_one.fn(one)
    with relay.up():
        assert [tell_one.fn(one) for _ in range(2)] == [True, False]
    assert relay.subjects == ["phlyMail geht zu Ende: Bitte planen Sie Ihren Wechsel"]
    assert read_untold.fn("") == []
    with inventory.reading() as session:
        assert campaigns.standings(session)[0].told_at is not None
