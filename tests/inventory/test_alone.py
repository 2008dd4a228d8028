"""Work on an instance and an update of its server keep each other out, also after a crash (P14, P17)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import alone, leases, moves, server_updates
from hosting.inventory.alone import ServerHeld
from hosting.inventory.leases import LeaseHeld
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.server_updates import AT_WORK_MOST, Change, Transaction
from hosting.policy.states import MoveState
from tests.inventory.words import NOW, at_once, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from datetime import datetime

MINUTE = timedelta(minutes=1)
PLANNED = Transaction((Change("openssl", "1", "2"),))


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An open instance on app1, beside it app2."""
    with_servers(inventory, server("app1"), server("app2"))
    return opened(inventory, "A-1", NOW, "app1")


def take(inventory: Inventory, name: str, *servers: str, owner: str = "run 1", at: datetime = NOW) -> None:
    taking = partial(alone.take, instance=name, servers=servers, owner=owner, purpose="back up", now=at, ttl=MINUTE)
    in_transaction(inventory, taking)


def take_server(inventory: Inventory, owner: str = "run 9", at: datetime = NOW, name: str = "app1") -> None:
    taking = partial(alone.take_server, server=name, owner=owner, purpose="update", now=at, ttl=MINUTE)
    in_transaction(inventory, taking)


def take_copy(inventory: Inventory, at: datetime = NOW) -> None:
    taking = partial(alone.take_copy, copy="k3v9q2_1", server="app1", owner="run 1", purpose="drop", now=at, ttl=MINUTE)
    in_transaction(inventory, taking)


def worked_on(inventory: Inventory, at: datetime = NOW, name: str = "app1") -> list[str]:
    with inventory.reading() as session:
        return server_updates.worked_on(session, name, at)


def test_nobody_begins_on_a_server_that_is_being_updated(inventory: Inventory, name: str) -> None:
    take_server(inventory)
    for begin in (partial(take, inventory, name, "app1"), partial(take_copy, inventory)):
        with pytest.raises(ServerHeld, match=r"app1 is being worked on as a whole by run 9 \(update\)\. Wait for it"):
            begin()
    with pytest.raises(ServerHeld, match="app1"):
        take(inventory, name, "app2", "app1")  # a move, one side of which it is
    take(inventory, name, "app2")
    assert issubclass(ServerHeld, LeaseHeld)  # what waits for a lease waits for this


def test_a_server_has_one_run_at_a_time_and_a_dead_one_s_minute_ends(inventory: Inventory, name: str) -> None:
    take_server(inventory)
    take_server(inventory)  # the same run, tried again
    with pytest.raises(ServerHeld):
        take_server(inventory, "run 10")
    take_server(inventory, "run 10", name="app2")
    take_server(inventory, "run 10", NOW + MINUTE)
    in_transaction(inventory, lambda session: leases.release(session, leases.of_server("app1"), "run 10"))
    take(inventory, name, "app1")


def test_what_a_killed_run_left_at_work_keeps_others_out_until_it_is_at_its_end(
    inventory: Inventory, name: str
) -> None:
    begin = partial(server_updates.begin, server="app1", key="k", planned=PLANNED, before={}, now=NOW)
    begun = in_transaction(inventory, begin)
    for at in (NOW, NOW + AT_WORK_MOST - MINUTE):
        with pytest.raises(ServerHeld, match="in the middle of an update"):
            take(inventory, name, "app1", at=at)
        with pytest.raises(ServerHeld, match="phm server update app1"):
            take_copy(inventory, at)
    take_server(inventory, at=NOW + MINUTE)  # the next run goes on
    end = partial(server_updates.end, begun=begun, what="x", evidence={}, by="olga", now=NOW)
    in_transaction(inventory, end)
    take(inventory, name, "app1", at=NOW + 2 * MINUTE)


def test_an_update_that_nobody_ended_keeps_nobody_out_for_ever(inventory: Inventory, name: str) -> None:
    in_transaction(
        inventory, partial(server_updates.begin, server="app1", key="k", planned=PLANNED, before={}, now=NOW)
    )
    take(inventory, name, "app1", at=NOW + AT_WORK_MOST)
    assert worked_on(inventory, NOW + AT_WORK_MOST) == [f"{name} is worked on by run 1 (back up)."]


def test_whoever_was_there_before_is_named_to_the_update(inventory: Inventory, name: str) -> None:
    take(inventory, name, "app1")
    take_copy(inventory)
    take_server(inventory)
    said = {f"{name} is worked on by run 1 (back up).", "k3v9q2_1@app1 is worked on by run 1 (drop)."}
    assert set(worked_on(inventory)) == said
    assert worked_on(inventory, NOW + MINUTE) == []
    assert worked_on(inventory, name="app2") == []


def test_of_two_who_begin_at_once_one_at_least_sees_the_other(inventory: Inventory, name: str) -> None:
    def begin() -> str:
        try:
            take(inventory, name, "app1")
        except ServerHeld:
            return "refused"
        return "begun"

    def update() -> str:
        take_server(inventory)
        return "waits" if worked_on(inventory) else "updates"

    assert set(at_once(begin, update)) in ({"refused", "updates"}, {"begun", "waits"})


def test_a_move_that_has_begun_or_left_its_instance_closed_is_named_on_both_sides(
    inventory: Inventory, name: str
) -> None:
    plan = partial(moves.plan_move, instance=name, target="app2", why="", by="olga", due_at=NOW, now=NOW)
    move = in_transaction(inventory, partial(plan, without_backup=True))
    assert worked_on(inventory, name="app2") == []
    take(inventory, name, "app1", "app2")
    assert worked_on(inventory, name="app2") == [f"{name} comes from app1."]
    later = NOW + MINUTE
    assert worked_on(inventory, later, "app2") == []
    for state in (MoveState.COPYING, MoveState.FROZEN):
        in_transaction(inventory, partial(moves.record_state, move_id=move.id, to=state, now=NOW))
    assert worked_on(inventory, later, "app2") == [f"{name} comes from app1."]
    assert worked_on(inventory, later) == [f"{name} goes to app2."]
