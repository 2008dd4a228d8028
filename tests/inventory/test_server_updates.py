"""What was begun about a server stands in the inventory until it is at its end; what went wrong halts the others (P14)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from hosting.inventory import cases, deeds, leases, moves, server_updates, servers
from hosting.inventory.models import Instance
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.placement import takes_instances
from hosting.policy.server_updates import AT_WORK_MOST, LEFT_AFTER, Change, Transaction
from hosting.policy.states import InstanceState, MoveState
from hosting.policy.terms import STANDARD
from tests.inventory.words import NOW, server, with_servers
from tests.service.records import opened, with_backup

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
PLANNED = Transaction((Change("openssl", "3.0.16", "3.0.17"), Change("libnew", "", "1")), ("libold",))


def begun(inventory: Inventory) -> server_updates.BegunUpdate:
    begin = partial(server_updates.begin, server="app1", key="k", planned=PLANNED, before={"apache2": ""}, now=NOW)
    return in_transaction(inventory, begin)


def end(inventory: Inventory, one: server_updates.BegunUpdate, what: str, **evidence: Any) -> None:
    ended = partial(server_updates.end, begun=one, what=what, evidence=evidence, by="olga", now=NOW)
    in_transaction(inventory, ended)


def test_what_is_begun_is_found_by_the_next_run_and_pauses_the_server(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    one = begun(inventory)
    with inventory.reading() as session:
        assert server_updates.left_update(session, "app1") == one
        assert not takes_instances(servers.server_facts(session, "app1"))
    assert (one.versions, one.old) == ({"openssl": "3.0.17", "libnew": "1"}, {"openssl": "3.0.16"})
    assert one.since == NOW
    back = in_transaction(inventory, partial(server_updates.begin_back, begun=one, why="It broke.", now=NOW))
    with inventory.reading() as session:
        assert server_updates.left_update(session, "app1") == back
    assert (back.back, back.versions) == ("It broke.", one.versions)
    end(inventory, one, server_updates.UPDATED, seconds=12.5)
    with inventory.reading() as session:
        assert server_updates.left_update(session, "app1") is None
        assert takes_instances(servers.server_facts(session, "app1"))
        assert server_updates.past(session, "app1", server_updates.UPDATED) == [timedelta(seconds=12.5)]
        assert deeds.deeds_of(session, "server:app1")[-1].evidence["old"] == {"openssl": "3.0.16"}


def test_an_update_that_no_run_goes_on_with_is_told_once_and_settled_at_its_end(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"), server("app2"))

    def told(after: timedelta) -> tuple[list[str], int]:
        found = in_transaction(inventory, partial(server_updates.tell_left, now=NOW + after))
        with inventory.reading() as session:
            return found, len(cases.open_cases(session))

    assert told(HOUR) == ([], 0)
    one = begun(inventory)
    assert told(LEFT_AFTER - SECOND) == ([], 0)
    lease = partial(leases.acquire, instance=leases.of_server("app1"), owner="run 7", purpose="update", now=NOW)
    in_transaction(inventory, partial(lease, ttl=HOUR))
    assert told(HOUR - SECOND) == ([], 0)
    assert [told(HOUR), told(2 * HOUR)] == [(["app1"], 1)] * 2
    one = in_transaction(inventory, partial(server_updates.take_up, begun=one, now=NOW + 3 * HOUR))
    with inventory.reading() as session:  # nobody begins there for a while again
        assert server_updates.updated_now(session, NOW + 4 * HOUR) == {"app1"}
        assert server_updates.updated_now(session, NOW + 3 * HOUR + AT_WORK_MOST) == set()
    assert one.since == NOW
    assert told(3 * HOUR + LEFT_AFTER - SECOND) == ([], 1)
    end(inventory, one, server_updates.UPDATED, seconds=1)
    assert told(9 * HOUR) == ([], 0)


def test_a_halt_is_put_once_and_settled_when_the_server_is_updated_after_all(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    halt = partial(server_updates.halt, server="app1", why="It broke.", facts={}, now=NOW)
    assert in_transaction(inventory, halt) == in_transaction(inventory, halt)
    with inventory.reading() as session:
        assert [one.summary for one in server_updates.halts(session)] == ["It broke."]
    settle = partial(server_updates.settle_halts, server="app1", by="olga", why="fixed", now=NOW)
    in_transaction(inventory, settle)
    with inventory.reading() as session:
        assert server_updates.halts(session) == []
    again = in_transaction(inventory, partial(halt, now=NOW + HOUR))
    assert again.settled_at is None


def test_whom_work_on_a_server_concerns(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"), server("app2"))
    name = opened(inventory, "A-1", NOW - 48 * HOUR)
    with inventory.reading() as session:
        assert [one.name for one in server_updates.open_instances(session, "app1")] == [name]
        assert server_updates.open_instances(session, "app2") == []
        assert server_updates.levels_on(session, "app2", NOW) == {STANDARD}
        assert server_updates.last_backups(session, "app1", NOW) == {name: None}
        assert server_updates.worked_on(session, "app1", NOW) == []
    with_backup(inventory, name, "g1", NOW - HOUR)
    lease = partial(leases.acquire, instance=name, owner="run 7", purpose="move", now=NOW, ttl=HOUR)
    in_transaction(inventory, lease)
    with inventory.reading() as session:
        assert server_updates.last_backups(session, "app1", NOW) == {name: NOW - HOUR}
        assert server_updates.worked_on(session, "app1", NOW) == [f"{name} is worked on by run 7 (move)."]
        assert server_updates.worked_on(session, "app1", NOW + HOUR) == []
    plan = partial(moves.plan_move, instance=name, target="app2", why="", by="olga", due_at=NOW, now=NOW)
    move = in_transaction(inventory, partial(plan, without_backup=True))
    in_transaction(inventory, partial(moves.record_state, move_id=move.id, to=MoveState.COPYING, now=NOW))
    with inventory.reading() as session:
        assert server_updates.worked_on(session, "app2", NOW + HOUR) == [f"{name} comes from app1."]


def test_an_instance_that_is_suspended_needs_a_backup_as_any_other(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    name = opened(inventory, "A-1", NOW - 48 * HOUR)
    with_backup(inventory, name, "g1", NOW - HOUR)
    with inventory.writing() as session:
        session.get_one(Instance, name).state = InstanceState.SUSPENDED
    with inventory.reading() as session:
        assert server_updates.last_backups(session, "app1", NOW) == {name: NOW - HOUR}


def test_a_server_is_marked_as_the_one_where_updates_are_tried_first(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    mark = partial(server_updates.mark_canary, server="app1", canary=True, by="olga", why="empty", now=NOW)
    assert [in_transaction(inventory, mark), in_transaction(inventory, mark)] == [True, False]
    assert in_transaction(inventory, partial(mark, canary=False))
