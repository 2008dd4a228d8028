"""A deletion is told and recorded once every place is clear, also where a server went away before it was (P41)."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from prefect import Task

from flows import end_contract
from hosting.errors import DriftFound
from hosting.inventory import ending_records, endings
from hosting.inventory.models import Server
from hosting.inventory.session import in_transaction
from hosting.policy.leaving import NOTHING, Listing
from hosting.policy.states import EndState, ServerState
from tests.inventory.words import NOW
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory
    from hosting.policy.leaving import EndFacts

THERE = Listing(3, 400, "ab" * 32)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as inventory:
        yield inventory


@pytest.fixture
def end(inventory: Inventory) -> Iterator[EndFacts]:
    """A deletion that found something on app1 and cleared the store, but not app1."""
    name = opened(inventory, "A-1", NOW)

    def begun(session: Session) -> EndFacts:
        made = endings.give_notice(session, name, None, by="olga", why="by mail", now=NOW)
        ended = endings.record_ended(session, made.id, {}, made.effective_at)
        for place in ("server app1", "store"):
            ending_records.record_listing(session, made.id, place, THERE, ended.delete_at)
        ending_records.record_not_cleared(session, made.id, "database app1", "It does not answer.", ended.delete_at)
        ending_records.record_cleared(session, made.id, "store", NOTHING, ended.delete_at)
        return endings.begin_deleting(session, made.id, ended.delete_at)

    made = in_transaction(inventory, begun)
    with time_machine.travel(made.delete_at + timedelta(days=1), tick=False):
        yield made


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The letters, in a run whose places on servers, in zone and store have nothing to be cleared."""
    letters: list[str] = []
    monkeypatch.setattr(end_contract, "working_on_records", lambda *_: contextlib.nullcontext())
    for name, one in vars(end_contract).copy().items():
        if isinstance(one, Task):
            monkeypatch.setattr(end_contract, name, one.fn)
    for name in ("list_before", "clear_places", "ensure_not_answered_for"):
        monkeypatch.setattr(end_contract, name, lambda *_: [])
    monkeypatch.setattr(end_contract, "tell_customer_deleted", lambda _: letters.append("deleted"))
    return letters


def retire(inventory: Inventory, host: str) -> None:
    def change(session: Session) -> None:
        session.get_one(Server, host).state = ServerState.RETIRED

    in_transaction(inventory, change)


def found(inventory: Inventory, end: EndFacts) -> dict[str, Any]:
    with inventory.reading() as session:
        return {one.place: one for one in ending_records.records_of(session, end.id)}


def test_what_a_retired_server_still_had_went_with_it_and_is_on_record_so(
    inventory: Inventory, end: EndFacts, told: list[str]
) -> None:
    retire(inventory, "app1")
    assert end_contract.delete(end) == ""
    assert told == ["deleted"]
    places = found(inventory, end)
    assert (places["server app1"].before, places["server app1"].after) == (THERE, NOTHING)
    for one in ("server app1", "database app1"):
        assert places[one].finding == "The server is retired; what it still had went with its disks."
    assert places["store"].finding == ""
    with inventory.reading() as session:
        assert endings.ending_facts(session, end.id).state is EndState.DELETED


def test_nobody_is_told_of_a_deletion_while_a_place_is_not_clear(
    inventory: Inventory, end: EndFacts, told: list[str]
) -> None:
    retire(inventory, "app2")
    with pytest.raises(DriftFound, match="server app1, database app1"):
        end_contract.delete(end)
    assert told == []
    with inventory.reading() as session:
        assert endings.ending_facts(session, end.id).state is EndState.DELETING
