"""What customers are told of an update, and when: planned, changed, called off, took longer (P15, P16, P17).

An update that closes an instance for longer than `update_untold`, or that runs outside of off-peak times, is told by
a letter, `update_notice` before at the latest; an urgent one is told at once. Every other update is silent, unless it
takes longer than that: then a word comes afterwards. Nobody gets two letters that say the same of one update.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hosting.errors import Refused
from hosting.policy.terms import STANDARD, TIME_ZONE

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from hosting.policy.maintenance import Window
    from hosting.policy.terms import Terms
    from hosting.policy.values import InstanceName

LONGER = 2.0
"""A stop that lasted so many times what was told, and longer than `update_untold`, took longer than told."""


class UpdateKind(StrEnum):
    """What is updated: the server under an instance (P14), or the product in it (P17)."""

    SERVER = "server"
    PRODUCT = "product"


class UpdateReason(StrEnum):
    """Why, as customers are told."""

    SECURITY = "security"
    CURRENT = "current"
    BUG = "bug"


class UpdateLetter(StrEnum):
    """The letters about an update; each has templates of its name, but that a changed one is a planned one again."""

    PLANNED = "update_planned"
    CHANGED = "update_changed"
    CALLED_OFF = "update_off"
    LONGER = "update_longer"


class NoticeTooShort(Refused):
    """An update that isn't urgent would be told too late."""

    def __init__(self, earliest: datetime) -> None:
        self.earliest = earliest
        local = earliest.astimezone(ZoneInfo(TIME_ZONE))
        message = "The update would be told to its customers later than the terms promise."
        super().__init__(message, f"Let it begin after {local:%Y-%m-%d %H:%M %Z}, or say that it is urgent, and why.")


@dataclass(frozen=True)
class Update:
    """What is done to many instances, for one reason.

    Args:
        key: unique, and the same for all servers and rings of it: "product:40471", "server:security:2026-12-01".
        kind: what is updated.
        why: as customers are told.
        detail: the version they get, of a product update; else empty.
        urgent: it doesn't wait for an off-peak window, nor for the notice (P16, P17).
    """

    key: str
    kind: UpdateKind
    why: UpdateReason
    detail: str = ""
    urgent: bool = False


@dataclass(frozen=True)
class Times:
    """When one instance has its turn.

    Args:
        window: within which.
        stop_seconds: so long it is closed within it, estimated.
    """

    window: Window
    stop_seconds: float


@dataclass(frozen=True)
class Announced:
    """What was planned for one instance, what its customer was told, and what came of it.

    Args:
        times: as planned now.
        version: of the times; it grows when others are told.
        silent: no letter is due before it.
        told: the times of the last letter; None before the first.
        told_version: whose letter was sent last; 0 before the first, and where what was told does not count any more.
        told_at: when that was.
        ended_at: when the instance was proven open again.
        stopped_seconds: so long nobody was served, measured.
        last_word: the letter that said how it ended, once it is sent.
    """

    id: int
    update: Update
    instance_name: InstanceName
    times: Times
    version: int
    silent: bool
    told: Times | None = None
    told_version: int = 0
    told_at: datetime | None = None
    called_off_at: datetime | None = None
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    stopped_seconds: float = 0.0
    last_word: UpdateLetter | None = None

    @property
    def notice_given(self) -> timedelta | None:
        """How long before it began the customer was told of these times; None where he wasn't, negative if late."""
        if self.begun_at is None or self.told_at is None or self.told is None or not self.told_version:
            return None
        return self.begun_at - self.told_at if is_within(self.told, self.times) else None

    def key_of(self, letter: UpdateLetter) -> str:
        """By what a letter is known: it names what it says, so that nobody is told it twice."""
        return f"{letter}:{self.id}:{self.version}"


def is_silent(times: Times, *, off_peak: bool, terms: Terms = STANDARD) -> bool:
    """Whether an update needs no letter: it closes the instance for a moment only, off-peak."""
    return off_peak and times.stop_seconds <= terms.update_untold.total_seconds()


def earliest_planned(now: datetime, stop_seconds: float, terms: Terms = STANDARD) -> datetime:
    """From when on an update may be planned that is not urgent: at once if it is silent, else after the notice.

    Off-peak is what it is planned for: give this to `maintenance.next_window` as `after`.
    """
    return now if stop_seconds <= terms.update_untold.total_seconds() else now + terms.update_notice


def check_notice(update: Update, times: Times, now: datetime, terms: Terms = STANDARD, *, silent: bool) -> None:
    """See that an update that is told is told early enough.

    Raises:
        NoticeTooShort: it isn't, and isn't urgent either.
    """
    if not silent and not update.urgent and times.window.opens < now + terms.update_notice:
        raise NoticeTooShort(now + terms.update_notice)


def are_other_times(told: Times, times: Times, terms: Terms = STANDARD) -> bool:
    """Whether what was told is not true any more: a window within the one told needs no further letter."""
    return not is_within(told, times) or takes_longer(told, times.stop_seconds, terms)


def is_within(told: Times, times: Times) -> bool:
    """Whether a turn lies within the window that was told."""
    return told.window.opens <= times.window.opens and times.window.closes <= told.window.closes


def takes_longer(told: Times, stop_seconds: float, terms: Terms = STANDARD) -> bool:
    """Whether a stop is longer than was told, by more than people mind."""
    return stop_seconds > max(told.stop_seconds * LONGER, terms.update_untold.total_seconds())


def letter_due(one: Announced, terms: Terms = STANDARD) -> UpdateLetter | None:
    """The letter that is due now about an update of one instance; at once, since it can't be told too early."""
    if one.last_word is not None:
        return None
    if one.called_off_at is not None:
        return UpdateLetter.CALLED_OFF if one.told_version else None  # who was told, and not that it is off
    if one.ended_at is not None:
        return _letter_after(one, one.ended_at, terms)
    if one.silent:
        return None
    if one.told is None:
        return UpdateLetter.PLANNED
    is_other = not one.told_version or are_other_times(one.told, one.times, terms)
    return UpdateLetter.CHANGED if is_other and one.begun_at is None else None


def _letter_after(one: Announced, ended_at: datetime, terms: Terms) -> UpdateLetter | None:
    """The letter about a turn that is over: it took longer; or an urgent one was over before its letter was sent."""
    told = one.told or one.times
    late = ended_at > told.window.closes or takes_longer(told, one.stopped_seconds, terms)
    if late and (one.told is not None or one.stopped_seconds):
        return UpdateLetter.LONGER
    return UpdateLetter.PLANNED if one.told is None and one.update.urgent and not one.silent else None
