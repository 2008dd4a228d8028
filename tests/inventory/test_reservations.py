"""A place for each instance: reserved once, never more than a server has room for (P01, P02, P10)."""

from __future__ import annotations

import re
from functools import partial

import pytest
from sqlalchemy import delete, update

from hosting.errors import Refused
from hosting.inventory import deeds, instances, orders, servers, work
from hosting.inventory.instance_names import names_for
from hosting.inventory.instances import OrderNotPaid, UnknownInstance
from hosting.inventory.models import Instance, InstanceSecret
from hosting.inventory.orders import UnknownOrder
from hosting.inventory.releases import UnknownRelease
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.placement import NoServerHasRoom, choose_server
from hosting.policy.states import ForbiddenEdge, InstanceState, OrderState, ServerState, WorkState
from hosting.policy.values import InstanceFacts, ReleaseFacts
from tests.inventory.words import HOUR, NOW, RELEASE, at_once, order, placed, received, rows, server, take, with_servers

LATER = NOW + HOUR


def seal(secret: str) -> str:
    return f"sealed({secret})"


def reserve(inventory: Inventory, reference: str = "A-1", release: ReleaseFacts = RELEASE) -> InstanceFacts:
    return in_transaction(
        inventory,
        lambda session: instances.reserve_instance(
            session, reference, choose_server, release=release, seal=seal, now=LATER
        ),
    )


def paid(inventory: Inventory, *references: str, **changes: int) -> None:
    for reference in references:
        take(inventory, placed(reference, **changes), received(f"{reference}-paid", order=reference))


def opened(inventory: Inventory, name: str) -> InstanceFacts:
    proof = {"https": "front end answers"}
    return in_transaction(inventory, lambda session: instances.record_active(session, name, LATER, proof))


