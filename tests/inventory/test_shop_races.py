"""Events of the shop that arrive at the same moment fulfil an order once (P08)."""

from __future__ import annotations

import random
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from hosting.inventory import orders, work
from hosting.inventory.models import Booking, Contract, Customer, Payment, ShopEvent, Work
from hosting.inventory.notices import Taken
from hosting.policy.states import OrderState
from tests.inventory.words import DUE, HOUR, NOW, at_once, open_kinds, order, placed, received, rows, take

if TYPE_CHECKING:
    from hosting.inventory.session import Inventory

CLIENTS = 8


def test_the_same_event_from_eight_clients_counts_once(inventory: Inventory) -> None:
    take(inventory, placed())
    answers = at_once(*[partial(take, inventory, received("p1"))] * CLIENTS)
    assert Counter(answer for [answer] in answers) == {Taken.APPLIED: 1, Taken.REPEATED: CLIENTS - 1}
    assert (rows(inventory, Payment), rows(inventory, Work), rows(inventory, Contract)) == (1, 1, 1)


def test_two_part_payments_at_the_same_moment_fulfil_an_order_once(inventory: Inventory) -> None:
    for number in range(10):
        name = f"A-{number}"
        take(inventory, placed(name))
        halves = [received(f"{name}-{half}", DUE // 2, NOW, name) for half in range(2)]
        at_once(*(partial(take, inventory, half) for half in halves))
        assert order(inventory, name).state is OrderState.PAID
    assert rows(inventory, Work) == rows(inventory, Contract) == 10
    assert open_kinds(inventory) == []


def test_an_order_and_its_payment_at_the_same_moment_find_each_other(inventory: Inventory) -> None:
    for number in range(10):
        name = f"A-{number}"
        told = [placed(name), received(f"{name}-1", DUE, NOW, name)]
        at_once(*(partial(take, inventory, one) for one in told))
        assert order(inventory, name).state is OrderState.PAID
    assert rows(inventory, Work) == 10
    assert open_kinds(inventory) == []


def test_one_id_for_two_orders_at_the_same_moment_counts_for_one_of_them(inventory: Inventory) -> None:
    take(inventory, placed("A-1"), placed("A-2"))
    told = [received("p1", DUE, NOW, "A-1"), received("p1", DUE, NOW, "A-2")]
    answers = at_once(*(partial(take, inventory, one) for one in told))
    assert {answer for [answer] in answers} == {Taken.APPLIED, Taken.CONTRADICTED}
    assert rows(inventory, Work) == 1
    assert open_kinds(inventory) == ["event_contradicted"]


def test_new_orders_of_one_customer_at_the_same_moment_know_one_customer(inventory: Inventory) -> None:
    at_once(*(partial(take, inventory, placed(f"A-{number}")) for number in range(CLIENTS)))
    assert (rows(inventory, Customer), rows(inventory, ShopEvent)) == (1, CLIENTS)


def test_shuffled_repeated_parallel_events_fulfil_each_order_once(inventory: Inventory) -> None:
    dice = random.Random(4040)
    names = [f"A-{number}" for number in range(20)]
    told = [placed(name, customer=f"C-{name}") for name in names]
    for name in names:
        parts = [received(f"{name}-{part}", DUE // 2, NOW + part * HOUR, name) for part in range(2)]
        told += [*parts, *parts]
    told += dice.sample(told, 60)
    dice.shuffle(told)
    shares = [told[client::CLIENTS] for client in range(CLIENTS)]
    at_once(*(partial(take, inventory, *share) for share in shares))
    with inventory.reading() as session:
        facts = orders.open_promises(session)
        due = work.work_in(session)
    assert {(one.reference, one.paid_at) for one in facts} == {(name, NOW + HOUR) for name in names}
    assert sorted(one.subject for one in due) == sorted(names)
    assert rows(inventory, Payment) == 40
    assert rows(inventory, Booking) == 20 * 5
    assert open_kinds(inventory) == []
