"""Service levels: which one counts on a day, what it changes, and what may be agreed (P40).

A level is a set of terms with a name; an agreement ties it to a contract from the beginning of a day in Berlin on.
What was agreed stays on record: of two agreements the later day counts, of the same day the later word.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from hosting.errors import Refused
from hosting.policy.backup_times import check_backup_terms
from hosting.policy.business_hours import ServiceHours
from hosting.policy.terms import SERVICE_WIDE, STANDARD, TIME_ZONE, WITH_THE_ORDER, Terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

STANDARD_NAME = "standard"
"""How the service description's own level is named where one has to be."""

SHORTEST_PROBE, LONGEST_PROBE = timedelta(seconds=10), timedelta(hours=1)
"""Probes that come faster weigh on the instance; slower ones measure nothing that a percentage could be told by."""

LESS_IS_BETTER = frozenset({
    "backup_every", "backup_stale_after", "move_closed_most", "move_reminder_after", "move_window", "probe_every",
    "rehearse_within_days", "setup_opens", "setup_within", "update_untold",
})  # fmt: skip
MORE_IS_BETTER = frozenset({
    "availability_percent", "backup_weeks_kept", "move_notice", "move_windows_offered", "moved_kept_days",
    "restored_aside_days", "setup_on_holidays", "update_notice",
})  # fmt: skip
"""Of other terms nobody can say in general what suits a customer better."""


class LevelCannotBeKept(Refused):
    """Numbers by which a level could not be kept."""


class CannotBeAgreed(Refused):
    """A level that this contract can't have from that day on."""


@dataclass(frozen=True)
class Agreement:
    """A level that was agreed on for a contract.

    Args:
        id: its number.
        level: the level's name; None is the standard one.
        from_day: the first day on which it counts, in Berlin.
        agreed_by: the operator.
        reason: with whom, for what fee.
        called_off_at: when it was given up before it counted; None where it was not.
    """

    id: int
    contract_id: int
    level: str | None
    from_day: date
    agreed_by: str
    agreed_at: datetime
    reason: str
    called_off_at: datetime | None = None
    called_off_by: str = ""
    called_off_why: str = ""

    @property
    def stands(self) -> bool:
        """Whether it was not called off."""
        return self.called_off_at is None


@dataclass(frozen=True)
class TermChange:
    """One term that a level has otherwise; `better` is None where that can't be said in general."""

    term: str
    before: Any
    after: Any
    better: bool | None


def agreement_on(agreements: Iterable[Agreement], day: date) -> Agreement | None:
    """The agreement that counts on a day, None where none had begun by then."""
    begun = [one for one in agreements if one.stands and one.from_day <= day]
    return max(begun, key=lambda one: (one.from_day, one.id), default=None)


def level_on(first: str | None, agreements: Iterable[Agreement], day: date) -> str | None:
    """The level that counts on a day: the one of the order until an agreement's day has come."""
    found = agreement_on(agreements, day)
    return first if found is None else found.level


def changes(before: Terms, after: Terms) -> list[TermChange]:
    """What is otherwise by other terms, in the order in which the terms stand."""
    pairs = [(field.name, getattr(before, field.name), getattr(after, field.name)) for field in fields(Terms)]
    return [TermChange(name, old, new, is_better(name, old, new)) for name, old, new in pairs if old != new]


def is_better(term: str, before: Any, after: Any) -> bool | None:
    """Whether another value of a term suits the customer better; None where that can't be said in general."""
    if term == "setup_closes":
        before, after = (time.max if one == time.min else one for one in (before, after))  # 00:00 is the end of the day
        return bool(after > before)
    if term == "setup_weekdays":
        return set(before) <= set(after)
    if term in LESS_IS_BETTER:
        return bool(after < before)
    return bool(after > before) if term in MORE_IS_BETTER else None


def worsened(before: Terms, after: Terms) -> list[TermChange]:
    """What of a level's new numbers is not plainly better for those who have agreed on the old ones."""
    return [one for one in changes(before, after) if not one.better]