def test_a_paid_order_gets_a_place_with_its_whole_pool_booked(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"), server("app2", 200))
    paid(inventory, "A-1")
    instance = reserve(inventory)
    assert (instance.server_name, instance.number, instance.accounts) == ("app2", 1, 3)
    assert instance.storage_gib == 3 * 5 + 10
    assert instance.state is InstanceState.RESERVED
    assert re.fullmatch(r"[a-z][a-z0-9]{5}", instance.name)
    with inventory.reading() as session:
        assert [(one.name, one.booked_gib, one.instances) for one in servers.all_servers(session)] == [
            ("app1", 0, 0),
            ("app2", 25, 1),
        ]
        assert instances.instance_of_order(session, "A-1") == instance
        assert instances.instance_facts(session, instance.name) == instance
        [deed] = deeds.deeds_of(session, f"instance:{instance.name}")
    assert deed.what == "instance reserved"
    assert deed.evidence == {"server": "app2", "order": "A-1", "pool_gib": 25, "free_gib_before": 200}


def test_reserving_twice_changes_nothing(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    paid(inventory, "A-1")
    first = reserve(inventory)
    with inventory.reading() as session:
        secret = instances.sealed_secret(session, first.name, "database")
    assert reserve(inventory) == first
    with inventory.reading() as session:
        assert instances.sealed_secret(session, first.name, "database") == secret
    assert (rows(inventory, Instance), rows(inventory, InstanceSecret)) == (1, 2)


def test_secrets_are_of_letters_and_digits_and_each_is_its_own(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    paid(inventory, "A-1")
    name = reserve(inventory).name
    with inventory.reading() as session:
        sealed = {instances.sealed_secret(session, name, purpose) for purpose in instances.PURPOSES}
        with pytest.raises(UnknownInstance):
            instances.sealed_secret(session, name, "nothing")
    assert len(sealed) == 2
    assert all(re.fullmatch(r"sealed\([A-Za-z0-9]{24}\)", one) for one in sealed)


def test_orders_that_come_at_once_do_not_overbook(inventory: Inventory) -> None:
    with_servers(inventory, server("app1", 250), server("app2", 250))
    names = [f"A-{number}" for number in range(40)]
    paid(inventory, *names)

    def attempt(name: str) -> InstanceFacts | None:
        try:
            return reserve(inventory, name)
        except NoServerHasRoom:
            return None

    got = [instance for instance in at_once(*(partial(attempt, name) for name in names)) if instance]
    assert len(got) == 20
    assert sorted(instance.number for instance in got) == list(range(1, 21))
    assert len({instance.name for instance in got}) == 20
    with inventory.reading() as session:
        assert [one.free_gib for one in servers.all_servers(session)] == [0, 0]


def test_one_order_reserved_at_once_by_eight_gets_one_place(inventory: Inventory) -> None:
    with_servers(inventory, server("app1", 500))
    paid(inventory, "A-1")
    assert len({instance.name for instance in at_once(*[partial(reserve, inventory)] * 8)}) == 1
    assert rows(inventory, Instance) == 1


def test_an_ended_instance_gives_its_room_back_and_keeps_its_name_and_number(inventory: Inventory) -> None:
    with_servers(inventory, server("app1", 25))
    paid(inventory, "A-1", "A-2")
    first = reserve(inventory)
    with pytest.raises(NoServerHasRoom):
        reserve(inventory, "A-2")
    with inventory.writing() as session:
        session.get_one(Instance, first.name).state = InstanceState.ENDED
    second = reserve(inventory, "A-2")
    assert (second.number, second.name != first.name) == (2, True)
    with inventory.reading() as session:
        assert [one.name for one in instances.all_instances(session)] == [first.name, second.name]


def test_a_taken_name_gives_way_to_the_next_candidate(inventory: Inventory) -> None:
    with_servers(inventory, server("app1", 500))
    paid(inventory, "A-1", "A-2")
    first = reserve(inventory)
    candidates = names_for("A-2")
    wanted, following = next(candidates), next(candidates)
    with inventory.writing() as session:
        session.execute(delete(InstanceSecret))
        session.execute(update(Instance).values(name=wanted))
    assert wanted != first.name
    assert reserve(inventory, "A-2").name == following


def test_only_a_paid_order_gets_a_place(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    take(inventory, placed())
    with pytest.raises(OrderNotPaid, match=r"Order A-1 is placed, not paid\."):
        reserve(inventory)
    with pytest.raises(UnknownOrder, match=r"There is no order B-1\."):
        reserve(inventory, "B-1")


def test_a_release_that_is_not_registered_is_refused(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    paid(inventory, "A-1")
    other = ReleaseFacts(type(RELEASE.id)("cd" * 32), 1, "1", "free", 1)
    with pytest.raises(UnknownRelease, match="There is no release cdcdcdcdcdcd"):
        reserve(inventory, release=other)
    assert rows(inventory, Instance) == 0


@pytest.mark.parametrize("unfit", [{"country": "NL"}, {"dedicated": False}, {"state": ServerState.DRAINING}])
def test_a_server_that_may_not_take_instances_gets_none(inventory: Inventory, unfit: dict[str, object]) -> None:
    with_servers(inventory, server("app1", **unfit))
    paid(inventory, "A-1")
    with pytest.raises(NoServerHasRoom, match="0 of 1 may take instances"):
        reserve(inventory)


def test_an_open_instance_fulfils_its_order_once(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    paid(inventory, "A-1")
    name = reserve(inventory).name
    instance = opened(inventory, name)
    assert (instance.state, instance.active_at) == (InstanceState.ACTIVE, LATER)
    facts = order(inventory)
    assert (facts.state, facts.ready_at) == (OrderState.FULFILLED, LATER)
    with inventory.reading() as session:
        assert orders.open_promises(session) == []
        assert [one.state for one in work.work_in(session)] == [WorkState.OPEN]  # the letter is still to be sent
        told = deeds.deeds_of(session, f"instance:{name}")
    assert [deed.what for deed in told] == ["instance reserved", "instance opened"]
    assert told[-1].evidence == {"https": "front end answers"}
    assert opened(inventory, name) == instance
    with inventory.reading() as session:
        assert deeds.deeds_of(session, f"instance:{name}") == told
    assert reserve(inventory) == instance


def test_an_ended_instance_is_not_opened_again(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    paid(inventory, "A-1")
    name = reserve(inventory).name
    with inventory.writing() as session:
        session.get_one(Instance, name).state = InstanceState.ENDED
    with pytest.raises(ForbiddenEdge, match=f"Instance {name} is ended, not reserved"):
        opened(inventory, name)


def test_an_unknown_instance_is_refused_with_the_way_out(inventory: Inventory) -> None:
    with (
        inventory.reading() as session,
        pytest.raises(Refused, match=r"There is no instance xyz\. .*phm instance list"),
    ):
        instances.instance_facts(session, "xyz")


def test_names_follow_from_the_order_and_hold_no_word_nor_doubt() -> None:
    candidates = list(names_for("A-1"))
    assert candidates == list(names_for("A-1"))
    assert len(set(candidates)) == len(candidates)
    assert all(re.fullmatch(r"[bcdfghjkmnpqrstvwxz][bcdfghjkmnpqrstvwxz2-9]{5}", name) for name in candidates)
