"""Restores as their deeds tell them: one that goes to another server is counted there until it is at its end (P12, P20)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from hosting.inventory import alone, deeds, evacuations, instances, leases, restores, retirement, servers
from hosting.inventory.closed_restores import HalfRestored
from hosting.inventory.evacuation_rows import EvacuationOrder
from hosting.inventory.models import Instance
from hosting.inventory.restores import BEGUN, BROUGHT_BACK, CALLED_OFF, ENDED, EXCHANGING, REMOVED, SWITCHED
from hosting.inventory.retirement import StillInUse
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.agreements import WithoutAnswer
from hosting.policy.states import InstanceState
from tests.inventory.words import HOUR, NOW, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from hosting.inventory.evacuations import Beat

GIB = 25


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An instance on app1; app2 and app3 have room."""
    with_servers(inventory, *(server(one, 100) for one in ("app1", "app2", "app3")))
    return opened(inventory, "A-1", NOW)


def tell(inventory: Inventory, name: str, *what: str, to: str = "app2", stamp: str = "1", **more: Any) -> None:
    """What the flow of a restore records, deed by deed."""
    told = {"point": f"{name}-p", "server": to, "what": "all", "stamp": stamp, "from": "app1", **more}
    for one in what:
        if one == SWITCHED:
            in_transaction(inventory, lambda session: instances.record_server(session, name, to, "test", NOW))
        subject = instances.subject_of(name)
        in_transaction(inventory, partial(deeds.record, by="s", what=one, subject=subject, evidence=told, now=NOW))


def booked(inventory: Inventory) -> list[int]:
    with inventory.reading() as session:
        return [one.booked_gib for one in servers.all_servers(session)]


def in_use(inventory: Inventory, host: str) -> bool:
    with inventory.reading() as session:
        return bool(retirement.in_use(session, host))


def emptied(inventory: Inventory, host: str) -> Beat:
    """A server that is emptied, one beat on."""
    order = EvacuationOrder(host, "test", emergency=True, parallel=2)
    in_transaction(inventory, lambda session: evacuations.begin(session, order, "olga", NOW))
    told = in_transaction(inventory, lambda session: evacuations.go_on(session, host, NOW, WithoutAnswer.NOTHING))
    assert told is not None
    return told


def test_a_restore_is_read_as_its_deeds_tell_it(inventory: Inventory, name: str) -> None:
    tell(inventory, name, BEGUN, BROUGHT_BACK, CALLED_OFF)
    tell(inventory, name, BEGUN, BROUGHT_BACK, stamp="2")
    with inventory.reading() as session:
        first, second = restores.begun_restores(session)
        assert restores.open_restores(session) == [second] == [restores.open_restore(session, name)]
    assert (first.stamp, first.ended_at, second.ended_at, second.brought_back) == ("1", NOW, None, True)
    assert (second.wish, second.left) == ((f"{name}-p", "app2", "all"), "")
    tell(inventory, name, SWITCHED, stamp="2", old_closed=False)
    with inventory.reading() as session:
        found = restores.open_restore(session, name)
    assert found is not None
    assert found.switched is not None
    assert (found.left, found.switched["old_closed"]) == ("app1", False)
    tell(inventory, name, ENDED, REMOVED, stamp="2")
    with inventory.reading() as session:
        assert restores.open_restore(session, name) is None
        assert [one.stamp for one in restores.begun_restores(session)] == ["1"]


def test_the_room_of_a_restore_is_taken_where_it_goes_until_it_is_there_or_called_off(
    inventory: Inventory, name: str
) -> None:
    tell(inventory, name, BEGUN)
    assert booked(inventory) == [GIB, GIB, 0]
    tell(inventory, name, CALLED_OFF)
    assert booked(inventory) == [GIB, 0, 0]
    tell(inventory, name, BEGUN, BROUGHT_BACK, to="app3", stamp="2")
    assert booked(inventory) == [GIB, 0, GIB]
    tell(inventory, name, SWITCHED, to="app3", stamp="2")
    assert booked(inventory) == [0, 0, GIB]


