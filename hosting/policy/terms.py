"""Every number of the contract, once (service description; PROMISES.md names the promise of each).

A service level (P40) is these terms with some numbers replaced.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from datetime import time, timedelta
from typing import TYPE_CHECKING, Any

from hosting.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

GIB = 2**30
"""A GB of the description is counted as a GiB, the reading that favours the customer (P04)."""

TIME_ZONE = "Europe/Berlin"
"""Service hours, calendar years and off-peak windows are told in this zone (P09, P11, P15)."""

CURRENCY = "EUR"
"""Amounts are integers in cents of this currency."""

LANGUAGES = ("de", "en")
"""Letters and pages to customers are written in these languages."""


@dataclass(frozen=True)
class Terms:
    """The numbers that one contract is kept by; the defaults are the service description's."""

    # Setup (P08, P09)
    setup_within: timedelta = timedelta(hours=8)  # service time from the payment's arrival (P08)
    setup_opens: time = time(10, 0)  # P09
    setup_closes: time = time(19, 0)  # P09; 00:00 means the end of the day
    setup_weekdays: tuple[int, ...] = (0, 1, 2, 3, 4)  # Monday is 0 (P09)
    setup_on_holidays: bool = False  # P09
    # Accounts and storage (P04, P05, P06, P23, P25)
    storage_per_account_gib: int = 5  # P04
    storage_step_gib: int = 5  # P23
    storage_most_gib: int = 500  # P23, the accounts' own included
    accounts_included: int = 1  # P05
    base_months: int = 12  # P05
    extra_months: int = 1  # P06, P25
    base_notice_months: int = 1  # settled reading of P05
    # Availability (P11)
    availability_percent: float = 99.6
    availability_unmeasured_percent: float = 1.0  # more of a month without measurement is a finding
    probe_every: timedelta = timedelta(seconds=60)  # so often each instance is probed, at its location and from outside
    # Backups (P20, P21, P22)
    backup_full_weekday: int = 6  # Monday is 0; the night that begins on this day (P21)
    backup_every: timedelta = timedelta(hours=24)  # at least daily (P22); a level may agree on more (P40)
    backup_opens: time = time(22, 30)  # nightly backups begin in this window, off-peak
    backup_closes: time = time(6, 0)
    backup_weeks_kept: int = 5  # each point stays restorable for so long, at least
    backup_stale_after: timedelta = timedelta(hours=26)  # no good backup for so long is a finding (P22)
    backup_fresh: timedelta = timedelta(hours=24)  # one that is no older lets a move, or a server's update, begin
    backup_grown_times: float = 2.0  # a full backup that is so many times larger or smaller than the last one is told
    backup_grown_gib: int = 1  # by so much at least
    backup_small_grown_times: float = 3.0  # or so many times,
    backup_small_grown_mib: int = 100  # by so much at least: a small instance that multiplies
    backup_day_grown_times: float = 10.0  # an incremental that adds so many times the usual is told
    rehearse_within_days: int = 28  # each instance's backup is proven by a restore within (P20)
    restored_aside_days: int = 7  # what a restore replaced stays aside for so long
    # Moves (P24)
    moved_kept_days: int = 7  # what a move left behind on its source stays there for so long
    move_notice: timedelta = timedelta(days=5)  # no window offered to a customer opens sooner after the offer
    move_reminder_after: timedelta = timedelta(days=3)  # who has not answered an offer by then is reminded of it
    move_window: timedelta = timedelta(hours=2)  # within which an agreed move is closed and open again
    move_windows_offered: int = 4
    # Servers that an instance has left (P10, P24)
    home_silent_days: int = 3  # one that does not do its part for so long is put before a person
    passed_on_rests: timedelta = timedelta(days=2)  # a name is passed on so long after everybody comes to the right one
    domain_reminder_days: tuple[int, ...] = (7, 21, 42)  # after a move: the customer is reminded of his DNS
    domain_told_after_days: int = 14  # after the last reminder a person is told; the domain is passed on all the same
    move_closed_most: timedelta = timedelta(seconds=30)  # not switched within, it opens again where it is: another time
    room_ahead_days: int = 30  # a pool that is full within so long should have a further package on its server
    # Names (P26, P29)
    name_least: int = 4  # characters (P27)
    name_most: int = 48
    name_rests_days: int = 180  # so long nobody else gets a subdomain that was given back
    # Off-peak times (P15)
    off_peak_opens: time = time(22, 0)  # each night
    off_peak_closes: time = time(6, 0)
    off_peak_days: tuple[int, ...] = (5, 6)  # wholly: so Friday, 22:00 to Monday, 06:00 is one window
    off_peak_on_holidays: bool = False  # public holidays wholly too
    # Updates (P15, P16)
    update_notice: timedelta = timedelta(days=3)  # an update that is told is told so long before, unless it is urgent
    update_untold: timedelta = timedelta(minutes=1)  # one that closes an instance for no longer is not told singly
    update_watched: timedelta = timedelta(hours=1)  # so long after its update an instance is watched for errors (P17)
    update_errors_most_percent: float = 5.0  # by so much more probes may fail in a ring than before, or it halts
    # The end of a contract (P05, P41)
    ended_kept_days: int = 30  # an instance whose contract is over is kept so long, then deleted
    end_reminder_days: tuple[int, ...] = (30, 7, 1)  # before the end: the customer is reminded to take his data along
    last_point_before: timedelta = timedelta(hours=1)  # the last recovery point is taken so long before the end
    export_days: int = 14  # what was exported can be fetched for so long, then it leaves the store
    # Rents that are overdue, by the shop's word: letters first, and time between them
    rent_again_after: timedelta = timedelta(days=7)  # after the first letter, which is sent at once
    rent_announced_after: timedelta = timedelta(days=14)  # a letter names the day on which the instance is suspended
    rent_suspended_after: timedelta = timedelta(days=21)  # on a working morning, from the opening of the service hours
    rent_suspended_until: time = time(12, 0)  # up to this time: whoever it hits reaches somebody the same day
    # First access
    access_link_days: int = 14

    @property
    def accounts_most(self) -> int:
        """The most accounts an instance can have: their own storage fills the pool (P23)."""
        return self.storage_most_gib // self.storage_per_account_gib


