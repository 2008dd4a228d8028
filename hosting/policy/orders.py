"""What may be ordered, and what an accepted order books (P01, P04 to P06, P23, P25)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from hosting.policy.terms import CURRENCY, LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Collection

    from hosting.policy.terms import Terms


class BookingKind(StrEnum):
    """What can be booked under a contract."""

    BASE = "base"
    ACCOUNT = "account"
    STORAGE = "storage"
    OPTION = "option"


@dataclass(frozen=True)
class OrderWish:
    """What an order asks for; storage in GiB beyond the accounts' own, money in cents."""

    accounts: int
    storage_gib: int
    language: str
    due_cents: int
    currency: str
    service_level: str | None = None


@dataclass(frozen=True)
class BookingWish:
    """One thing to be booked, with the months that it runs at least."""

    kind: BookingKind
    detail: str
    minimum_months: int


def package_detail(gib: int) -> str:
    """How a booking says what storage it brings."""
    return f"{gib} GiB"


def package_gib(detail: str) -> int:
    """The storage that a booking says it brings, in GiB; 0 where it says none."""
    number, _, unit = detail.partition(" ")
    return int(number) if unit == "GiB" else 0


def pool_gib(accounts: int, storage_gib: int, terms: Terms) -> int:
    """The whole storage of an instance in GiB: the accounts' own and the packages (P04, P23)."""
    return accounts * terms.storage_per_account_gib + storage_gib


def check_order(wish: OrderWish, terms: Terms, levels: Collection[str] = ()) -> tuple[str, ...]:
    """Everything that speaks against an order, one sentence each; empty if it can be kept.

    Args:
        wish: what is ordered.
        terms: of its service level, the standard ones if the level is unknown.
        levels: the names of the service levels that exist.
    """
    most, fewest, step = terms.accounts_most, terms.accounts_included, terms.storage_step_gib
    most_gib, pool = terms.storage_most_gib, pool_gib(wish.accounts, wish.storage_gib, terms)
    accounts, storage = (
        f"{wish.accounts} accounts are ordered;",
        f"{wish.storage_gib} GB of further storage is ordered;",
    )
    over = fewest <= wish.accounts <= most and pool > most_gib
    languages, level = ", ".join(LANGUAGES), wish.service_level
    findings = (
        (wish.accounts < fewest, f"{accounts} at least {fewest} is needed."),
        (wish.accounts > most, f"{accounts} an instance has at most {most}."),
        (wish.storage_gib < 0, f"{storage} it can't be less than 0."),
        (wish.storage_gib % step != 0, f"{storage} it is booked in steps of {step} GB."),
        (over, f"{pool} GB in all are ordered; an instance has at most {most_gib} GB, the accounts' own included."),
        (wish.language not in LANGUAGES, f"Letters are not written in {wish.language!r}, only in {languages}."),
        (wish.due_cents < 0, f"{wish.due_cents} cents are due; an amount can't be negative."),
        (wish.currency != CURRENCY, f"The order is in {wish.currency}; orders are taken in {CURRENCY}."),
        (level is not None and level not in levels, f"There is no service level {level!r}."),
    )
    return tuple(message for speaks_against, message in findings if speaks_against)


def bookings_of(accounts: int, storage_gib: int, terms: Terms) -> tuple[BookingWish, ...]:
    """What an accepted order books: the base, each further account, each storage package (P05, P06, P23)."""
    step = terms.storage_step_gib
    further = accounts - terms.accounts_included
    package = BookingWish(BookingKind.STORAGE, package_detail(step), terms.extra_months)
    return (
        BookingWish(BookingKind.BASE, "", terms.base_months),
        *(BookingWish(BookingKind.ACCOUNT, "", terms.extra_months) for _ in range(further)),
        *(package for _ in range(storage_gib // step)),
    )
