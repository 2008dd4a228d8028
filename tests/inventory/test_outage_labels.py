"""What explains an outage is read from the records of what was done at that time (P11)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import called_off_ends, deeds, endings, imports, server_updates
from hosting.inventory.imports import ImportWish
from hosting.inventory.models import Move
from hosting.inventory.outage_labels import labels_between
from hosting.inventory.rent_rows import Suspension
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.outage_causes import Cause, covers
from tests.inventory.words import NOW, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.policy.leaving import EndFacts

MINUTE = timedelta(minutes=1)
HOUR = 60 * MINUTE


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An open instance on app1."""
    with_servers(inventory, server("app1"), server("app2", address="192.0.2.2"))
    return opened(inventory, "A-1", NOW)


def causes(inventory: Inventory, name: str, minutes: float) -> set[Cause]:
    """What was going on with the instance so many minutes after `NOW`."""
    at = NOW + minutes * MINUTE
    with inventory.reading() as session:
        told = labels_between(session, NOW - HOUR, NOW + 10 * HOUR)
    return {one.cause for one in told.get(name, []) if covers(one, at)}  # type: ignore[call-overload]


def moved(inventory: Inventory, name: str, **times: object) -> None:
    move = Move(
        instance_name=name, source_name="app1", target_name="app2", state="done", why="", without_backup=False,
        agreed_at=NOW, agreed_by="olga", due_at=NOW, finding="", evidence={}, **times,
    )  # fmt: skip
    in_transaction(inventory, lambda session: session.add(move))


def test_a_move_explains_the_time_in_which_the_instance_was_closed_for_it_not_its_copying(
    inventory: Inventory, name: str
) -> None:
    switched = NOW + 3 * HOUR
    moved(inventory, name, begun_at=NOW, switched_at=switched, ended_at=switched + HOUR, stop_seconds=90.0)
    assert causes(inventory, name, 60) == set()
    assert causes(inventory, name, 179) == {Cause.MOVE}
    assert causes(inventory, name, 183) == {Cause.MOVE}
    assert causes(inventory, name, 200) == set()


def test_a_move_that_holds_its_instance_closed_explains_it_until_it_is_open(inventory: Inventory, name: str) -> None:
    moved(inventory, name, begun_at=NOW, closed_at=NOW + HOUR)
    assert [causes(inventory, name, minutes) for minutes in (30, 61, 500)] == [set(), {Cause.MOVE}, {Cause.MOVE}]


def test_a_suspended_instance_is_not_owed_from_its_closing_to_its_opening(inventory: Inventory, name: str) -> None:
    row = Suspension(
        instance_name=name, cause="rent", because="", by="service", asked_at=NOW, closed_at=NOW + HOUR, ends_by="",
        ends_why="", opened_at=NOW + 2 * HOUR,
    )  # fmt: skip
    in_transaction(inventory, lambda session: session.add(row))
    assert [causes(inventory, name, minutes) for minutes in (30, 90, 121)] == [set(), {Cause.SUSPENDED}, set()]


def test_nothing_is_owed_from_the_end_of_a_contract_until_it_is_open_again(inventory: Inventory, name: str) -> None:
    def noticed(session: Session) -> EndFacts:
        return endings.give_notice(session, name, None, by="olga", why="by mail", now=NOW)

    end = in_transaction(inventory, noticed)
    at = (end.effective_at - NOW) / MINUTE

    def told() -> list[set[Cause]]:
        with inventory.reading() as session:
            found = labels_between(session, NOW, end.effective_at + 10 * HOUR).get(name, [])  # type: ignore[call-overload]
        moments = [NOW + (at + minutes) * MINUTE for minutes in (-1, 0, 59, 120)]
        return [{one.cause for one in found if covers(one, moment)} for moment in moments]

    assert told() == [set(), {Cause.SUSPENDED}, {Cause.SUSPENDED}, {Cause.SUSPENDED}]  # also before it is closed
    in_transaction(
        inventory, partial(endings.record_ended, number=end.id, evidence={}, now=end.effective_at + 5 * MINUTE)
    )
    back = end.effective_at + HOUR
    in_transaction(inventory, partial(called_off_ends.call_off, instance=name, by="olga", why="stays", now=back))
    assert told()[-1] == {Cause.SUSPENDED}  # it is just being opened
    in_transaction(inventory, partial(called_off_ends.record_reopened, number=end.id, now=back))
    assert told() == [set(), {Cause.SUSPENDED}, {Cause.SUSPENDED}, set()]


def test_a_notice_that_is_taken_back_before_its_day_explains_nothing(inventory: Inventory, name: str) -> None:
    in_transaction(inventory, partial(endings.give_notice, instance=name, wanted=None, by="olga", why="", now=NOW))
    in_transaction(inventory, partial(called_off_ends.call_off, instance=name, by="olga", why="", now=NOW + HOUR))
    with inventory.reading() as session:
        assert labels_between(session, NOW, NOW + timedelta(days=800)) == {}


def going_live(inventory: Inventory, name: str) -> int:
    """An import that begins to go live an hour after `NOW`; its number."""

    def begin(session: Session) -> int:
        order = imports.ask(session, ImportWish(name, "https://files.example/a.zip", "sealed"), "olga", NOW)
        imports.record_built(session, order.id, {}, "r1", NOW)
        imports.approve(session, order.id, "olga", "ok", NOW)
        return imports.begin_going_live(session, order.id, {}, NOW + HOUR).id

    return in_transaction(inventory, begin)


def test_an_import_explains_its_closing_from_the_moment_in_which_it_begins_to_go_live(
    inventory: Inventory, name: str
) -> None:
    number, moments = going_live(inventory, name), (30, 61, 110, 500)
    before = [causes(inventory, name, minutes) for minutes in moments]
    assert before == [set(), {Cause.IMPORT}, {Cause.IMPORT}, {Cause.IMPORT}]
    in_transaction(inventory, partial(imports.record_live, number=number, evidence={}, now=NOW + 2 * HOUR))
    after = [causes(inventory, name, minutes) for minutes in moments]
    assert after == [set(), {Cause.IMPORT}, {Cause.IMPORT}, set()]


def test_an_import_that_is_taken_back_on_its_way_explains_its_closing_until_that_is_done(
    inventory: Inventory, name: str
) -> None:
    number = going_live(inventory, name)
    undo = partial(imports.begin_undoing, number=number, by="olga", why="no", now=NOW + 2 * HOUR)
    in_transaction(inventory, undo)
    assert [causes(inventory, name, minutes) for minutes in (61, 500)] == [{Cause.IMPORT}] * 2
    in_transaction(inventory, partial(imports.record_undone, number=number, now=NOW + 3 * HOUR))
    assert [causes(inventory, name, minutes) for minutes in (30, 61, 170, 500)] == [
        set(), {Cause.IMPORT}, {Cause.IMPORT}, set(),
    ]  # fmt: skip


def test_work_on_a_server_is_planned_for_all_that_is_there(inventory: Inventory, name: str) -> None:
    told = partial(
        deeds.record, by="service", what=server_updates.REBOOTED, subject="server:app1", now=NOW + HOUR,
        evidence={"seconds": 120.0},
    )  # fmt: skip
    in_transaction(inventory, told)
    elsewhere = opened(inventory, "A-2", NOW, "app2")
    assert [causes(inventory, name, minutes) for minutes in (56, 58, 60.5, 62)] == [
        set(), {Cause.PLANNED}, {Cause.PLANNED}, set(),
    ]  # fmt: skip
    assert causes(inventory, elsewhere, 59) == set()
