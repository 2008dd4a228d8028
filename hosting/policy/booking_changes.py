"""A change of what is booked: what it would mean, or why it can't be (P04 to P07, P23, P25)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from hosting.policy.booking_refusals import (
    AlreadyCancelled,
    ContractOver,
    DoesNotFit,
    IncludedAccountStays,
    MoreThanAllowed,
    NothingToWithdraw,
    NotSoManyBooked,
    TooLateToWithdraw,
    TooManyUsers,
    UnknownBooking,
    WrongAmount,
)
from hosting.policy.months import months_after
from hosting.policy.orders import BookingKind, BookingWish, package_detail
from hosting.policy.terms import GIB

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from hosting.policy.contract import Booked, BookingFacts, Contract


class ChangeKind(StrEnum):
    """What can be changed about what is booked."""

    BOOK_ACCOUNTS = "book accounts"
    BOOK_STORAGE = "book storage"
    CANCEL_ACCOUNTS = "cancel accounts"
    CANCEL_STORAGE = "cancel storage"
    CANCEL_CONTRACT = "cancel contract"
    WITHDRAW = "withdraw"


@dataclass(frozen=True)
class Change:
    """A wish to change what is booked.

    Args:
        amount: accounts, or GiB of storage; it says nothing where a booking is named or the contract is cancelled.
        booking: the id of the one that is meant.
    """

    kind: ChangeKind
    amount: int = 1
    booking: int | None = None


@dataclass(frozen=True)
class Need:
    """What an instance needs at a moment: its users, and what it stores in bytes (P04, P07)."""

    users: int
    used_bytes: int


@dataclass(frozen=True)
class Preview:
    """What a change means, before it is made.

    Args:
        before: what is booked now.
        after: what is booked on the day on which all of the change has taken effect.
        takes_effect_on: that day.
        adds: what is newly booked.
        bound_until: the first day on which what is newly booked may end.
        ends: the day on which each cancelled booking ends, by its id.
        withdraws: the ids of bookings that run on after all.
    """

    change: Change
    before: Booked
    after: Booked
    takes_effect_on: date
    adds: tuple[BookingWish, ...] = ()
    bound_until: date | None = None
    ends: tuple[tuple[int, date], ...] = ()
    withdraws: tuple[int, ...] = ()

    @property
    def extra_gib(self) -> int:
        """What has to be found on a server at once."""
        return self.after.pool_gib - self.before.pool_gib if self.adds else 0


def preview(contract: Contract, change: Change, today: date, need: Need) -> Preview:
    """What a change means today, with everything checked that can refuse it but the room on servers.

    Args:
        contract: all bookings of the instance.
        change: the wish.
        today: the day of the wish, in the service's zone.
        need: users and stored bytes, measured now.

    Raises:
        ChangeRefused: one class for each reason.
    """
    base = contract.base
    if base is None or (base.ends_on is not None and base.ends_on <= today):
        raise ContractOver(base.ends_on if base else None)
    match change.kind:
        case ChangeKind.BOOK_ACCOUNTS | ChangeKind.BOOK_STORAGE:
            return _booking(contract, change, today)
        case ChangeKind.CANCEL_CONTRACT:
            return _cancelling_contract(contract, base, change, today)
        case ChangeKind.WITHDRAW:
            return _withdrawing(contract, change, today)
        case _:
            return _cancelling(contract, change, today, need)


def with_ends(contract: Contract, ends: Mapping[int, date | None]) -> Contract:
    """The contract with these bookings' ends set, or taken away again."""
    bookings = (replace(one, ends_on=ends[one.id]) if one.id in ends else one for one in contract.bookings)
    return replace(contract, bookings=tuple(bookings))


def _booking(contract: Contract, change: Change, today: date) -> Preview:
    """More accounts or storage: at any time, from today on, as far as the pool may grow (P06, P23)."""
    terms, before = contract.terms, contract.booked()
    if change.kind is ChangeKind.BOOK_ACCOUNTS:
        _check_amount(change.amount, None)
        wish, count, each = BookingWish(BookingKind.ACCOUNT, "", terms.extra_months), change.amount, (1, 0)
        gib = terms.storage_per_account_gib
    else:
        gib = terms.storage_step_gib
        _check_amount(change.amount, gib)
        wish, count, each = _package(contract), change.amount // gib, (0, gib)
    pool = before.pool_gib + count * gib
    if pool > terms.storage_most_gib:
        works_from = _fits_from(contract, count * gib)
        raise MoreThanAllowed(pool, terms.storage_most_gib, before.pool_gib, works_from)
    after = replace(
        before,
        accounts=before.accounts + each[0] * count,
        packages_gib=before.packages_gib + each[1] * count,
        pool_gib=pool,
    )
    bound = months_after(today, wish.minimum_months)
    bound = min(bound, contract.ends_on) if contract.ends_on else bound
    return Preview(change, before, after, today, adds=(wish,) * count, bound_until=bound)


def _package(contract: Contract) -> BookingWish:
    """One storage package by the contract's terms."""
    terms = contract.terms
    return BookingWish(BookingKind.STORAGE, package_detail(terms.storage_step_gib), terms.extra_months)


def _fits_from(contract: Contract, extra_gib: int) -> date | None:
    """The first day on which so much more could be booked, as things stand; None if there is none."""
    days = sorted({one.ends_on for one in contract.bookings if one.is_cancelled and one.ends_on is not None})
    before_the_end = (day for day in days if contract.ends_on is None or day < contract.ends_on)
    most = contract.terms.storage_most_gib
    return next((day for day in before_the_end if contract.booked_on(day).pool_gib + extra_gib <= most), None)


