"""While an instance is closed, its end may be called off, or others may work on it: what is recorded is what is (P41)."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from prefect import Task

from flows import end_contract
from hosting.inventory import bookings, called_off_ends, endings, instances, names
from hosting.inventory.session import in_transaction
from hosting.policy.states import EndState, InstanceState, NameState
from hosting.policy.values import NameKind
from tasks.closing import release_names
from tests.inventory.words import NOW
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory
    from hosting.policy.leaving import EndFacts

STOPPED = ["ensure_ended_page", "ensure_nothing_runs", "prove_ended"]


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as inventory:
        yield inventory


@pytest.fixture
def end(inventory: Inventory) -> Iterator[EndFacts]:
    """An end whose midnight has come; the instance has a name."""
    name = opened(inventory, "A-1", NOW)

    def notice(session: Session) -> EndFacts:
        own = names.begin_assigning(session, name, NameKind.SUBDOMAIN, "anna", "anna", now=NOW, by="olga")
        names.record_live(session, own.id, NOW, {})
        return endings.give_notice(session, name, None, by="olga", why="by mail", now=NOW)

    made = in_transaction(inventory, notice)
    with time_machine.travel(made.effective_at, tick=False):
        yield made


class Steps:
    """What is done on servers is told only; or, at a step, something happens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.monkeypatch = monkeypatch
        monkeypatch.setattr(end_contract, "working_on", lambda *_: contextlib.nullcontext())
        for name, one in vars(end_contract).copy().items():
            if isinstance(one, Task):
                monkeypatch.setattr(end_contract, name, one.fn)
        self.told(*STOPPED, "take_last_point", "take_away", "tell_customer_ended")

    def told(self, *steps: str, does: Callable[[], Any] = dict) -> None:
        for step in steps:
            self.monkeypatch.setattr(end_contract, step, partial(self._run, step, does))

    def _run(self, step: str, does: Callable[[], Any], *_: Any) -> Any:
        self.done.append(step)
        return does()


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(monkeypatch)


def call_off(inventory: Inventory, end: EndFacts) -> None:
    off = partial(
        called_off_ends.call_off, instance=end.instance_name, by="olga", why="she stays", now=end.effective_at
    )
    in_transaction(inventory, off)


def stands(inventory: Inventory, end: EndFacts) -> tuple[EndState, InstanceState, list[NameState]]:
    with inventory.reading() as session:
        state = instances.instance_facts(session, end.instance_name).state
        held = [one.state for one in names.names_of(session, end.instance_name)]
        return endings.ending_facts(session, end.id).state, state, held


def test_what_was_proven_before_the_last_point_is_made_and_proven_again_after_it(
    inventory: Inventory, end: EndFacts, steps: Steps
) -> None:
    end_contract.close(end)
    assert steps.done == [*STOPPED, "take_last_point", *STOPPED, "take_away", "tell_customer_ended"]
    assert stands(inventory, end)[:2] == (EndState.ENDED, InstanceState.CLOSED)


def test_an_end_that_is_called_off_while_the_last_point_is_taken_takes_no_name_and_tells_of_no_end(
    inventory: Inventory, end: EndFacts, steps: Steps
) -> None:
    steps.told("take_last_point", does=lambda: call_off(inventory, end))
    end_contract.close(end)
    assert steps.done == [*STOPPED, "take_last_point"]
    assert stands(inventory, end) == (EndState.REOPENING, InstanceState.ACTIVE, [NameState.LIVE])


def test_an_end_that_is_called_off_while_its_names_go_is_not_told_as_ended(
    inventory: Inventory, end: EndFacts, steps: Steps
) -> None:
    steps.told("take_away", does=lambda: call_off(inventory, end))
    end_contract.close(end)
    assert steps.done == [*STOPPED, "take_last_point", *STOPPED, "take_away"]
    assert stands(inventory, end)[:2] == (EndState.REOPENING, InstanceState.ACTIVE)
    with inventory.reading() as session:
        assert [one["a_label"] for one in endings.ending_facts(session, end.id).names] == ["anna"]  # to come back


def test_names_of_an_end_that_was_called_off_are_not_released(inventory: Inventory, end: EndFacts) -> None:
    call_off(inventory, end)
    assert release_names.fn(end) == []
    assert stands(inventory, end)[2] == [NameState.LIVE]


@pytest.mark.parametrize("closed", [False, True])
def test_who_is_suspended_before_his_end_is_opened_again_stays_suspended(
    inventory: Inventory, end: EndFacts, steps: Steps, monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    if closed:
        end_contract.close(end)
    call_off(inventory, end)
    with inventory.reading() as session:
        found = endings.ending_facts(session, end.id)

    @contextlib.contextmanager
    def waiting(*_: object) -> Iterator[None]:
        """Another run was at it before."""
        with inventory.writing() as session:
            row = bookings.locked_row(session, end.instance_name)
            row.server_name = "app2"
            if not closed:
                row.state = InstanceState.SUSPENDED
        yield

    shown: list[tuple[str, InstanceState]] = []
    monkeypatch.setattr(end_contract, "working_on", waiting)
    monkeypatch.setattr(
        end_contract, "ensure_site", lambda server, instance: shown.append((server.name, instance.state))
    )
    steps.told("ensure_cron", "prove_instance_answers")
    end_contract.reopen(found)
    wanted = InstanceState.ACTIVE if closed else InstanceState.SUSPENDED
    assert shown == [("app2", wanted)]
    assert ("prove_instance_answers" in steps.done) is closed
    assert stands(inventory, end)[:2] == (EndState.CALLED_OFF, wanted)


def test_an_instance_that_has_moved_meanwhile_is_not_closed_where_it_was(
    inventory: Inventory, end: EndFacts, steps: Steps
) -> None:
    def move() -> None:
        def there(session: Session) -> None:
            bookings.locked_row(session, end.instance_name).server_name = "app2"

        in_transaction(inventory, there)

    steps.told("take_last_point", does=move)
    end_contract.close(end)
    assert steps.done == [*STOPPED, "take_last_point"]
    assert stands(inventory, end)[0] is EndState.NOTICED
