"""The day on which a cancellation takes effect: users and stored bytes are asked again (P07, P25)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.policy.booking_refusals import ChangeRefused, DoesNotFit, TooManyUsers
from hosting.policy.orders import BookingKind
from hosting.policy.terms import GIB

if TYPE_CHECKING:
    from datetime import date

    from hosting.policy.booking_changes import Need
    from hosting.policy.contract import BookingFacts, Contract


@dataclass(frozen=True)
class BookingEnd:
    """A cancelled booking whose day has come: over, or running on for this reason."""

    booking: BookingFacts
    refusal: ChangeRefused | None = None

    @property
    def takes_effect(self) -> bool:
        """Whether it is over."""
        return self.refusal is None


def are_due(contract: Contract, today: date) -> list[BookingFacts]:
    """The bookings whose day has come and that are not over yet, the earliest first; all, once the base's has come."""
    ends = {one.id: contract.end_of(one) for one in contract.bookings if not one.is_over}
    due = [one for one in contract.bookings if (day := ends.get(one.id)) is not None and day <= today]
    return sorted(due, key=lambda one: (ends[one.id], one.id))


def settle_ends(contract: Contract, today: date, need: Need) -> list[BookingEnd]:
    """Which of the bookings that are due are over, and which run on since they are needed after all.

    Those that run on are cancelled no longer; the customer has to cancel them anew. With the base all ends, whatever
    is stored.
    """
    due = are_due(contract, today)
    if contract.ends_on is not None and contract.ends_on <= today:
        return [BookingEnd(one) for one in due]
    gone: set[int] = set()
    ends = []
    for booking in due:
        refusal = _objection(contract, booking, frozenset(gone | {booking.id}), today, need)
        if refusal is None:
            gone.add(booking.id)
        ends.append(BookingEnd(booking, refusal))
    return ends


def _objection(
    contract: Contract, booking: BookingFacts, without: frozenset[int], today: date, need: Need
) -> ChangeRefused | None:
    """Why a booking can't go today, None if it can."""
    left = contract.booked(without=without)
    if booking.kind is BookingKind.ACCOUNT and need.users > left.accounts:
        return TooManyUsers(need.users, left.accounts, today)
    if need.used_bytes > left.pool_gib * GIB:
        unit = "account" if booking.kind is BookingKind.ACCOUNT else "package"
        return DoesNotFit(need.used_bytes, left.pool_gib, 0, unit, today)
    return None
