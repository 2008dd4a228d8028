"""Contracts for tests: a base, accounts and packages, booked on one day or on several."""

from __future__ import annotations

from datetime import date

from hosting.policy.contract import BookingFacts, Contract
from hosting.policy.orders import BookingKind
from hosting.policy.terms import STANDARD, Terms

NEW_YEAR = date(2026, 1, 1)


def booking(id_: int, kind: BookingKind, booked_on: date = NEW_YEAR, ends_on: date | None = None) -> BookingFacts:
    months = 12 if kind is BookingKind.BASE else 1
    return BookingFacts(id_, kind, booked_on, months, 5 if kind is BookingKind.STORAGE else 0, ends_on)


def contract(accounts: int = 1, packages: int = 0, booked_on: date = NEW_YEAR, terms: Terms = STANDARD) -> Contract:
    """Booking 1 is the base, then come the further accounts, then the packages."""
    kinds = [BookingKind.BASE, *[BookingKind.ACCOUNT] * (accounts - 1), *[BookingKind.STORAGE] * packages]
    return Contract(tuple(booking(number, kind, booked_on) for number, kind in enumerate(kinds, 1)), terms)
