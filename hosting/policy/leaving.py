"""How a contract ends: from which day, what is due about it at a moment, and whether its instance may be deleted (P41).

The day of an end is the first one on which the instance is not served any more; it begins at midnight in the
service's zone. Until then the notice can be taken back, and after it the instance is kept for some days.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from hosting.errors import Refused
from hosting.policy.booking_refusals import AlreadyCancelled, ChangeRefused, ContractOver
from hosting.policy.months import day_of, start_of
from hosting.policy.states import EndState, InstanceState
from hosting.policy.terms import TIME_ZONE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from hosting.policy.contract import Contract
    from hosting.policy.terms import Terms

OWED_AGAIN_AFTER = timedelta(hours=1)
"""A deletion that could not be done in one place is tried again after so long, each time."""

HELD_LOOKED_AT_AFTER = timedelta(days=1)


class EndsTooEarly(ChangeRefused):
    """The day that was named is before the first one on which the contract may end (P05)."""

    def __init__(self, wanted: date, earliest: date) -> None:
        message = f"The contract can't end on {wanted}: it may end on {earliest} at the earliest."
        super().__init__(message, f"Name {earliest} or a later day, or give --earliest.", earliest)
        self.wanted, self.earliest = wanted, earliest


class MayNotBeDeleted(Refused):
    """An instance that is not to be deleted, or not yet."""


class NotDueYet(MayNotBeDeleted):
    """Its data are to be kept for longer."""

    def __init__(self, instance: str, due_at: datetime) -> None:
        message = f"{instance} is kept until {due_at:%Y-%m-%d %H:%M} UTC."
        super().__init__(message, "It is deleted by itself then.")
        self.due_at = due_at


class OnHold(MayNotBeDeleted):
    """Somebody keeps it from being deleted."""

    def __init__(self, instance: str, by: str, why: str) -> None:
        message = f"{instance} is on hold, by {by}: {why.rstrip('.')}."
        super().__init__(message, f"Once that is over: phm end unhold {instance} --because …")


class NotEnded(MayNotBeDeleted):
    """Its contract is not over, or the instance is in another state than one whose contract is."""

    def __init__(self, instance: str, found: str) -> None:
        message = f"{instance} is {found}: only an instance whose contract is over is deleted."
        super().__init__(message, f"Look at: phm end status {instance}.")


@dataclass(frozen=True)
class EndFacts:
    """The end of a contract as the inventory knows it.

    Args:
        ends_on: the first day on which it is not served any more.
        was: the instance's state before it ended.
        reminded: for how many days ahead a reminder was sent, or passed over.
        point_at: when its last recovery point was taken.
        names: what it had as names: kind, a_label, as_ordered.
        hold_by: who keeps it from being deleted; empty: nobody.
        owed_since: since when a place could not be cleared.
    """

    id: int
    instance_name: str
    contract_id: int
    state: EndState
    ends_on: date
    kept_days: int
    was: InstanceState
    asked_by: str
    why: str
    asked_at: datetime
    reminded: tuple[int, ...] = ()
    point_at: datetime | None = None
    ended_at: datetime | None = None
    names: tuple[dict[str, Any], ...] = ()
    hold_by: str = ""
    hold_why: str = ""
    deleting_at: datetime | None = None
    deleted_at: datetime | None = None
    called_off_at: datetime | None = None
    owed_since: datetime | None = None
    finding: str = field(default="")

    @property
    def effective_at(self) -> datetime:
        """The moment from which nobody is served: the first midnight after the last day."""
        return start_of(self.ends_on)

    @property
    def delete_on(self) -> date:
        """The day on which all is deleted; one that was closed late is kept for its whole time."""
        closed_on = day_of(self.ended_at) if self.ended_at else self.ends_on
        return max(closed_on, self.ends_on) + timedelta(days=self.kept_days)

    @property
    def delete_at(self) -> datetime:
        """The beginning of that day."""
        return start_of(self.delete_on)

    @property
    def is_open(self) -> bool:
        """Whether it is not at its end."""
        return self.state not in {EndState.DELETED, EndState.CALLED_OFF}

    @property
    def work_subject(self) -> str:
        """What its work is called."""
        return f"{self.instance_name}#{self.id}"


class Step(StrEnum):
    """What is to be done about the end of a contract."""

    WAIT = "wait"
    REMIND = "remind"
    LAST_POINT = "take the last recovery point"
    CLOSE = "close"
    REOPEN = "open again"
    DELETE = "delete"


@dataclass(frozen=True)
class Next:
    """What is due now.

    Args:
        at: until when it is waited; None: nothing is to come.
        days: of a reminder, how many days ahead it is.
    """

    step: Step
    at: datetime | None = None
    days: int = 0


def end_day(contract: Contract, today: date, wanted: date | None) -> date:
    """The day on which a contract ends that is given notice of today.

    Args:
        contract: all bookings of the instance.
        today: in the service's zone.
        wanted: the day that was named; None: the earliest one.

    Raises:
        ContractOver: there is nothing left to give notice of.
        AlreadyCancelled: that was done before.
        EndsTooEarly: it may not end so soon (P05).
    """
    base = contract.base
    if base is None or (base.ends_on is not None and base.ends_on <= today):
        raise ContractOver(base.ends_on if base else None)
    if base.ends_on is not None:
        raise AlreadyCancelled("The contract", base.ends_on)
    earliest = contract.earliest_end(base, today)
    if wanted is not None and wanted < earliest:
        raise EndsTooEarly(wanted, earliest)
    return wanted or earliest


def next_step(end: EndFacts, terms: Terms, now: datetime) -> Next:
    """What is due about a contract's end at a moment."""
    match end.state:
        case EndState.NOTICED:
            return _before_the_end(end, terms, now)
        case EndState.ENDED:
            if end.hold_by:
                return Next(Step.WAIT, now + HELD_LOOKED_AT_AFTER)
            return Next(Step.DELETE) if now >= end.delete_at else Next(Step.WAIT, end.delete_at)
        case EndState.REOPENING:
            return Next(Step.REOPEN)
        case EndState.DELETING:
            return Next(Step.DELETE)
        case _:
            return Next(Step.WAIT)


