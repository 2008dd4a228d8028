"""Imports as records: one at a time for an instance, each state from the one before it, secrets gone with their use."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import alone, closed_imports, deeds, imports, leases, restores, server_updates
from hosting.inventory.closed_imports import HalfImported
from hosting.inventory.imports import ImportUnderWay, ImportWish, UnknownImport
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.imports import EDGES, ImportFacts, ImportStands, ImportState, check_step
from tests.inventory.words import NOW, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.orm import Session


@pytest.fixture
def name(inventory: Inventory) -> str:
    with_servers(inventory, server("app1"))
    return opened(inventory, "A-1", NOW)


def do(inventory: Inventory, act: Callable[[Session], ImportFacts]) -> ImportFacts:
    return in_transaction(inventory, act)


def asked(inventory: Inventory, name: str, **wish: object) -> ImportFacts:
    wanted = ImportWish(name, "https://files.example/a.zip", "sealed", **wish)  # type: ignore[arg-type]
    return do(inventory, lambda session: imports.ask(session, wanted, "olga", NOW))


def built(inventory: Inventory, name: str) -> ImportFacts:
    order = asked(inventory, name)
    return do(inventory, lambda session: imports.record_built(session, order.id, {"users": 3}, "r1", NOW))


MINUTE = timedelta(minutes=1)


def on_its_way(inventory: Inventory, name: str) -> ImportFacts:
    order = built(inventory, name)
    do(inventory, lambda session: imports.approve(session, order.id, "olga", "ok", NOW))
    return do(inventory, lambda session: imports.begin_going_live(session, order.id, {"tables": []}, NOW))


def live(inventory: Inventory, name: str, at: datetime = NOW) -> ImportFacts:
    order = on_its_way(inventory, name)
    return do(inventory, lambda session: imports.record_live(session, order.id, {}, at))


def undo(inventory: Inventory, number: int) -> ImportFacts:
    return do(inventory, lambda session: imports.begin_undoing(session, number, "olga", "no", NOW + MINUTE))


def secret(inventory: Inventory, number: int) -> str:
    with inventory.reading() as session:
        return imports.sealed_source(session, number)


def test_one_import_of_an_instance_is_at_work_at_a_time(inventory: Inventory, name: str) -> None:
    first = asked(inventory, name)
    with pytest.raises(ImportUnderWay, match=f"--number {first.id}"):
        asked(inventory, name)
    do(inventory, lambda session: imports.call_off(session, first.id, "olga", "no", NOW))
    assert asked(inventory, name).id == first.id + 1


def test_a_newer_archive_takes_the_place_of_a_draft_that_nobody_approved(inventory: Inventory, name: str) -> None:
    draft = built(inventory, name)
    asked(inventory, name)
    with inventory.reading() as session:
        assert imports.import_facts(session, draft.id).state is ImportState.CALLED_OFF


def test_what_opens_an_archive_is_forgotten_once_the_draft_stands(inventory: Inventory, name: str) -> None:
    order = asked(inventory, name)
    assert secret(inventory, order.id) == "sealed"
    do(inventory, lambda session: imports.record_built(session, order.id, {}, "r1", NOW))
    with pytest.raises(ImportStands, match="forgotten"):
        secret(inventory, order.id)


def test_a_check_keeps_it_until_another_import_is_asked_for(inventory: Inventory, name: str) -> None:
    order = asked(inventory, name, only_check=True)
    state = ImportState.CHECKED
    do(inventory, lambda session: imports.record_decided(session, order.id, state, {}, finding="", now=NOW))
    assert secret(inventory, order.id) == "sealed"
    asked(inventory, name)
    with pytest.raises(ImportStands):
        secret(inventory, order.id)


def test_only_what_is_built_can_be_approved_and_only_once(inventory: Inventory, name: str) -> None:
    order = asked(inventory, name)
    with pytest.raises(ImportStands, match="can't be approved"):
        do(inventory, lambda session: imports.approve(session, order.id, "olga", "ok", NOW))
    do(inventory, lambda session: imports.record_built(session, order.id, {}, "r1", NOW))
    for _ in range(2):
        facts = do(inventory, lambda session: imports.approve(session, order.id, "olga", "ok", NOW))
        assert (facts.state, facts.approved_by) == (ImportState.APPROVED, "olga")
    with inventory.reading() as session:
        said = [deed.what for deed in deeds.deeds_of(session, imports.subject_of(order.id))]
    assert said.count("import approved") == 1


def test_the_stamp_of_what_lies_aside_is_given_once(inventory: Inventory, name: str) -> None:
    order = built(inventory, name)
    do(inventory, lambda session: imports.approve(session, order.id, "olga", "ok", NOW))
    first = do(inventory, lambda session: imports.begin_going_live(session, order.id, {"tables": ["a"]}, NOW))
    later = NOW + timedelta(minutes=5)
    again = do(inventory, lambda session: imports.begin_going_live(session, order.id, {"tables": []}, later))
    assert (again.stamp, again.evidence) == (first.stamp, {"tables": ["a"]})
    with pytest.raises(ImportStands, match="on its way"):
        do(inventory, lambda session: imports.call_off(session, order.id, "olga", "no", NOW))
    live = do(inventory, lambda session: imports.record_live(session, order.id, {"closed_seconds": 2}, later))
    assert (live.live_at, live.evidence["tables"]) == (later, ["a"])
    with inventory.reading() as session:
        assert [one.id for one in imports.with_something_aside(session)] == [order.id]
    in_transaction(inventory, lambda session: imports.record_aside_gone(session, order.id, later))
    with inventory.reading() as session:
        assert imports.with_something_aside(session) == []


def test_one_that_is_on_its_way_and_that_nobody_works_on_is_found(inventory: Inventory, name: str) -> None:
    order = built(inventory, name)
    do(inventory, lambda session: imports.approve(session, order.id, "olga", "ok", NOW))

    def left() -> list[int]:
        with inventory.reading() as session:
            return [one.id for one in imports.left_on_their_way(session, NOW)]

    assert left() == []  # nothing of the instance was touched yet
    do(inventory, lambda session: imports.begin_going_live(session, order.id, {}, NOW))
    assert left() == [order.id]
    ttl = timedelta(minutes=1)
    in_transaction(inventory, lambda session: leases.acquire(session, name, "run", "import", now=NOW, ttl=ttl))
    assert left() == []


def test_what_was_called_off_or_is_live_does_not_begin_to_go_live(inventory: Inventory, name: str) -> None:
    """Whoever approved it waits for the instance meanwhile."""
    order = built(inventory, name)
    do(inventory, lambda session: imports.approve(session, order.id, "olga", "ok", NOW))
    do(inventory, lambda session: imports.call_off(session, order.id, "olga", "no", NOW))
    for number in (order.id, live(inventory, name).id):
        with pytest.raises(ImportStands, match="does not go live"):
            do(inventory, lambda session, number=number: imports.begin_going_live(session, number, {}, NOW))  # type: ignore[misc]


def test_nobody_else_works_on_what_stands_half_imported(inventory: Inventory, name: str) -> None:
    other = opened(inventory, "A-2", NOW)

    def take(instance: str, purpose: str) -> None:
        take_it = partial(alone.take, instance=instance, servers={"app1"}, owner=purpose, purpose=purpose)
        in_transaction(inventory, partial(take_it, now=NOW, ttl=MINUTE))
        in_transaction(inventory, lambda session: leases.release(session, instance, purpose))

    def check(number: int) -> None:
        for purpose in ("back up", "move", "restore", "update", "name", "rebuild tables"):
            with pytest.raises(HalfImported, match=f"in the middle of the import {number}"):
                take(name, purpose)
            take(other, purpose)
        take(name, "import")
        with inventory.reading() as session:
            assert [one.id for one in imports.left_on_their_way(session, NOW)] == [number]
            stands = f"{name} stands in the middle of the import {number}."
            assert closed_imports.closed_on(session, "app1") == [stands]
            assert stands in server_updates.worked_on(session, "app1", NOW)  # no server is rebooted meanwhile

    order = built(inventory, name)
    do(inventory, lambda session: imports.approve(session, order.id, "olga", "ok", NOW))
    take(name, "back up")
    do(inventory, lambda session: imports.begin_going_live(session, order.id, {}, NOW))
    check(order.id)
    do(inventory, lambda session: imports.record_live(session, order.id, {}, NOW))
    take(name, "back up")
    assert undo(inventory, order.id).state is ImportState.UNDOING
    check(order.id)
    do(inventory, lambda session: imports.record_undone(session, order.id, NOW))
    take(name, "back up")
    assert issubclass(HalfImported, leases.LeaseHeld)  # what waits for a lease waits for this


def test_the_way_back_is_on_record_before_it_begins_and_tells_who_asked(inventory: Inventory, name: str) -> None:
    order = live(inventory, name)
    undo(inventory, order.id)
    do(inventory, lambda session: imports.begin_undoing(session, order.id, "", "", NOW))  # the run that goes on with it
    with pytest.raises(ImportUnderWay):
        asked(inventory, name)
    done = do(inventory, lambda session: imports.record_undone(session, order.id, NOW))
    assert (done.state, done.finding) == (ImportState.UNDONE, "no")
    with inventory.reading() as session:
        said = [(deed.what, deed.by) for deed in deeds.deeds_of(session, imports.subject_of(order.id))]
    assert said[-2:] == [("import undoing", "olga"), ("import undone", "olga")]
    with pytest.raises(ImportStands, match=f"is undone; {name} is as it was before it. Nothing is to be put back."):
        undo(inventory, order.id)


def test_what_never_took_the_place_is_called_off_and_not_undone(inventory: Inventory, name: str) -> None:
    draft = built(inventory, name)
    with pytest.raises(ImportStands, match=f"as it was before it. .* phm import call-off {draft.id}"):
        undo(inventory, draft.id)
    do(inventory, lambda session: imports.call_off(session, draft.id, "olga", "no", NOW))
    with pytest.raises(ImportStands, match="Nothing is to be put back"):
        undo(inventory, draft.id)


def test_one_that_is_half_on_its_way_can_be_taken_back_and_one_that_has_not_begun_can_not(
    inventory: Inventory, name: str
) -> None:
    order = on_its_way(inventory, name)
    assert undo(inventory, order.id).live_at is None
    do(inventory, lambda session: imports.record_undone(session, order.id, NOW))
    fresh = built(inventory, name)
    do(inventory, lambda session: imports.approve(session, fresh.id, "olga", "ok", NOW))
    with pytest.raises(ImportStands, match=f"call-off {fresh.id}"):
        undo(inventory, fresh.id)
    order = live(inventory, opened(inventory, "A-2", NOW))
    in_transaction(inventory, lambda session: imports.record_aside_gone(session, order.id, NOW))
    with pytest.raises(ImportStands, match="can't be put back"):
        undo(inventory, order.id)


def test_an_import_is_not_undone_over_a_later_one(inventory: Inventory, name: str) -> None:
    first = live(inventory, name)
    second = live(inventory, name, NOW + MINUTE)
    with pytest.raises(ImportStands, match=f"import {second.id} took the place") as caught:
        undo(inventory, first.id)
    assert caught.value.do.endswith(f"phm import undo {second.id}.")
    undo(inventory, second.id)
    do(inventory, lambda session: imports.record_undone(session, second.id, NOW))
    assert undo(inventory, first.id).state is ImportState.UNDOING


def test_an_import_is_not_undone_over_a_later_restore(inventory: Inventory, name: str) -> None:
    def deed(happened: str, minutes: int, **told: str) -> None:
        subject, at = f"instance:{name}", NOW + minutes * MINUTE
        record = partial(deeds.record, by="service", what=happened, subject=subject, evidence=told, now=at)
        in_transaction(inventory, record)

    order = live(inventory, name, NOW + 10 * MINUTE)
    deed(restores.BEGUN, 1, stamp="a", point="p-1", server="app1", what="all")
    deed(restores.ENDED, 2, stamp="a")
    deed(restores.BEGUN, 11, stamp="b", point="p-2", server="app1", what="all")
    deed(restores.CALLED_OFF, 12, stamp="b")
    deed(restores.BEGUN, 13, stamp="c", point="p-3", server="app1", what="storage/user/1")
    deed(restores.ENDED, 14, stamp="c")
    with inventory.reading() as session:
        assert restores.whole_after(session, name, NOW + 10 * MINUTE) is None
    deed(restores.BEGUN, 15, stamp="d", point="p-4", server="app1", what="database")
    with pytest.raises(ImportStands, match="p-4 was restored"):
        undo(inventory, order.id)


def test_every_way_between_states_that_is_not_named_is_refused() -> None:
    for state in ImportState:
        for wanted in ImportState:
            if wanted in EDGES.get(state, ()):
                check_step(1, state, wanted)
            else:
                with pytest.raises(ImportStands):
                    check_step(1, state, wanted)


def test_an_unknown_number_is_told(inventory: Inventory) -> None:
    with inventory.reading() as session, pytest.raises(UnknownImport, match="phm import status"):
        imports.import_facts(session, 99)
