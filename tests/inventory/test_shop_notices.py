"""What the shop says, taken in exactly once (P08, settled readings of payments)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import permutations

import pytest
from sqlalchemy import select

from hosting.inventory import cancelling, cases, deeds, orders, work
from hosting.inventory.levels import ensure_level
from hosting.inventory.models import Booking, Contract, Customer, Payment, ShopEvent, Work
from hosting.inventory.notices import NoticeType, RentNotice, Taken
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.states import EventState, OrderState, WorkState
from hosting.policy.terms import AROUND_THE_CLOCK
from tests.inventory.words import (
    DUE,
    HOUR,
    NOW,
    notice,
    open_kinds,
    order,
    placed,
    received,
    refunded,
    rows,
    summaries,
    take,
)


def test_a_placed_order_waits_for_its_money(inventory: Inventory) -> None:
    assert take(inventory, placed()) == [Taken.APPLIED]
    facts = order(inventory)
    assert (facts.state, facts.customer_name, facts.paid_at) == (OrderState.PLACED, "Ada Löwe", None)
    assert rows(inventory, Work) == 0
    assert open_kinds(inventory) == []


def test_a_paid_order_gets_a_promise_a_contract_and_work_in_the_service_hours(inventory: Inventory) -> None:
    friday_evening = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)  # 18:30 in Berlin
    take(inventory, placed(), received("p1", at=friday_evening), now=friday_evening + 2 * HOUR)
    facts = order(inventory)
    assert facts.state is OrderState.PAID
    assert facts.paid_at == friday_evening
    assert facts.promised_by == datetime(2026, 11, 23, 16, 30, tzinfo=UTC)  # Monday, 17:30 in Berlin
    with inventory.reading() as session:
        [due] = work.work_in(session)
        contract = session.scalars(select(Contract)).one()
        bookings = [
            (booking.kind, booking.detail, booking.minimum_months, booking.booked_on)
            for booking in session.scalars(select(Booking).order_by(Booking.id))
        ]
    assert (due.kind, due.subject, due.state) == ("provision-instance", "A-1", WorkState.OPEN)
    assert due.due_at == datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    assert due.idempotency_key == "provision-instance:A-1:1"
    assert contract.agreed_at == friday_evening
    day = date(2026, 11, 20)
    assert bookings == [
        ("base", "", 12, day),
        ("account", "", 1, day),
        ("account", "", 1, day),
        ("storage", "5 GiB", 1, day),
        ("storage", "5 GiB", 1, day),
    ]


def test_a_level_around_the_clock_is_set_up_at_once(inventory: Inventory) -> None:
    in_transaction(inventory, lambda session: ensure_level(session, "always", AROUND_THE_CLOCK))
    sunday = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    take(inventory, placed(service_level="always"), received("p1", at=sunday), now=sunday)
    with inventory.reading() as session:
        assert [due.due_at for due in work.due_work(session, sunday)] == [sunday]
    assert order(inventory).promised_by == sunday + 8 * HOUR


def test_a_repeat_changes_nothing(inventory: Inventory) -> None:
    take(inventory, placed(), received("p1"))
    before = order(inventory)
    with inventory.reading() as session:
        told = deeds.deeds_of(session, "order:A-1")
    assert take(inventory, placed(), received("p1"), received("p1")) == [Taken.REPEATED] * 3
    assert order(inventory) == before
    with inventory.reading() as session:
        assert deeds.deeds_of(session, "order:A-1") == told
    assert (rows(inventory, Payment), rows(inventory, Work), rows(inventory, ShopEvent)) == (1, 1, 2)


def test_another_body_under_the_same_id_is_put_before_a_person_and_changes_nothing_else(inventory: Inventory) -> None:
    take(inventory, placed(), received("p1", 100))
    assert take(inventory, received("p1", DUE)) == [Taken.CONTRADICTED]
    assert order(inventory).state is OrderState.PLACED
    assert rows(inventory, Payment) == 1
    assert summaries(inventory) == ["The shop sent event p1 again with another body; the first one counts."]
    take(inventory, received("p1", DUE))
    assert len(summaries(inventory)) == 1


def test_part_payments_add_up_and_the_completing_one_counts(inventory: Inventory) -> None:
    take(inventory, placed(), received("p1", 900), received("p2", 1000, NOW + HOUR))
    assert order(inventory).state is OrderState.PLACED
    take(inventory, received("p3", DUE - 1900, NOW + 2 * HOUR))
    assert order(inventory).paid_at == NOW + 2 * HOUR
    assert open_kinds(inventory) == []


def test_money_before_its_order_waits_and_counts_when_the_order_comes(inventory: Inventory) -> None:
    assert take(inventory, received("p1")) == [Taken.WAITING]
    assert open_kinds(inventory) == ["order_unknown"]
    assert take(inventory, received("p1")) == [Taken.REPEATED]
    assert take(inventory, placed()) == [Taken.APPLIED]
    assert order(inventory).paid_at == NOW
    assert open_kinds(inventory) == []
    with inventory.reading() as session:
        assert {event.state for event in session.scalars(select(ShopEvent))} == {EventState.APPLIED}


@pytest.mark.parametrize("amount", [(DUE, "USD"), (0, "EUR"), (-DUE, "EUR")])
def test_money_that_does_not_count_is_put_before_a_person(inventory: Inventory, amount: tuple[int, str]) -> None:
    cents, currency = amount
    assert take(inventory, placed(), received("p1", cents, currency=currency))[1] is Taken.FOR_A_PERSON
    assert order(inventory).state is OrderState.PLACED
    assert open_kinds(inventory) == ["wrong_currency" if currency == "USD" else "no_amount"]
    with inventory.reading() as session:
        assert not session.scalars(select(Payment)).one().counts


def test_money_that_waited_and_does_not_count_is_put_before_a_person_with_its_order(inventory: Inventory) -> None:
    take(inventory, received("p1", currency="USD"), placed())
    assert open_kinds(inventory) == ["wrong_currency"]
    with inventory.reading() as session:
        assert session.get_one(ShopEvent, "p1").state == EventState.FOR_A_PERSON


def test_overpaid_fulfils_and_is_put_before_a_person(inventory: Inventory) -> None:
    take(inventory, placed(), received("p1", DUE + 100))
    assert order(inventory).state is OrderState.PAID
    assert summaries(inventory) == [f"Order A-1: 100 cents EUR more than the {DUE} due were received."]


def test_a_refund_lowers_the_sum_is_put_before_a_person_and_takes_back_nothing(inventory: Inventory) -> None:
    take(inventory, placed(), received("p1"), refunded("r1", 900, NOW + HOUR))
    assert order(inventory).state is OrderState.PAID
    assert rows(inventory, Work) == 1
    assert open_kinds(inventory) == ["refund"]
    take(inventory, placed("A-2"), received("q1", 4000, order="A-2"), refunded("r2", 100, NOW + HOUR, order="A-2"))
    take(inventory, received("q2", 900, NOW + 2 * HOUR, order="A-2"))
    assert order(inventory, "A-2").state is OrderState.PLACED  # 4000 - 100 + 900 = 4800


def test_money_for_a_cancelled_order_does_not_count_and_what_counted_before_stays(inventory: Inventory) -> None:
    take(inventory, placed(), received("p1", 900))
    in_transaction(inventory, lambda session: cancelling.cancel_order(session, "A-1", "olga", "withdrawn", NOW))
    assert take(inventory, received("p2")) == [Taken.FOR_A_PERSON]
    assert order(inventory).state is OrderState.CANCELLED
    assert open_kinds(inventory) == ["order_cancelled", "order_closed"]
    with inventory.reading() as session:
        assert {row.event_id: row.counts for row in session.scalars(select(Payment))} == {"p1": True, "p2": False}


def test_the_moment_of_receipt_is_never_in_the_future_nor_after_the_delivery(inventory: Inventory) -> None:
    take(inventory, placed(), received("p1", at=NOW + 100 * HOUR), now=NOW + HOUR)
    assert order(inventory).paid_at == NOW + HOUR


def test_a_payment_told_late_but_received_early_makes_the_promise_earlier_and_nothing_twice(
    inventory: Inventory,
) -> None:
    take(inventory, placed(), received("p2", at=NOW + HOUR))
    assert order(inventory).promised_by == NOW + 24 * HOUR  # 12:00 in Berlin, seven hours on Monday, one on Tuesday
    take(inventory, received("p1", at=NOW))
    facts = order(inventory)
    assert facts.paid_at == NOW
    assert facts.promised_by == NOW + 8 * HOUR
    assert (rows(inventory, Work), rows(inventory, Contract), open_kinds(inventory)) == (1, 1, ["overpaid"])


def test_the_order_of_delivery_does_not_matter(inventory: Inventory) -> None:
    for number, turn in enumerate(permutations(range(4))):
        name = f"A-{number}"
        told = [
            placed(name),
            received(f"{name}-1", 2000, NOW, name),
            received(f"{name}-2", 2000, NOW + HOUR, name),
            received(f"{name}-3", 900, NOW + 2 * HOUR, name),
        ]
        take(inventory, *(told[place] for place in turn))
        assert order(inventory, name).paid_at == NOW + 2 * HOUR
    assert rows(inventory, Work) == rows(inventory, Contract) == 24
    assert open_kinds(inventory) == []


def test_an_order_that_can_not_be_kept_is_refused_with_every_reason(inventory: Inventory) -> None:
    refused = placed(
        accounts=0, storage_gib=7, language="fr", due_cents=-1, currency="USD", service_level="gold", name="Bo"
    )
    take(inventory, placed("A-0"))
    assert take(inventory, refused, received("p1")) == [Taken.FOR_A_PERSON, Taken.FOR_A_PERSON]
    facts = order(inventory)
    assert facts.state is OrderState.REFUSED
    assert (facts.customer_name, facts.language) == ("Ada Löwe", "de")
    assert summaries(inventory)[0] == (
        "Order A-1 is refused: 0 accounts are ordered; at least 1 is needed. "
        "7 GB of further storage is ordered; it is booked in steps of 5 GB. "
        "Letters are not written in 'fr', only in de, en. -1 cents are due; an amount can't be negative. "
        "The order is in USD; orders are taken in EUR. There is no service level 'gold'."
    )
    assert open_kinds(inventory) == ["order_closed", "order_refused"]
    assert rows(inventory, Work) == 0


def test_an_order_with_nothing_due_is_paid_when_it_is_placed(inventory: Inventory) -> None:
    take(inventory, placed(due_cents=0), now=NOW)
    assert (order(inventory).state, order(inventory).paid_at) == (OrderState.PAID, NOW)


def test_an_order_placed_again_changes_nothing_and_told_differently_is_for_a_person(inventory: Inventory) -> None:
    take(inventory, placed())
    assert take(inventory, placed(event="again")) == [Taken.APPLIED]
    assert take(inventory, placed(event="other", accounts=9)) == [Taken.FOR_A_PERSON]
    assert order(inventory).accounts == 3
    assert open_kinds(inventory) == ["order_placed_again"]


def test_the_customer_is_as_the_latest_order_tells(inventory: Inventory) -> None:
    take(inventory, placed(), placed("A-2", email="new@example.test"))
    assert rows(inventory, Customer) == 1
    assert order(inventory).email == "new@example.test"


@pytest.mark.parametrize("kind", [NoticeType.RENT_OVERDUE, NoticeType.RENT_SETTLED])
def test_what_is_said_of_a_rent_is_kept(inventory: Inventory, kind: NoticeType) -> None:
    said = notice("rent-1", kind, RentNotice("A-1", 900, "EUR", date(2026, 12, 1)))
    take(inventory, placed())
    assert take(inventory, said, said) == [Taken.APPLIED, Taken.REPEATED]
    with inventory.reading() as session:
        assert cases.open_cases(session) == []
        [told] = [deed for deed in deeds.deeds_of(session, "order:A-1") if deed.what == kind.replace(".", " ")]
    assert told.evidence["due_on"] == "2026-12-01"


def test_references_differ_by_case_and_blanks_on_every_database(inventory: Inventory) -> None:
    take(inventory, placed("A-1"), placed("a-1"), placed("A-1 "))
    with inventory.reading() as session:
        assert len(orders.all_orders(session)) == 3