def passed_over(end: EndFacts, terms: Terms, now: datetime) -> tuple[int, ...]:
    """The reminders whose moment has come by now: the last one is sent, those before it are passed over with it."""
    return tuple(days for days in terms.end_reminder_days if reminder_at(end, days, terms) <= now)


def reminder_at(end: EndFacts, days: int, terms: Terms) -> datetime:
    """When a reminder is sent: so many days before, at the hour at which people begin to work for customers."""
    day = end.ends_on - timedelta(days=days)
    return datetime.combine(day, terms.setup_opens, ZoneInfo(TIME_ZONE))


def check_may_delete(end: EndFacts, instance: InstanceState, now: datetime) -> None:
    """See that an instance is to be deleted now; asked again by every run, also by one that goes on.

    Raises:
        NotEnded: its contract runs, the end was called off, or the instance is in another state.
        OnHold: somebody keeps it from that.
        NotDueYet: it is to be kept for longer.
    """
    if end.state not in {EndState.ENDED, EndState.DELETING}:
        raise NotEnded(end.instance_name, end.state.value.replace("_", " "))
    if instance is not InstanceState.CLOSED:
        raise NotEnded(end.instance_name, instance.value)
    if end.hold_by:
        raise OnHold(end.instance_name, end.hold_by, end.hold_why)
    if now < end.delete_at:
        raise NotDueYet(end.instance_name, end.delete_at)


@dataclass(frozen=True)
class Listing:
    """What is in one place: how many things, how many bytes, and the hash of their sorted list."""

    count: int = 0
    bytes: int = 0
    sha256: str = sha256().hexdigest()


NOTHING = Listing()
"""What is to be left everywhere."""


def listing_of(entries: Iterable[tuple[str, int]]) -> Listing:
    """The listing of things with their sizes; each is a line `name TAB bytes`, in the order of their bytes."""
    lines = sorted(f"{name}\t{size}\n".encode() for name, size in entries)
    total = sum(int(line.rpartition(b"\t")[2]) for line in lines)
    return Listing(len(lines), total, sha256(b"".join(lines)).hexdigest())


def _before_the_end(end: EndFacts, terms: Terms, now: datetime) -> Next:
    """Reminders, the last recovery point, the end itself."""
    point_from = end.effective_at - terms.last_point_before
    if now >= end.effective_at:
        return Next(Step.CLOSE)
    if now >= point_from and (end.point_at is None or end.point_at < point_from):
        return Next(Step.LAST_POINT)
    ahead = [days for days in terms.end_reminder_days if days not in end.reminded]
    due = [days for days in ahead if end.asked_at < reminder_at(end, days, terms) <= now]
    if due and now < point_from:
        return Next(Step.REMIND, days=min(due))
    moments = [reminder_at(end, days, terms) for days in ahead]
    to_come = [at for at in (*moments, point_from, end.effective_at) if at > now]
    return Next(Step.WAIT, min(to_come))