def _cancelling_contract(contract: Contract, base: BookingFacts, change: Change, today: date) -> Preview:
    """The base and all with it: after its minimum term, with its notice (P05)."""
    if base.ends_on is not None:
        raise AlreadyCancelled("The contract", base.ends_on)
    return _ending(contract, change, {base.id: contract.earliest_end(base, today)})


def _cancelling(contract: Contract, change: Change, today: date, need: Need) -> Preview:
    """Accounts or packages: as far as nobody and nothing that is there needs them (P06, P07, P25)."""
    chosen = _chosen(contract, change, today)
    ends = {one.id: contract.earliest_end(one, today) for one in chosen}
    works_from = max(ends.values())
    left = contract.booked_in_the_end(without=frozenset(ends))
    if change.kind is ChangeKind.CANCEL_ACCOUNTS and need.users > left.accounts:
        raise TooManyUsers(need.users, left.accounts, works_from)
    if need.used_bytes > left.pool_gib * GIB:
        unit = "account" if change.kind is ChangeKind.CANCEL_ACCOUNTS else "package"
        raise DoesNotFit(need.used_bytes, left.pool_gib, _could_go(contract, change.kind, need), unit, works_from)
    return _ending(contract, change, ends)


def _chosen(contract: Contract, change: Change, today: date) -> list[BookingFacts]:
    """The bookings that would go: the one that is named, else those whose minimum term ends first."""
    accounts = change.kind is ChangeKind.CANCEL_ACCOUNTS
    kind = BookingKind.ACCOUNT if accounts else BookingKind.STORAGE
    if change.booking is not None:
        return [_named(contract, kind, change.booking, today)]
    step = contract.terms.storage_step_gib
    _check_amount(change.amount, None if accounts else step)
    candidates = contract.can_go(kind)
    if accounts and not contract.running(kind):
        raise IncludedAccountStays(_base_end(contract, today))
    wanted = change.amount if accounts else change.amount // step
    if wanted > len(candidates):
        each, unit = (1, "accounts") if accounts else (step, "GB")
        raise NotSoManyBooked(kind, change.amount, len(candidates) * each, unit)
    return candidates[:wanted]


def _named(contract: Contract, kind: BookingKind, booking: int, today: date) -> BookingFacts:
    """The booking that is named, if it can be cancelled as one of this kind."""
    found = next((one for one in contract.bookings if one.id == booking and not one.is_over), None)
    if kind is BookingKind.ACCOUNT and found is not None and found.kind is BookingKind.BASE:
        raise IncludedAccountStays(_base_end(contract, today))
    if found is None or found.kind is not kind:
        raise UnknownBooking(booking, "account" if kind is BookingKind.ACCOUNT else "storage package")
    if found.ends_on is not None:
        raise AlreadyCancelled(f"Booking {booking}", found.ends_on)
    return found


def _base_end(contract: Contract, today: date) -> date:
    """When the base ends, or would if it were cancelled today; there is one."""
    base = next(one for one in contract.running(BookingKind.BASE))
    return base.ends_on or contract.earliest_end(base, today)


def _could_go(contract: Contract, kind: ChangeKind, need: Need) -> int:
    """How many accounts or packages could be cancelled as things are."""
    accounts = kind is ChangeKind.CANCEL_ACCOUNTS
    candidates = contract.can_go(BookingKind.ACCOUNT if accounts else BookingKind.STORAGE)
    most = 0
    for count in range(1, len(candidates) + 1):
        left = contract.booked_in_the_end(without=frozenset(one.id for one in candidates[:count]))
        if need.used_bytes > left.pool_gib * GIB or (accounts and need.users > left.accounts):
            break
        most = count
    return most


def _withdrawing(contract: Contract, change: Change, today: date) -> Preview:
    """A cancelled booking runs on: until the day of its end.

    Where it is the contract, extras that were to end with it keep their own minimum term again (P06, P25).
    """
    cancelled = {one.id: one for one in contract.bookings if one.is_cancelled}
    if change.booking is None and len(cancelled) != 1:
        raise NothingToWithdraw(tuple(sorted(cancelled)))
    booking = next(iter(cancelled)) if change.booking is None else change.booking
    if booking not in cancelled:
        raise UnknownBooking(booking, "cancelled booking")
    ended_on = cancelled[booking].ends_on
    if ended_on is not None and ended_on <= today:
        raise TooLateToWithdraw(ended_on)
    ends = {
        one.id: one.runs_until_at_least
        for one in cancelled.values()
        if one.ends_on and cancelled[booking].kind is BookingKind.BASE is not one.kind
        if one.ends_on < one.runs_until_at_least
    }
    after = with_ends(contract, {booking: None, **ends}).booked_on(today)
    return Preview(change, contract.booked(), after, today, withdraws=(booking,), ends=tuple(ends.items()))


def _ending(contract: Contract, change: Change, ends: Mapping[int, date]) -> Preview:
    """What these ends come to."""
    takes_effect_on = max(ends.values())
    after = with_ends(contract, dict(ends)).booked_on(takes_effect_on)
    return Preview(change, contract.booked(), after, takes_effect_on, ends=tuple(ends.items()))


def _check_amount(amount: int, step_gib: int | None) -> None:
    """See that an amount can be meant."""
    if amount < 1 or (step_gib is not None and amount % step_gib):
        raise WrongAmount(amount, step_gib)
