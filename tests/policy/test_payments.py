"""When money is enough, and which money is a matter for a person (P08, settled readings of payments)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.payments import FindingKind, Movement, MovementKind, Settlement, arrival, settle
from hosting.policy.states import OrderState

DUE = 4900
MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def came(event: str, cents: int = DUE, hour: int = 0, currency: str = "EUR") -> Movement:
    return Movement(event, MovementKind.RECEIVED, cents, currency, MONDAY + hour * HOUR)


def went(event: str, cents: int = DUE, hour: int = 0) -> Movement:
    return replace(came(event, cents, hour), kind=MovementKind.REFUNDED)


def settled(*movements: Movement, due: int = DUE, state: OrderState = OrderState.PLACED) -> Settlement:
    return settle(due, "EUR", movements, state, MONDAY - HOUR)


def kinds(settlement: Settlement) -> list[FindingKind]:
    return [finding.kind for finding in settlement.findings]


def test_what_is_due_in_one_payment_is_enough() -> None:
    assert settled(came("p1", hour=3)) == Settlement(DUE, MONDAY + 3 * HOUR, frozenset({"p1"}), ())


def test_a_cent_less_is_not_enough() -> None:
    assert settled(came("p1", DUE - 1)).paid_at is None


def test_with_part_payments_the_completing_one_counts() -> None:
    parts = [came("p1", 1000, 5), came("p2", 3900, 2), came("p3", 1, 7)]
    assert settled(*parts).paid_at == MONDAY + 5 * HOUR


def test_a_refund_before_the_sum_is_reached_lowers_it() -> None:
    settlement = settled(came("p1", 4000), went("r1", 100, 1), came("p2", 900, 2))
    assert (settlement.received_cents, settlement.paid_at) == (4800, None)
    assert kinds(settlement) == [FindingKind.REFUND]


def test_a_refund_after_the_sum_was_reached_takes_back_nothing() -> None:
    settlement = settled(came("p1"), went("r1", hour=1), state=OrderState.PAID)
    assert (settlement.received_cents, settlement.paid_at) == (0, MONDAY)
    assert settlement.findings[0].message == "4900 cents EUR refunded; nothing is taken back by itself."


def test_money_that_came_and_went_at_the_same_moment_came_first() -> None:
    assert settled(went("a"), came("b")).paid_at == MONDAY


def test_overpaid_fulfils_and_each_further_sum_is_a_matter_of_its_own() -> None:
    once, twice = settled(came("p1"), came("p2", 100, 1)), settled(came("p1"), came("p2", 100, 1), came("p3", 1, 2))
    assert once.paid_at == twice.paid_at == MONDAY
    assert once.findings[0].message == "100 cents EUR more than the 4900 due were received."
    assert once.findings[0].key != twice.findings[0].key


@pytest.mark.parametrize(
    ("movement", "kind", "message"),
    [
        (came("p1", currency="USD"), FindingKind.WRONG_CURRENCY, "4900 cents USD received, but EUR is due."),
        (came("p1", 0), FindingKind.NO_AMOUNT, "0 cents EUR received: not an amount of money."),
        (came("p1", -1), FindingKind.NO_AMOUNT, "-1 cents EUR received: not an amount of money."),
        (went("p1", -DUE), FindingKind.NO_AMOUNT, "-4900 cents EUR refunded: not an amount of money."),
    ],
)
def test_money_that_does_not_count_is_a_matter_for_a_person(
    movement: Movement, kind: FindingKind, message: str
) -> None:
    settlement = settled(movement)
    assert (settlement.received_cents, settlement.paid_at, settlement.counted) == (0, None, frozenset())
    assert [(finding.kind, finding.message) for finding in settlement.findings] == [(kind, message)]


@pytest.mark.parametrize("state", [OrderState.CANCELLED, OrderState.REFUSED])
@pytest.mark.parametrize("due", [DUE, 0])
def test_money_for_a_closed_order_does_not_count(state: OrderState, due: int) -> None:
    settlement = settled(came("p1"), due=due, state=state)
    assert (settlement.received_cents, settlement.paid_at) == (0, None)
    assert settlement.findings[0].message == f"4900 cents EUR received for an order that is {state}."


def test_an_order_with_nothing_due_is_paid_when_it_is_placed() -> None:
    assert settled(due=0).paid_at == MONDAY - HOUR


def test_the_moment_of_receipt_is_never_after_the_delivery_nor_in_the_future() -> None:
    assert arrival(MONDAY, MONDAY + HOUR, MONDAY + 2 * HOUR) == MONDAY
    assert arrival(MONDAY + 5 * HOUR, MONDAY + HOUR, MONDAY + 2 * HOUR) == MONDAY + HOUR
    assert arrival(MONDAY + 5 * HOUR, MONDAY + 5 * HOUR, MONDAY + 2 * HOUR) == MONDAY + 2 * HOUR


movements = st.lists(
    st.builds(
        Movement,
        event_id=st.uuids().map(str),
        kind=st.sampled_from(MovementKind),
        cents=st.integers(-100, 6000),
        currency=st.sampled_from(["EUR", "EUR", "EUR", "USD"]),
        received_at=st.integers(0, 5).map(lambda hour: MONDAY + hour * HOUR),
    ),
    max_size=8,
    unique_by=lambda movement: movement.event_id,
)


@given(movements, st.randoms(), st.sampled_from(OrderState))
def test_the_order_of_delivery_does_not_matter(told: list[Movement], dice: object, state: OrderState) -> None:
    shuffled = list(told)
    dice.shuffle(shuffled)
    assert settled(*shuffled, state=state) == settled(*told, state=state)


@given(movements)
def test_what_counts_and_what_does_not_are_all_of_it_and_the_sum_is_of_what_counts(told: list[Movement]) -> None:
    settlement = settled(*told)
    assert settlement.received_cents == sum(one.signed_cents for one in told if one.event_id in settlement.counted)
    objected = {finding.key.partition(":")[2] for finding in settlement.findings} - settlement.counted
    assert {one.event_id for one in told} <= settlement.counted | objected


@given(movements, st.integers(1, 6000))
def test_more_money_never_pays_later(told: list[Movement], cents: int) -> None:
    before = settled(*told).paid_at
    after = settled(*told, came("more", cents, 2)).paid_at
    assert before is None or (after is not None and after <= before)


@given(movements)
def test_an_order_is_paid_at_a_moment_at_which_money_was_received(told: list[Movement]) -> None:
    paid_at = settled(*told).paid_at
    reached = {one.received_at for one in told if one.kind is MovementKind.RECEIVED and one.currency == "EUR"}
    assert paid_at is None or paid_at in reached
