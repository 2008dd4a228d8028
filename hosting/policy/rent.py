"""Rents that are overdue: letters first, a day that is named beforehand, then suspension on a working morning (P41).

Time runs from one letter to the next, never from the rent's own day: whatever was held up, nobody is suspended sooner
after a letter than he was told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hosting.errors import Refused
from hosting.policy.business_hours import HORIZON_DAYS, NeverOpen
from hosting.policy.months import day_of, start_of
from hosting.policy.terms import TIME_ZONE

if TYPE_CHECKING:
    from datetime import date, datetime

    from hosting.policy.business_hours import ServiceCalendar
    from hosting.policy.terms import Terms

LONGEST_HOLD = timedelta(days=92)
"""Who is given more time than that has another agreement, which belongs into the shop."""

ONE_DAY = timedelta(days=1)


class HoldRefused(Refused):
    """The ladder can't be held until that day."""


class RentStep(StrEnum):
    """What is due about a rent that is overdue."""

    REMIND = "reminder"
    REMIND_AGAIN = "second reminder"
    ANNOUNCE = "announcement"
    SUSPEND = "suspension"


class Heard(StrEnum):
    """What a notice of the shop about a rent means beside what was heard of it before."""

    NEW = "new"  # overdue: the ladder begins, or goes on
    KNOWN = "known"  # said before: changes nothing
    OUT_OF_ORDER = "out of order"  # it was settled already, by a notice that came first: changes nothing
    FOR_A_PERSON = "for a person"  # overdue again after it was settled, or older than one that is settled


@dataclass(frozen=True)
class RentFacts:
    """One rent of an order.

    Args:
        due_on: its day, by which the shop's notices name it.
        overdue_at: when the shop told that it is overdue.
        settled_at: when the shop told that it is settled.
    """

    due_on: date
    overdue_at: datetime | None = None
    settled_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is owed, by the shop's word."""
        return self.overdue_at is not None and self.settled_at is None


@dataclass(frozen=True)
class ArrearsFacts:
    """How far the customer of an order was warned.

    Args:
        begun_at: when the first of the rents was told as overdue.
        reminded_at: when the first letter went out, and so on.
        suspends_at: the moment that was announced.
        announcements: how often one was made.
        held_until: the first day on which it goes on, where somebody holds it.
        ended_at: when it was over.
    """

    id: int
    order: str
    begun_at: datetime
    reminded_at: datetime | None = None
    reminded_again_at: datetime | None = None
    announced_at: datetime | None = None
    suspends_at: datetime | None = None
    announcements: int = 0
    held_until: date | None = None
    held_by: str = ""
    held_why: str = ""
    ended_at: datetime | None = None

    def is_held(self, now: datetime) -> bool:
        """Whether somebody has given the customer time."""
        return self.held_until is not None and day_of(now) < self.held_until


def heard_overdue(told: RentFacts, others: tuple[RentFacts, ...]) -> Heard:
    """What it means that a rent is told as overdue.

    Args:
        told: what was known of it before.
        others: the other rents of the order.
    """
    if told.settled_at is not None:
        return Heard.OUT_OF_ORDER if told.overdue_at is None else Heard.FOR_A_PERSON
    if told.overdue_at is not None:
        return Heard.KNOWN
    if any(one.settled_at is not None and one.due_on > told.due_on for one in others):
        return Heard.FOR_A_PERSON
    return Heard.NEW


def next_step(one: ArrearsFacts, now: datetime, terms: Terms, calendar: ServiceCalendar) -> RentStep | None:
    """The rung of the ladder that is due now, None while there is time.

    Args:
        one: how far it is.
        now: this moment.
        terms: of the contract.
        calendar: of the people who answer.
    """
    if one.ended_at is not None or one.is_held(now):
        return None
    if one.reminded_at is None:
        return RentStep.REMIND
    if one.reminded_again_at is None:
        return RentStep.REMIND_AGAIN if now >= one.reminded_at + terms.rent_again_after else None
    if one.suspends_at is None:
        pause = max(terms.rent_announced_after - terms.rent_again_after, timedelta(0))
        return RentStep.ANNOUNCE if now >= one.reminded_again_at + pause else None
    due = now >= one.suspends_at and is_working_morning(now, terms, calendar)
    return RentStep.SUSPEND if due else None


def suspension_moment(announced_at: datetime, terms: Terms, calendar: ServiceCalendar) -> datetime:
    """When an instance is suspended whose suspension is announced now: the first working morning after the pause.

    Raises:
        NeverOpen: nobody works within the horizon.
    """
    pause = max(terms.rent_suspended_after - terms.rent_announced_after, ONE_DAY)
    return next_working_morning(announced_at + pause, terms, calendar)


def is_working_morning(moment: datetime, terms: Terms, calendar: ServiceCalendar) -> bool:
    """Whether somebody works at a moment, and for some hours more."""
    return calendar.is_open(moment) and moment.astimezone(ZoneInfo(TIME_ZONE)).time() < terms.rent_suspended_until


def next_working_morning(after: datetime, terms: Terms, calendar: ServiceCalendar) -> datetime:
    """The first moment from here on that lies in a working morning.

    Raises:
        NeverOpen: there is none within the horizon.
    """
    begin = after
    for _ in range(HORIZON_DAYS):
        opens = calendar.next_open(begin)
        if is_working_morning(opens, terms, calendar):
            return opens
        begin = start_of(day_of(opens) + ONE_DAY)
    raise NeverOpen(after)


def check_hold(one: ArrearsFacts, until: date, today: date) -> None:
    """See that the ladder can be held until a day.

    Raises:
        HoldRefused: the ladder is over, or the day is past or far off.
    """
    if one.ended_at is not None:
        raise HoldRefused(f"No rent of order {one.order} is overdue any more.", "There is nothing to hold.")
    if until <= today:
        raise HoldRefused(f"The {until} is not to come.", "Name the first day on which it goes on, tomorrow or later.")
    if until > today + LONGEST_HOLD:
        message = f"The {until} is more than {LONGEST_HOLD.days} days off."
        raise HoldRefused(message, f"Hold it until {today + LONGEST_HOLD} at most, or settle the rent in the shop.")
