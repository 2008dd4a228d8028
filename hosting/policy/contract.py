"""What is booked under a contract on a day, and from when a booking may end (P05, P06, P23, P25).

Days are those of the service's zone. A booking counts from the day on which it was booked up to the day before the one
on which it ends: booked on the 10th it may end on the 10th. Worked examples: `docs/bookings.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.policy.months import months_after
from hosting.policy.orders import BookingKind, pool_gib

if TYPE_CHECKING:
    from datetime import date

    from hosting.policy.terms import Terms


@dataclass(frozen=True)
class BookingFacts:
    """One booking as the inventory knows it.

    Args:
        booked_on: the first day on which it counts.
        minimum_months: how long it runs at least, from that day.
        gib: the storage that it brings, for a storage package; an account's own follows from the terms.
        ends_on: the first day on which it counts no longer, once it is cancelled; until then it can be withdrawn.
        is_over: whether its end has taken effect; until then it counts, also after its day.
    """

    id: int
    kind: BookingKind
    booked_on: date
    minimum_months: int
    gib: int = 0
    ends_on: date | None = None
    is_over: bool = False

    @property
    def runs_until_at_least(self) -> date:
        """The first day on which it may end by its minimum term."""
        return months_after(self.booked_on, self.minimum_months)

    @property
    def is_cancelled(self) -> bool:
        """Whether it has an end that is still to come into effect."""
        return self.ends_on is not None and not self.is_over


@dataclass(frozen=True)
class Booked:
    """What an instance has at some moment: its accounts, its packages, the pool of both."""

    accounts: int
    packages_gib: int
    pool_gib: int


@dataclass(frozen=True)
class Contract:
    """All bookings of one instance, with the terms that they were made by."""

    bookings: tuple[BookingFacts, ...]
    terms: Terms

    @property
    def base(self) -> BookingFacts | None:
        """The base package, None once the contract is over."""
        return next((one for one in self.bookings if one.kind is BookingKind.BASE and not one.is_over), None)

    @property
    def ends_on(self) -> date | None:
        """The day on which the base ends, once it is cancelled; nothing outlives it."""
        return self.base.ends_on if self.base else None

    def running(self, kind: BookingKind) -> list[BookingFacts]:
        """The bookings of a kind that are not over, those first that have not been cancelled and may end first."""
        found = (one for one in self.bookings if one.kind is kind and not one.is_over)
        return sorted(found, key=lambda one: (one.is_cancelled, one.runs_until_at_least, one.id))

    def can_go(self, kind: BookingKind) -> list[BookingFacts]:
        """The bookings of a kind that nobody has cancelled yet, in the order in which they would go."""
        return [one for one in self.running(kind) if not one.is_cancelled]

    def end_of(self, booking: BookingFacts) -> date | None:
        """The day on which a booking ends as things stand: its own, the base's at the latest, None if it runs on."""
        ends = [day for day in (booking.ends_on, self.ends_on) if day is not None]
        return min(ends, default=None)

    def earliest_end(self, booking: BookingFacts, today: date) -> date:
        """The first day on which a booking that is cancelled today may end.

        The base keeps its minimum term and its notice; an extra its minimum term, and ends with the base at the latest.
        """
        if booking.kind is BookingKind.BASE:
            return max(booking.runs_until_at_least, months_after(today, self.terms.base_notice_months))
        earliest = max(booking.runs_until_at_least, today)
        return min(earliest, self.ends_on) if self.ends_on else earliest

    def booked(self, *, without: frozenset[int] = frozenset()) -> Booked:
        """What is booked now: all that is not over.

        Args:
            without: the ids of bookings to leave out.
        """
        return self._sum([one for one in self.bookings if not one.is_over and one.id not in without])

    def booked_on(self, day: date) -> Booked:
        """What will be booked on a day, if every cancellation takes effect and nothing else happens."""
        return self._sum([one for one in self.bookings if self._counts_on(one, day)])

    def booked_in_the_end(self, *, without: frozenset[int] = frozenset()) -> Booked:
        """What remains of it while the base runs, once every extra that is cancelled is gone.

        Args:
            without: the ids of further bookings that are about to be cancelled.
        """
        gone = {one.id for one in self.bookings if one.is_cancelled and one.kind is not BookingKind.BASE}
        return self.booked(without=without | gone)

    def _counts_on(self, booking: BookingFacts, day: date) -> bool:
        """Whether a booking counts on a day."""
        end = self.end_of(booking)
        return not booking.is_over and booking.booked_on <= day and (end is None or day < end)

    def _sum(self, bookings: list[BookingFacts]) -> Booked:
        """What these bookings come to."""
        has_base = any(one.kind is BookingKind.BASE for one in bookings)
        further = sum(one.kind is BookingKind.ACCOUNT for one in bookings)
        accounts = further + self.terms.accounts_included * has_base
        packages = sum(one.gib for one in bookings if one.kind is BookingKind.STORAGE)
        return Booked(accounts, packages, pool_gib(accounts, packages, self.terms))