def test_a_restore_in_place_takes_no_room_and_keeps_nobody_waiting(inventory: Inventory, name: str) -> None:
    tell(inventory, name, BEGUN, to="app1")
    assert booked(inventory) == [GIB, 0, 0]
    with inventory.reading() as session:
        assert restores.restores_elsewhere(session) == []
    assert len(emptied(inventory, "app1").begun) == 1


@pytest.mark.parametrize("host", ["app1", "app2"])
def test_neither_server_of_a_restore_is_empty_before_it_is_at_its_end(
    inventory: Inventory, name: str, host: str
) -> None:
    tell(inventory, name, BEGUN, BROUGHT_BACK)
    told = emptied(inventory, host)
    assert (told.empty, told.begun) == (False, ())
    retire = partial(retirement.record_retired, server=host, successor="app3", now=NOW)
    with pytest.raises(StillInUse, match=f"still has {name}"):
        in_transaction(inventory, retire)
    tell(inventory, name, SWITCHED)
    assert in_use(inventory, host)
    tell(inventory, name, ENDED)
    assert in_use(inventory, host) is (host == "app2")
    assert not in_use(inventory, "app3")


def worked_on(inventory: Inventory, name: str, purpose: str) -> bool:
    """Whether somebody could work on the instance; he is done."""
    take = partial(alone.take, instance=name, servers=("app1",), owner="run 1", purpose=purpose, now=NOW, ttl=HOUR)
    in_transaction(inventory, take)
    with inventory.reading() as session:
        lease = leases.lease_of(session, name)
    in_transaction(inventory, lambda session: leases.release(session, name, "run 1"))
    return lease is not None and lease.purpose == purpose


@pytest.mark.parametrize(("to", "way_out"), [("app1", "-p --yes"), ("app2", "-p --yes --reason … --server app2")])
@pytest.mark.parametrize("ends", [ENDED, CALLED_OFF])
def test_nobody_opens_backs_up_or_closes_what_stands_half_restored(
    inventory: Inventory, name: str, to: str, way_out: str, ends: str
) -> None:
    tell(inventory, name, BEGUN, BROUGHT_BACK, to=to)
    assert worked_on(inventory, name, "back up")  # it works on as it is
    tell(inventory, name, EXCHANGING, to=to)
    for purpose in ("suspend", "resume", "back up", "move", "update", alone.ENDING):
        with pytest.raises(HalfRestored, match=way_out):
            worked_on(inventory, name, purpose)
    assert worked_on(inventory, name, "restore")
    tell(inventory, name, ends, to=to)
    assert worked_on(inventory, name, "resume")
    assert issubclass(HalfRestored, leases.LeaseHeld)  # what waits for a lease waits for this


def test_what_serves_on_another_server_is_no_longer_half_restored(inventory: Inventory, name: str) -> None:
    tell(inventory, name, BEGUN, BROUGHT_BACK, EXCHANGING, SWITCHED)
    assert worked_on(inventory, name, "back up")


def test_what_stands_half_restored_when_its_contract_is_over_goes_all_the_same(inventory: Inventory, name: str) -> None:
    tell(inventory, name, BEGUN, BROUGHT_BACK, EXCHANGING, to="app1")
    with inventory.writing() as session:
        session.get_one(Instance, name).state = InstanceState.CLOSED
    assert worked_on(inventory, name, alone.ENDING)


def test_what_is_restored_elsewhere_is_not_moved_too(inventory: Inventory, name: str) -> None:
    tell(inventory, name, BEGUN)
    plan = emptied(inventory, "app1").plan
    assert [(one.name, one.going_to) for one in plan.going] == [(name, "app2")]
    tell(inventory, name, CALLED_OFF)
    assert [one.instance for one in emptied(inventory, "app1").begun] == [name]
