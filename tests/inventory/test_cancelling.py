"""A cancelled order: closed in all it began, its money and its half-made instance put before a person (P08)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from hosting.inventory import cancelling, cases, deeds, instances, leases, names, orders, servers, work
from hosting.inventory.cancelling import CannotBeCancelled, cancel_order, cancellation
from hosting.inventory.models import Booking, Contract, Name
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.placement import choose_server
from hosting.policy.states import ForbiddenEdge, InstanceState, OrderState, WorkState
from tests.inventory.words import (
    DUE,
    HOUR,
    NOW,
    RELEASE,
    at_once,
    open_kinds,
    order,
    placed,
    received,
    refunded,
    server,
    summaries,
    take,
    with_servers,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.policy.values import InstanceFacts


def cancel(inventory: Inventory, reference: str = "A-1") -> cancelling.Cancellation:
    return in_transaction(inventory, lambda session: cancel_order(session, reference, "olga", "withdrawn", NOW))


def reserve(inventory: Inventory, reference: str = "A-1") -> InstanceFacts:
    return in_transaction(
        inventory,
        lambda session: instances.reserve_instance(
            session, reference, choose_server, release=RELEASE, seal=str, now=NOW
        ),
    )


def lease(inventory: Inventory, name: str) -> None:
    in_transaction(
        inventory,
        lambda session: leases.acquire(session, name, "run r", "provision", now=NOW, ttl=timedelta(seconds=60)),
    )


def setup(inventory: Inventory) -> work.WorkFacts:
    with inventory.reading() as session:
        found = work.work_of(session, work.PROVISION, "A-1")
    assert found is not None
    return found


def test_an_order_without_money_is_cancelled_and_nobody_is_bothered(inventory: Inventory) -> None:
    take(inventory, placed())
    with inventory.reading() as session:
        before = cancellation(session, "A-1", NOW)
    assert (before.is_done, before.received_cents, before.work, before.instance) == (False, 0, None, None)
    assert [cancel(inventory).is_done, cancel(inventory).is_done] == [True, True]
    assert order(inventory).state is OrderState.CANCELLED
    assert open_kinds(inventory) == []
    with inventory.reading() as session:
        told = [(deed.by, deed.what, deed.why) for deed in deeds.deeds_of(session, "order:A-1")]
    assert told == [("shop", "order placed", ""), ("olga", "order cancelled", "withdrawn")]


def test_what_was_received_is_put_before_a_person_since_the_refund_is_the_shop_s(inventory: Inventory) -> None:
    take(inventory, placed(), received("p1", 900), received("p2", 300), refunded("p3", 200, NOW + HOUR))
    assert cancel(inventory).received_cents == 1000
    said = "Order A-1 is cancelled: withdrawn. 1000 cents EUR were received; the shop has to give them back."
    assert said in summaries(inventory)
    take(inventory, received("late"))
    assert order(inventory).state is OrderState.CANCELLED
    assert open_kinds(inventory) == ["order_cancelled", "order_closed", "refund"]


def test_no_run_sets_a_cancelled_order_up(inventory: Inventory) -> None:
    take(inventory, placed(), received("p1"))
    cancel(inventory)
    assert (setup(inventory).state, setup(inventory).finding) == (
        WorkState.CANCELLED,
        "The order is cancelled: withdrawn",
    )
    with inventory.reading() as session:
        assert orders.open_promises(session) == []
        assert work.work_in(session, WorkState.OPEN, WorkState.DISPATCHED) == []
    for opening in (
        lambda session: work.try_again(session, setup(inventory).id, NOW),
        lambda session: work.record_done(session, work.PROVISION, "A-1"),
    ):
        with pytest.raises(ForbiddenEdge):
            in_transaction(inventory, opening)
    in_transaction(inventory, lambda session: work.record_failed(session, work.PROVISION, "A-1", "late"))
    asked = in_transaction(
        inventory, lambda session: work.ask_for(session, work.PROVISION, "A-1", NOW, by="shop", now=NOW)
    )
    assert asked.state is WorkState.CANCELLED


@pytest.mark.parametrize("state", ["dispatched", "failed"])
def test_a_set_up_that_has_a_run_or_failed_is_closed_too(inventory: Inventory, state: str) -> None:
    take(inventory, placed(), received("p1"))

    def go_on(session: object) -> None:
        if state == "dispatched":
            work.mark_dispatched(session, setup(inventory).id, "run r", 1)
        else:
            work.record_failed(session, work.PROVISION, "A-1", "The disk is full.")
            cases.raise_case(session, "k", cases.SETUP_FAILED, "order:A-1", "The disk is full.", facts={}, now=NOW)

    in_transaction(inventory, go_on)
    cancel(inventory)
    assert setup(inventory).state is WorkState.CANCELLED
    assert open_kinds(inventory) == ["order_cancelled"]


def test_a_reserved_place_is_given_back_and_what_is_left_is_named(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    take(inventory, placed(), received("p1"))
    instance = reserve(inventory)
    found = cancel(inventory)
    assert found.instance is not None
    assert found.instance.state is InstanceState.ENDED
    assert f"/srv/instances/{instance.name}" in found.remains
    with inventory.reading() as session:
        assert (servers.server_facts(session, "app1").booked_gib, servers.server_facts(session, "app1").instances) == (
            0,
            0,
        )
        [case] = cases.open_cases(session)
        told = [deed.what for deed in deeds.deeds_of(session, f"instance:{instance.name}")]
    assert told == ["instance reserved", "place given back"]
    assert case.summary == (
        f"Order A-1 is cancelled: withdrawn. {DUE} cents EUR were received; the shop has to give them back. "
        f"What its set-up left of {instance.name} on app1 has to be taken away."
    )
    assert case.facts["remains"] == list(found.remains)


def test_no_name_is_held_for_an_instance_that_was_given_back(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    take(inventory, placed(), received("paid"))
    name = reserve(inventory).name

    def hold(session: Session) -> int:  # as an earlier version let a person approve it
        row = Name(
            instance_name=name, kind="subdomain", a_label="muster", as_ordered="muster", held="muster",
            state="assigning", since=NOW, finding="", evidence={},
        )  # fmt: skip
        session.add(row)
        session.flush()
        work.ask_for(session, work.ASSIGN_SUBDOMAIN, f"{name}#{row.id}", NOW, by="olga", now=NOW)
        return row.id

    in_transaction(inventory, hold)
    cancel(inventory)
    with inventory.reading() as session:
        assert names.taken_by(session, "muster") is None
        assert [one.state for one in work.work_in(session) if one.kind == work.ASSIGN_SUBDOMAIN] == ["cancelled"]


def test_a_run_that_comes_too_late_neither_reserves_nor_works_nor_opens(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    take(inventory, placed(), received("p1"))
    name = reserve(inventory).name
    cancel(inventory)
    with pytest.raises(instances.OrderNotPaid, match=r"Order A-1 is cancelled, not paid\."):
        reserve(inventory)
    with pytest.raises(instances.InstanceEnded, match=rf"Instance {name} has ended\."):
        in_transaction(inventory, lambda session: instances.stop_if_ended(session, name))
    with pytest.raises(ForbiddenEdge):
        in_transaction(inventory, lambda session: instances.record_active(session, name, NOW, {}))
    with inventory.reading() as session:
        assert instances.instance_facts(session, name).state is InstanceState.ENDED


def test_the_contract_and_all_that_is_booked_end_that_day(inventory: Inventory) -> None:
    take(inventory, placed(), received("p1"))
    cancel(inventory)
    with inventory.reading() as session:
        ends = {row.ends_on for table in (Contract, Booking) for row in session.scalars(select(table))}
    assert ends == {NOW.date()}


def test_an_order_that_is_being_set_up_is_not_cancelled_until_the_run_ends_or_is_dead(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    take(inventory, placed(), received("p1"))
    name = reserve(inventory).name
    lease(inventory, name)
    with pytest.raises(CannotBeCancelled, match=f"Order A-1 is being set up at this moment by run r as {name}"):
        cancel(inventory)
    assert order(inventory).state is OrderState.PAID
    late = NOW + timedelta(seconds=61)
    in_transaction(inventory, lambda session: cancel_order(session, "A-1", "olga", "withdrawn", late))
    assert order(inventory).state is OrderState.CANCELLED


def test_a_fulfilled_and_a_refused_order_are_refused_with_the_way_out(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    take(inventory, placed(), received("p1"), placed("A-2", accounts=0))
    name = reserve(inventory).name
    in_transaction(inventory, lambda session: instances.record_active(session, name, NOW, {}))
    with pytest.raises(CannotBeCancelled) as fulfilled:
        cancel(inventory)
    assert str(fulfilled.value) == (
        f"Order A-1 is fulfilled: instance {name} is open. It ends with its contract (P05); until then it runs on."
    )
    with pytest.raises(CannotBeCancelled, match=r"Order A-2 was refused when it was placed; .* phm order show A-2\."):
        cancel(inventory, "A-2")
    with pytest.raises(orders.UnknownOrder):
        cancel(inventory, "A-9")


def test_an_order_is_either_opened_or_cancelled_never_both(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    take(inventory, placed(), received("p1"))
    name = reserve(inventory).name

    def tried(act: object) -> bool:
        try:
            in_transaction(inventory, act)
        except (CannotBeCancelled, ForbiddenEdge):
            return False
        return True

    opened, ended = at_once(
        lambda: tried(lambda session: instances.record_active(session, name, NOW, {})),
        lambda: tried(lambda session: cancel_order(session, "A-1", "olga", "withdrawn", NOW)),
    )
    with inventory.reading() as session:
        instance = instances.instance_facts(session, name).state
    both = (order(inventory).state, instance)
    assert opened is not ended
    assert both == (
        (OrderState.FULFILLED, InstanceState.ACTIVE) if opened else (OrderState.CANCELLED, InstanceState.ENDED)
    )


def test_a_run_begins_or_the_order_is_cancelled_never_both(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    take(inventory, placed(), received("p1"))
    name = reserve(inventory).name

    def begin(session: object) -> None:
        instances.stop_if_ended(session, name)
        leases.acquire(session, name, "run r", "provision", now=NOW, ttl=timedelta(seconds=60))

    def tried(act: object) -> bool:
        try:
            in_transaction(inventory, act)
        except (CannotBeCancelled, instances.InstanceEnded):
            return False
        return True

    begun, ended = at_once(
        lambda: tried(begin),
        lambda: tried(lambda session: cancel_order(session, "A-1", "olga", "withdrawn", NOW)),
    )
    assert begun is not ended
