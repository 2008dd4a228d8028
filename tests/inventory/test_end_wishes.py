"""The shop's word about a contract's end is kept exactly once; what can't be is put before a person (P05, P41)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import cases, endings
from hosting.inventory.notices import EndNotice, Notice, NoticeType, Taken
from hosting.inventory.session import in_transaction
from hosting.policy.states import EndState
from tests.inventory.words import NOW, notice, open_kinds, server, summaries, take, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from hosting.inventory.session import Inventory
    from hosting.policy.leaving import EndFacts

LATER = datetime(2027, 11, 1, 9, tzinfo=UTC)


@pytest.fixture
def name(inventory: Inventory) -> str:
    with_servers(inventory, server("app1"))
    return opened(inventory, "A-1", NOW)


def cancelled(event: str, day: date | None = None, order: str = "A-1") -> Notice:
    return notice(event, NoticeType.CONTRACT_CANCELLED, EndNotice(order, day))


def end(inventory: Inventory, name: str) -> EndFacts | None:
    with inventory.reading() as session:
        return endings.open_ending(session, name)


def test_notice_in_the_shop_is_kept_once_for_the_day_or_the_earliest_one(inventory: Inventory, name: str) -> None:
    told = cancelled("e-1", date(2028, 1, 31))
    assert take(inventory, told, told) == [Taken.APPLIED, Taken.REPEATED]
    found = end(inventory, name)
    assert found is not None
    assert (found.ends_on, found.asked_by) == (date(2028, 1, 31), "shop")
    runs_on = notice("e-2", NoticeType.CONTRACT_RUNS_ON, EndNotice("A-1"))
    assert take(inventory, runs_on, now=LATER) == [Taken.APPLIED]
    assert end(inventory, name) is None
    assert take(inventory, cancelled("e-3"), now=LATER) == [Taken.APPLIED]
    found = end(inventory, name)
    assert found is not None
    assert (found.state, found.ends_on) == (EndState.NOTICED, date(2027, 12, 1))


def test_a_day_that_is_too_early_changes_nothing_and_is_put_before_a_person(inventory: Inventory, name: str) -> None:
    assert take(inventory, cancelled("e-1", date(2027, 1, 1))) == [Taken.FOR_A_PERSON]
    assert end(inventory, name) is None
    assert open_kinds(inventory) == ["contract_cancelled"]
    assert "may end on 2027-11-23 at the earliest" in summaries(inventory)[0]


def test_notice_for_an_unknown_order_is_put_before_a_person(inventory: Inventory) -> None:
    assert take(inventory, cancelled("e-1", order="B-9")) == [Taken.FOR_A_PERSON]
    assert open_kinds(inventory) == ["contract_cancelled"]


def test_notice_that_comes_after_its_own_withdrawal_is_put_before_a_person_until_that_is_decided(
    inventory: Inventory, name: str
) -> None:
    runs_on = notice("e-2", NoticeType.CONTRACT_RUNS_ON, EndNotice("A-1"))
    assert take(inventory, runs_on, cancelled("e-1")) == [Taken.FOR_A_PERSON, Taken.FOR_A_PERSON]
    assert end(inventory, name) is None
    assert open_kinds(inventory) == ["contract_cancelled", "contract_runs_on"]
    assert "runs on, and that case is still open" in summaries(inventory)[1]
    with inventory.reading() as session:
        first, _ = cases.open_cases(session)
    in_transaction(inventory, lambda session: cases.settle_case(session, first.id, "olga", "He goes.", now=NOW))
    assert take(inventory, cancelled("e-3")) == [Taken.APPLIED]
    assert end(inventory, name) is not None


def test_another_orders_word_keeps_no_notice(inventory: Inventory, name: str) -> None:
    runs_on = notice("e-2", NoticeType.CONTRACT_RUNS_ON, EndNotice("A-2"))
    assert take(inventory, runs_on, cancelled("e-1")) == [Taken.FOR_A_PERSON, Taken.APPLIED]
    assert end(inventory, name) is not None
