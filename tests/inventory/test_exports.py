"""Exports on record: asked for once, made user by user, over in time; and those that the shop orders (P41)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import deeds, exports, work
from hosting.inventory.exports import ExportWish, NothingToExport
from hosting.inventory.notices import ExportNotice, Notice, NoticeType
from hosting.inventory.session import in_transaction
from hosting.inventory.shop import take_notice
from hosting.policy.export_links import is_genuine, read_link, sign_link
from hosting.policy.exports import (
    PARTS_MOST,
    ArchiveFacts,
    ExportFacts,
    ExportStands,
    ExportState,
    parts_for,
    withdrawn_at,
)
from hosting.policy.states import WorkState
from hosting.policy.terms import GIB, STANDARD
from tests.inventory.words import HOUR, NOW, open_kinds, placed, server, take, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory

ENDS = NOW + timedelta(days=14)
ANNA = ArchiveFacts(1, "anna", key="exports/x/1/1.zip", bytes=10, sha256="ab", counts={"mails": 3}, missing=2)
BERT = ArchiveFacts(2, "bert", key="exports/x/1/2.zip", bytes=20, sha256="cd")


@pytest.fixture
def name(inventory: Inventory) -> str:
    with_servers(inventory, server("app1", 1000))
    return opened(inventory, "A-1", NOW)


def do(inventory: Inventory, act: Callable[[Session], ExportFacts]) -> ExportFacts:
    return in_transaction(inventory, act)


def asked(inventory: Inventory, name: str, user: str = "") -> ExportFacts:
    return do(inventory, lambda session: exports.ask(session, ExportWish(name, user, "test"), "olga", NOW))


def test_an_export_is_asked_for_once_while_it_is_under_way(inventory: Inventory, name: str) -> None:
    first = asked(inventory, name)
    assert asked(inventory, name).id == first.id
    assert asked(inventory, name, "anna").id != first.id
    with pytest.raises(Exception, match="nobody"):
        asked(inventory, "nobody")


def test_archives_are_recorded_one_by_one_and_told_again_they_are_as_they_were(inventory: Inventory, name: str) -> None:
    order = asked(inventory, name)
    number = order.id
    for archive in (BERT, ANNA, BERT):
        order = do(inventory, lambda session, archive=archive: exports.record_archive(session, number, archive))  # type: ignore[misc]
    assert order.archives == (ANNA, BERT)
    assert order.has(1)
    assert not order.has(3)
    ready = do(inventory, lambda session: exports.record_ready(session, order.id, ENDS, NOW))
    again = do(inventory, lambda session: exports.record_ready(session, order.id, ENDS + HOUR, NOW + HOUR))
    assert (ready.state, again.ends_at) == (ExportState.READY, ENDS)
    with pytest.raises(ExportStands):
        do(inventory, lambda session: exports.record_archive(session, order.id, ANNA))


def test_an_export_ends_in_time_and_then_names_nobody(inventory: Inventory, name: str) -> None:
    order = asked(inventory, name)
    do(inventory, lambda session: exports.record_archive(session, order.id, ANNA))
    do(inventory, lambda session: exports.record_ready(session, order.id, ENDS, NOW))
    with inventory.reading() as session:
        assert exports.ended(session, ENDS - HOUR) == []
        assert [one.id for one in exports.ended(session, ENDS)] == [order.id]
    gone = do(inventory, lambda session: exports.record_withdrawn(session, order.id, {"objects": 1}, ENDS))
    assert gone.state is ExportState.WITHDRAWN
    assert [(one.user, one.key, one.bytes) for one in gone.archives] == [("", "", 10)]
    with inventory.reading() as session:
        assert exports.ended(session, ENDS + HOUR) == []
        told = deeds.deeds_of(session, exports.subject_of(order.id))
    assert [one.what for one in told] == ["export asked for", "export ready", "export withdrawn"]


def test_one_that_is_called_off_leaves_the_store_by_the_clock_too(inventory: Inventory, name: str) -> None:
    order = asked(inventory, name)
    do(inventory, lambda session: exports.call_off(session, order.id, "olga", "a mistake", NOW))
    with inventory.reading() as session:
        assert [one.id for one in exports.ended(session, NOW)] == [order.id]
    ended = do(inventory, lambda session: exports.record_withdrawn(session, order.id, {}, NOW))
    assert ended.state is ExportState.CALLED_OFF
    with pytest.raises(ExportStands):
        do(inventory, lambda session: exports.end_now(session, order.id, "olga", "x", NOW))


def wish(event: str, order: str = "A-1", user: str = "") -> Notice:
    body = json.dumps({"type": "export.ordered", "data": {"order": order, "user": user}})
    return Notice(event, NoticeType.EXPORT_ORDERED, NOW, body, ExportNotice(order, user))


def test_an_export_that_the_shop_orders_is_work_at_once_and_a_second_one_a_persons(
    inventory: Inventory, name: str
) -> None:
    take(inventory, wish("w-1"), wish("w-2"))
    with inventory.reading() as session:
        [order] = exports.all_exports(session, name)
        found = work.work_of(session, work.EXPORT, str(order.id))
    assert found is not None
    assert (found.state, found.asked_by, order.by) == (WorkState.OPEN, "shop", "shop")
    do(inventory, lambda session: exports.record_ready(session, order.id, ENDS, NOW))
    with inventory.reading() as session:
        waits = work.work_of(session, work.EXPORT, str(order.id))
        assert exports.unfinished(session) == []
    assert waits is not None
    assert waits.state is WorkState.OPEN  # the customer is not told yet: a run that dies now is gone on with
    in_transaction(inventory, lambda session: exports.record_told(session, order.id))
    with inventory.reading() as session:
        done = work.work_of(session, work.EXPORT, str(order.id))
    assert done is not None
    assert done.state is WorkState.DONE
    take(inventory, wish("w-3"))
    assert open_kinds(inventory) == ["export_not_begun"]
    in_transaction(inventory, lambda session: take_notice(session, wish("w-4"), NOW + timedelta(days=2), None))
    with inventory.reading() as session:
        assert len(exports.all_exports(session, name)) == 2


def test_an_export_of_what_is_not_there_is_put_before_a_person(inventory: Inventory) -> None:
    take(inventory, placed("A-9"), wish("w-1", "A-9"), wish("w-2", "unknown"))
    assert open_kinds(inventory) == ["export_not_begun", "export_not_begun"]
    assert NothingToExport is not None


def test_a_link_opens_its_export_alone(inventory: Inventory) -> None:
    token = sign_link("key", 7, "k3v9q2", "2026-03-02")
    claim = read_link(token)
    assert claim is not None
    assert is_genuine("key", claim, "k3v9q2", "2026-03-02")
    for key, instance, at in (
        ("other", "k3v9q2", "2026-03-02"),
        ("key", "x", "2026-03-02"),
        ("key", "k3v9q2", "2026-03-03"),
    ):
        assert not is_genuine(key, claim, instance, at)
    for bad in ("", "7", token + "x", token.replace("7-", "07-", 1), "8" + token[1:]):
        found = read_link(bad)
        assert found is None or not is_genuine("key", found, "k3v9q2", "2026-03-02")


@pytest.mark.parametrize("gib", [0, 1, 5, 500, 5000])
def test_the_parts_hold_what_is_booked_and_more_and_the_store_takes_their_number(gib: int) -> None:
    parts = parts_for(gib)
    assert parts.number * parts.bytes > max(1, gib) * GIB
    assert parts.number <= PARTS_MOST + 10
    assert parts.bytes >= 16 * 2**20


def test_an_export_can_be_fetched_for_a_fortnight() -> None:
    assert withdrawn_at(NOW, STANDARD) - NOW == timedelta(days=14)
