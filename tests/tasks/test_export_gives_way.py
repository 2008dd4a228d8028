"""An export gives way between two users to who has paid or leaves, and not for ever (P41)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import instances, work
from hosting.inventory.session import in_transaction
from tasks import exports
from tasks.records import now
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.inventory.session import Inventory
    from hosting.policy.values import InstanceFacts

DAY = timedelta(days=1)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as inventory:
        yield inventory


@pytest.fixture
def instance(inventory: Inventory) -> InstanceFacts:
    name = opened(inventory, "A-1", now() - DAY)
    with inventory.reading() as session:
        return instances.instance_facts(session, name)


def ask(inventory: Inventory, kind: str, subject: str, due_in: timedelta = timedelta()) -> None:
    at = now()
    in_transaction(inventory, lambda session: work.ask_for(session, kind, subject, at + due_in, by="shop", now=at))


def test_it_waits_until_the_work_is_done_and_goes_on_then(
    inventory: Inventory, instance: InstanceFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject, waits = f"{instance.name}@now", list[float]()
    ask(inventory, work.RESUME, subject)

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            [one] = [one for one in in_transaction(inventory, work.work_in) if one.subject == subject]
            in_transaction(inventory, lambda session: work.mark_dispatched(session, one.id, "a run", one.attempt))
            in_transaction(inventory, lambda session: work.record_done(session, work.RESUME, subject))

    monkeypatch.setattr(exports.time, "sleep", sleep)
    exports.give_way(instance)
    assert len(waits) == 3


def test_it_does_not_wait_for_ever(
    inventory: Inventory, instance: InstanceFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(inventory, work.END_CONTRACT, f"{instance.name}#1")
    monkeypatch.setattr(exports, "GIVES_WAY_SECONDS", 0.05)
    monkeypatch.setattr(exports.time, "sleep", lambda _: None)
    exports.give_way(instance)
    assert exports.is_waited_for(instance.name)


def test_of_other_work_of_other_instances_and_of_another_day_it_takes_no_notice(
    inventory: Inventory, instance: InstanceFacts
) -> None:
    ask(inventory, work.SUSPEND, f"{instance.name}@now")
    ask(inventory, work.RESUME, f"{instance.name}x@now")
    ask(inventory, work.END_CONTRACT, f"{instance.name}#1", DAY)
    assert not exports.is_waited_for(instance.name)