def check_level(name: str, terms: Terms) -> None:
    """See that a level's numbers can be kept.

    Raises:
        Refused: it is named as the standard one, or its numbers leave no time for set-ups, backups or probes.
    """
    if name.strip().lower() == STANDARD_NAME:
        message = f"The level {STANDARD_NAME!r} is the service description itself."
        raise LevelCannotBeKept(message, "Give what is agreed otherwise another name.")
    if not ServiceHours.of_terms(terms, ZoneInfo(TIME_ZONE)).weekdays:
        raise LevelCannotBeKept(f"The service level {name!r} has no weekday for setup.", "Name at least one weekday.")
    check_backup_terms(terms)
    if terms.backup_weeks_kept < STANDARD.backup_weeks_kept:
        message = f"Backups kept for {terms.backup_weeks_kept} weeks would be dropped while the store still locks them."
        raise LevelCannotBeKept(message, f"Set backup_weeks_kept to {STANDARD.backup_weeks_kept} or more.")
    if not 0 < terms.availability_percent <= 100:  # noqa: PLR2004  # per cent
        message = f"{terms.availability_percent} % is no availability."
        raise LevelCannotBeKept(message, "Set availability_percent to more than 0 and 100 at most.")
    if not SHORTEST_PROBE <= terms.probe_every <= LONGEST_PROBE:
        message = f"Probes every {terms.probe_every.total_seconds():g} s can't be kept."
        raise LevelCannotBeKept(message, "Set probe_every to 10s at least and 1h at most.")
    negative = [field.name for field in fields(Terms) if _is_negative(getattr(terms, field.name))]
    if negative:
        raise LevelCannotBeKept(f"Less than nothing is set for {', '.join(negative)}.", "Set 0 or more.")


def check_overrides(overrides: Iterable[str]) -> None:
    """See that a level sets only what can be another for one contract than for the next.

    Raises:
        LevelCannotBeKept: a term counts for the service as a whole.
    """
    if wide := sorted(set(overrides) & SERVICE_WIDE):
        message = f"For the service as a whole count: {', '.join(wide)}."
        raise LevelCannotBeKept(message, "Leave them out of the level; phm level terms lists what a level can set.")


def check_agreement(agreements: Sequence[Agreement], from_day: date, today: date, before: Terms, after: Terms) -> None:
    """See that a contract can have a level from a day on.

    Args:
        agreements: those of the contract.
        from_day: the first day.
        today: this day, in Berlin.
        before: the terms by which the contract is kept up to then.
        after: the level's.

    Raises:
        CannotBeAgreed: the day is over, an agreement stands for the same day, nothing changes, what was booked with
            the order would be counted otherwise, or what gets worse would do so on a day that has begun.
    """
    if from_day < today:
        message = f"The {from_day} is over: by then the contract was kept by its old terms."
        raise CannotBeAgreed(message, f"Agree from {today} on, or later.")
    same = next((one for one in agreements if one.stands and one.from_day == from_day), None)
    if same is not None and from_day > today:
        message = f"Agreement {same.id} stands for the {from_day} already: {same.level or STANDARD_NAME}."
        raise CannotBeAgreed(message, f"Call it off first: phm level call-off {same.id}.")
    if before == after:
        raise CannotBeAgreed("By this level nothing would change.", "See what counts: phm level history CONTRACT.")
    booked = [one.term for one in changes(before, after) if one.term in WITH_THE_ORDER]
    if booked:
        message = f"What is booked would be counted otherwise: {', '.join(booked)}."
        raise CannotBeAgreed(message, "Such terms are agreed with an order; take a level that leaves them as they are.")
    worse = [one.term for one in worsened(before, after)]
    if worse and from_day <= today:
        message = f"From {today} on it would be less, and the day has begun by the better terms: {', '.join(worse)}."
        raise CannotBeAgreed(message, f"Agree from {today + timedelta(days=1)} on, or later.")


def check_call_off(one: Agreement, today: date) -> None:
    """See that an agreement can be called off: before its day has come.

    Raises:
        CannotBeAgreed: it counts already.
    """
    if one.from_day <= today:
        message = f"Agreement {one.id} counts since the {one.from_day}: what was kept by it can't be taken back."
        raise CannotBeAgreed(message, f"Agree on another level, or on {STANDARD_NAME}, from a day on.")


def _is_negative(value: Any) -> bool:
    """Whether a number or a duration is less than nothing."""
    nothing: Any = timedelta(0) if isinstance(value, timedelta) else 0
    return isinstance(value, timedelta | int | float) and bool(value < nothing)
