"""What may be ordered, the exact message that each bad order gets, and what an order books (P04 to P06, P23, P25)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.orders import BookingKind, OrderWish, bookings_of, check_order, pool_gib
from hosting.policy.terms import STANDARD

GOOD = OrderWish(3, 10, "de", 4900, "EUR")


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"accounts": 1, "storage_gib": 495},
        {"accounts": 100, "storage_gib": 0},
        {"due_cents": 0},
        {"language": "en"},
        {"service_level": "gold"},
    ],
)
def test_an_order_within_the_terms_is_taken(change: dict[str, object]) -> None:
    assert check_order(replace(GOOD, **change), STANDARD, ["gold"]) == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"accounts": 0}, "0 accounts are ordered; at least 1 is needed."),
        ({"accounts": -3}, "-3 accounts are ordered; at least 1 is needed."),
        ({"accounts": 101, "storage_gib": 0}, "101 accounts are ordered; an instance has at most 100."),
        ({"storage_gib": -5}, "-5 GB of further storage is ordered; it can't be less than 0."),
        ({"storage_gib": 7}, "7 GB of further storage is ordered; it is booked in steps of 5 GB."),
        (
            {"accounts": 1, "storage_gib": 500},
            "505 GB in all are ordered; an instance has at most 500 GB, the accounts' own included.",
        ),
        ({"language": "fr"}, "Letters are not written in 'fr', only in de, en."),
        ({"due_cents": -1}, "-1 cents are due; an amount can't be negative."),
        ({"currency": "USD"}, "The order is in USD; orders are taken in EUR."),
        ({"service_level": "gold"}, "There is no service level 'gold'."),
    ],
)
def test_an_order_against_the_terms_is_told_why(change: dict[str, object], message: str) -> None:
    assert check_order(replace(GOOD, **change), STANDARD) == (message,)


def test_all_that_speaks_against_an_order_is_told_at_once() -> None:
    bad = OrderWish(0, 7, "fr", -1, "USD", "gold")
    assert len(check_order(bad, STANDARD)) == 6


def test_the_base_includes_one_account_and_each_package_is_a_booking() -> None:
    booked = bookings_of(3, 10, STANDARD)
    assert [(wish.kind, wish.minimum_months) for wish in booked] == [
        (BookingKind.BASE, 12),
        (BookingKind.ACCOUNT, 1),
        (BookingKind.ACCOUNT, 1),
        (BookingKind.STORAGE, 1),
        (BookingKind.STORAGE, 1),
    ]


@given(st.integers(1, 100), st.integers(0, 99))
def test_what_is_booked_makes_up_the_pool(accounts: int, packages: int) -> None:
    wish = replace(GOOD, accounts=accounts, storage_gib=packages * 5)
    booked = bookings_of(accounts, packages * 5, STANDARD)
    pool = pool_gib(accounts, packages * 5, STANDARD)
    assert pool == 5 * len(booked)  # the base's account, each further one and each package bring 5 GiB
    assert (check_order(wish, STANDARD) == ()) == (pool <= 500)