STANDARD = Terms()
"""The standard level: the service description itself (P40)."""

SERVICE_WIDE = frozenset({
    "access_link_days", "backup_fresh", "home_silent_days", "name_least", "name_most", "name_rests_days",
    "passed_on_rests", "room_ahead_days", "update_errors_most_percent", "update_watched",
})  # fmt: skip
"""Terms that count for the service as a whole; no level has others."""

WITH_THE_ORDER = frozenset({
    "accounts_included", "base_months", "base_notice_months", "extra_months", "storage_most_gib",
    "storage_per_account_gib", "storage_step_gib",
})  # fmt: skip
"""Terms by which what is booked is counted; agreed with an order, and never otherwise while its contract runs."""

AROUND_THE_CLOCK: Mapping[str, Any] = {
    "setup_opens": "00:00",
    "setup_closes": "00:00",
    "setup_weekdays": [0, 1, 2, 3, 4, 5, 6],
    "setup_on_holidays": True,
}
"""Overrides of a service level whose instances are set up at any hour (P40; the demo uses it and says so)."""


UNITS = {"s": timedelta(seconds=1), "min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
"""What a duration may end with; a bare number is one of hours."""

_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h|d)?\s*")


def duration_of(raw: object) -> timedelta:
    """A duration as a level's overrides hold it: hours, or text with a unit ("30s", "15min"); ValueError for others."""
    if isinstance(raw, bool) or (found := _DURATION.fullmatch(str(raw))) is None:
        raise ValueError(raw)
    return float(found[1]) * UNITS[found[2] or "h"]


def _converted(default: Any, raw: Any) -> Any:
    """A value as JSON holds it, as the type of the default; raises TypeError or ValueError where it is none."""
    match default:
        case bool():
            if not isinstance(raw, bool):
                raise TypeError(raw)
            return raw
        case timedelta():
            return duration_of(raw)
        case time():
            return time.fromisoformat(str(raw))
        case tuple():
            return tuple(int(day) for day in raw)
        case _:
            return type(default)(raw)


def _value(name: str, raw: object) -> Any:
    """One override as the type that the term has; raises Refused on a value of another kind."""
    default = getattr(STANDARD, name)
    try:
        return _converted(default, raw)
    except (TypeError, ValueError) as error:
        message = f"The service level's value {raw!r} for {name} is not of the kind of {default!r}."
        raise Refused(message, "Correct the level's overrides.") from error


def terms_with(overrides: Mapping[str, object]) -> Terms:
    """The standard terms with a service level's numbers in place (P40).

    Args:
        overrides: names of `Terms` fields with their values as JSON holds them; durations in hours or with
            their unit ("30s"), times "HH:MM".

    Raises:
        Refused: a name that is no term, or a value of another kind.
    """
    known = {field.name for field in fields(Terms)}
    if unknown := sorted(set(overrides) - known):
        raise Refused(f"A service level names unknown terms: {', '.join(unknown)}.", "Correct the level's overrides.")
    return replace(STANDARD, **{name: _value(name, raw) for name, raw in overrides.items()})
