"""Why a change of what is booked is refused: one class for each reason, with the facts and from when it would work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.errors import Refused
from hosting.policy.terms import GIB

if TYPE_CHECKING:
    from datetime import date

    from hosting.policy.orders import BookingKind

WORDS = {"account": "account", "storage": "storage package", "base": "base package", "option": "option"}
"""What a kind of booking is called in a sentence."""


class ChangeRefused(Refused):
    """A change of what is booked that can't be made; `works_from` is the day from which it could, None if unknown."""

    def __init__(self, what: str, do: str, works_from: date | None = None) -> None:
        """Keep the day beside the sentences."""
        super().__init__(what, do)
        self.works_from = works_from


class WrongAmount(ChangeRefused):
    """No amount, or storage that is not a multiple of a package (P23)."""

    def __init__(self, amount: int, step_gib: int | None) -> None:
        """Tell the step where storage is meant."""
        self.amount = amount
        if step_gib is None:
            super().__init__(f"{amount} accounts can't be meant.", "Name at least one account.")
        else:
            message = f"{amount} GB can't be meant: storage is booked and cancelled in steps of {step_gib} GB."
            super().__init__(message, f"Name {step_gib} GB or a multiple of it.")


class MoreThanAllowed(ChangeRefused):
    """The pool would be larger than an instance can have (P23)."""

    def __init__(self, pool_gib: int, most_gib: int, booked_gib: int, works_from: date | None) -> None:
        """Keep the figures."""
        self.pool_gib, self.most_gib, self.booked_gib = pool_gib, most_gib, booked_gib
        most = f"an instance has at most {most_gib} GB, its accounts' included"
        message = f"{pool_gib} GB in all would be booked; {most}."
        left = max(0, most_gib - booked_gib)
        do = f"{booked_gib} GB are booked, {left} GB more are possible."
        if works_from is not None:
            do += f" It would work from {works_from} on, when what is cancelled is gone."
        super().__init__(message, do, works_from)


class ContractOver(ChangeRefused):
    """The base package has ended, or ends today: nothing can be changed any more (P05)."""

    def __init__(self, ended_on: date | None) -> None:
        """Tell the day where it is known."""
        self.ended_on = ended_on
        told = f" on {ended_on}" if ended_on else ""
        super().__init__(f"The contract ended{told}.", "A new order begins a new one.")


class IncludedAccountStays(ChangeRefused):
    """The account that the base package includes can't be cancelled by itself (P05)."""

    def __init__(self, works_from: date) -> None:
        """Tell when it can end with the base."""
        message = "The account that the base package includes can't be cancelled by itself."
        do = f"It ends with the contract, on {works_from} at the earliest if that is cancelled today."
        super().__init__(message, do, works_from)


class NotSoManyBooked(ChangeRefused):
    """More is to be cancelled than is booked and not cancelled yet."""

    def __init__(self, kind: BookingKind, asked: int, there: int, unit: str) -> None:
        """Keep the figures."""
        self.kind, self.asked, self.there = kind, asked, there
        message = f"{asked} {unit} are to be cancelled; only {there} {unit} are booked and not cancelled yet."
        super().__init__(message, "Look at what is booked: phm booking list.")


class TooManyUsers(ChangeRefused):
    """The instance has more users than accounts would remain (P07)."""

    def __init__(self, users: int, accounts: int, works_from: date) -> None:
        """Keep the figures."""
        self.users, self.accounts = users, accounts
        too_many = users - accounts
        users_told = "1 user" if users == 1 else f"{users} users"
        message = f"The instance has {users_told}; {accounts} would remain booked."
        delete = "one user is" if too_many == 1 else f"{too_many} users are"
        do = f"Once {delete} deleted in Config, it works: from {works_from} on at the earliest."
        super().__init__(message, do, works_from)


class DoesNotFit(ChangeRefused):
    """What is stored would not fit what remains booked (P25, P04)."""

    def __init__(self, used_bytes: int, pool_gib: int, could_go: int, unit: str, works_from: date) -> None:
        """Keep the figures; `could_go` is how much of the kind could go as things are."""
        self.used_bytes, self.pool_gib, self.could_go = used_bytes, pool_gib, could_go
        self.missing_bytes = used_bytes - pool_gib * GIB
        message = (
            f"{told_gb(used_bytes)} are stored; {pool_gib} GB would remain booked, "
            f"{told_gb(self.missing_bytes)} too little."
        )
        now = f"{could_go} {unit} could go as things are" if could_go else f"no {unit} can go as things are"
        do = f"Once so much is deleted, it works: from {works_from} on at the earliest; {now}."
        super().__init__(message, do, works_from)


class UnknownBooking(ChangeRefused):
    """The instance has no such booking."""

    def __init__(self, booking: int, wanted: str) -> None:
        """Tell what was looked for."""
        self.booking = booking
        super().__init__(f"The instance has no {wanted} {booking}.", "Look at what is booked: phm booking list.")


class AlreadyCancelled(ChangeRefused):
    """The booking was cancelled before; its day stays."""

    def __init__(self, what: str, ends_on: date) -> None:
        """Tell the day."""
        self.ends_on = ends_on
        super().__init__(f"{what} is cancelled already, for {ends_on}.", "Until then it can be withdrawn.")


class NothingToWithdraw(ChangeRefused):
    """Nothing is cancelled that could be taken back, or more than one thing is and none was named."""

    def __init__(self, candidates: tuple[int, ...]) -> None:
        """Tell the candidates."""
        self.candidates = candidates
        if candidates:
            message = f"Several bookings are cancelled: {', '.join(map(str, candidates))}."
            super().__init__(message, "Name the one whose cancellation is withdrawn.")
        else:
            super().__init__("No cancellation waits for its day.", "Look at what is booked: phm booking list.")


class TooLateToWithdraw(ChangeRefused):
    """A cancellation whose day has come can't be taken back."""

    def __init__(self, ended_on: date) -> None:
        """Tell the day."""
        self.ended_on = ended_on
        super().__init__(f"The booking ended on {ended_on}.", "What was cancelled can be booked anew.")


def told_gb(size_bytes: int) -> str:
    """A size as people read it; never rounded down to nothing."""
    tenths = -(-size_bytes * 10 // GIB)
    return f"{tenths // 10}.{tenths % 10} GB"
