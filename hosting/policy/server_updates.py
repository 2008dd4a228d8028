"""When a server's packages are updated, what of it needs a person's word, and what came of it (P13, P14, P15, P16).

What PHP, databases and web servers are among packages stands in `engines`; what a server really has is a fact of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hosting.errors import Refused
from hosting.policy.engines import other_series
from hosting.policy.fresh_backups import FRESH, is_fresh
from hosting.policy.maintenance import NeverFits, Window, common_windows, next_window
from hosting.policy.months import day_of
from hosting.policy.terms import TIME_ZONE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from hosting.policy.terms import Terms
    from hosting.policy.values import ServerFacts, ServerName

SECURITY_LABEL = "Debian-Security"
"""The label of the archive from which security updates come."""

FULL_WEEKDAY = 6
"""In the night to this day (Monday is 0) all updates are made, in the others those of the security archive."""

USUAL = timedelta(minutes=15)
"""What a server's update takes where none was made before."""

AT_WORK_MOST = timedelta(hours=2)
"""An update that was begun longer ago is a killed run's, and keeps no backup waiting any more."""

LEFT_AFTER = timedelta(minutes=15)
"""An update that no run has been at for so long is told to a person."""

URGENT_LASTS = timedelta(hours=2)
"""For so long urgent work is told: what is tried again within it is what was told, and is told nobody twice."""

URGENT_SAME = timedelta(days=1)
"""Urgent work that was told so recently, and has not been done, is the same one when it is tried again."""

STOP_SECONDS = 10.0
"""So long services are expected to be away while they are restarted."""

REBOOT_STOP_SECONDS = 120.0
"""So long a server is expected to be away while it is rebooted: customers are told before."""

REBOOT_OPENS, REBOOT_LASTS = time(4), timedelta(hours=2)
"""The part of an off-peak night in which servers are rebooted, after the backups."""

CANARY = "canary"
"""The fact of a server on which updates are tried first."""

RESTARTED = frozenset({"apache2.service", "mariadb.service", "cron.service", "ssh.service", "mysql.service"})
PHP_UNIT = re.compile(r"php\d+\.\d+-fpm\.service")
"""Units that are restarted where they run what an update has replaced; any other one asks for a reboot."""


class Scope(StrEnum):
    """Which updates: those of the security archive, or all."""

    SECURITY = "security"
    FULL = "full"


class Word(StrEnum):
    """What an operator has to say yes to, each by its name."""

    REMOVALS = "removals"
    MAJOR = "major"
    HELD = "held"


class UpdateRefused(Refused):
    """An update needs an operator's word; names every reason."""


class NotNow(Refused):
    """An update can't begin now; names every reason."""


class RebootNotNow(NotNow):
    """A reboot can't begin now; the server's packages are as they should be."""


@dataclass(frozen=True)
class Change:
    """A package that would be installed: its new version, the one it has now ("" if none), the archives it is in."""

    name: str
    old: str
    new: str
    archives: tuple[str, ...] = ()

    @property
    def is_security(self) -> bool:
        """Whether the security archive offers it, for something that is installed."""
        return bool(self.old) and any(one.startswith(f"{SECURITY_LABEL}:") for one in self.archives)


@dataclass(frozen=True)
class Transaction:
    """What apt would do, as it told itself.

    Args:
        changes: packages that are upgraded, or new.
        removals: packages that are removed.
        kept_back: packages that have a newer version and stay as they are.
    """

    changes: tuple[Change, ...] = ()
    removals: tuple[str, ...] = ()
    kept_back: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be done."""
        return not (self.changes or self.removals)


@dataclass(frozen=True)
class SystemFacts:
    """What a server runs on.

    Args:
        distribution: "debian 12".
        kernel: that runs.
        kernel_installed: the newest that would be booted; "" where the server has none of its own.
        reboot_required: some package has asked for it.
        boot: changes with each boot.
        packages: version by name, of all that is installed.
        held: packages that stay as they are by somebody's wish.
        half_done: packages that an interrupted installation has left.
        stale_units: units that run what is no more on the disk.
        up_seconds: since the present boot; 0 where the server does not tell.
    """

    distribution: str
    kernel: str
    kernel_installed: str
    reboot_required: bool
    boot: str
    packages: Mapping[str, str] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    half_done: tuple[str, ...] = ()
    stale_units: tuple[str, ...] = ()
    up_seconds: float = 0.0


def scope_on(day: date) -> Scope:
    """What the clock's own run does on a day."""
    return Scope.FULL if day.weekday() == FULL_WEEKDAY else Scope.SECURITY


def canaries_first(servers: Sequence[ServerFacts]) -> list[ServerFacts]:
    """The order in which servers are updated: canaries first; without any, the one with the fewest instances."""
    marked = [one for one in servers if one.facts.get(CANARY)]
    first = marked or sorted(servers, key=lambda one: (one.instances, one.name))[:1]
    return [*sorted(first, key=lambda one: one.name), *(one for one in servers if one not in first)]


def objections(facts: SystemFacts, planned: Transaction, words: Collection[Word] = ()) -> list[str]:
    """What of a transaction needs an operator's word that he did not give, a sentence each that names the word."""
    said: list[tuple[Word, str]] = []
    if planned.removals:
        said.append((Word.REMOVALS, f"It would remove {', '.join(planned.removals)}."))
    said += [
        (Word.MAJOR, sentence)
        for sentence in other_series(facts.packages, {one.name: one.new for one in planned.changes})
    ]
    touched = sorted({one.name for one in planned.changes} | set(planned.removals))
    if held := [name for name in touched if name in facts.held]:
        said.append((Word.HELD, f"It would change what is held: {', '.join(held)}."))
    return [f"{sentence} (--word {word})" for word, sentence in said if word not in words]


def check_update(server: ServerName, facts: SystemFacts, planned: Transaction, words: Collection[Word] = ()) -> None:
    """See that an update needs no further word.

    Raises:
        UpdateRefused: it does; names every reason.
    """
    if said := objections(facts, planned, words):
        message = f"The update of {server} needs an operator's word: {' '.join(said)}"
        raise UpdateRefused(message, f"Look at it (phm server update {server} --dry-run), then give the words.")


def check_can_begin(
    server: ServerName, last_backups: Mapping[str, datetime | None], worked_on: Sequence[str], now: datetime
) -> None:
    """See that every instance of a server has a fresh backup, and that nobody works on one.

    Args:
        server: which.
        last_backups: when the newest point was taken that can be relied on, by instance.
        worked_on: who works on what, a sentence each.
        now: this moment.

    Raises:
        NotNow: something stands in the way; names all of it.
    """
    old = sorted(name for name, taken in last_backups.items() if not is_fresh(taken, now))
    said = list(worked_on)
    if old:
        said.append(f"There is no good backup of the last {FRESH / timedelta(hours=1):g} hours of {', '.join(old)}.")
    if said:
        message = f"{server} can't be updated now: {' '.join(said)}"
        raise NotNow(message, "Back up what lacks it (phm backup NAME), wait for what is at work, then run again.")


def needs_reboot(facts: SystemFacts) -> str:
    """Why a server needs a reboot, in one sentence; empty where it needs none."""
    if facts.kernel_installed and facts.kernel_installed != facts.kernel:
        return f"Kernel {facts.kernel_installed} is installed, {facts.kernel} runs."
    if facts.reboot_required:
        return "An installed package asks for it."
    left = [unit for unit in facts.stale_units if not is_restarted(unit)]
    return f"{', '.join(left)} run what was replaced." if left else ""


def is_restarted(unit: str) -> bool:
    """Whether a unit that runs what was replaced is restarted by itself."""
    return unit in RESTARTED or PHP_UNIT.fullmatch(unit) is not None


def reboot_window(
    after: datetime, levels: Collection[Terms], state: str | None = None, *, lasts: timedelta = REBOOT_LASTS
) -> Window:
    """The first early morning from a moment on in which a server may be rebooted: off-peak for everybody on it.

    Args:
        after: when the notice is over.
        levels: the terms of the instances on it.
        state: whose public holidays are kept.
        lasts: so long a reboot takes, as expected; its turn is no shorter than usual.

    Raises:
        NeverFits: the terms leave none.
    """
    zone, lasts = ZoneInfo(TIME_ZONE), max(lasts, REBOOT_LASTS)
    for window in common_windows(after, levels, state):
        day = day_of(window.opens)
        while day <= day_of(window.closes):
            opens = datetime.combine(day, REBOOT_OPENS, zone).astimezone(window.opens.tzinfo)
            turn = Window(opens, opens + lasts)
            if turn.opens >= max(after, window.opens) and turn.closes <= window.closes:
                return turn
            day += timedelta(days=1)
    raise NeverFits(lasts)


def urgent_window(at: datetime, lasts: timedelta, levels: Collection[Terms], state: str | None = None) -> Window:
    """The time that is told of urgent work which begins now, and in which it may be tried again.

    Off-peak it is no longer than that: as long as it is, so short a stop is told nobody.

    Args:
        at: this moment.
        lasts: how long the work takes, as expected.
        levels: the terms of the instances on the server.
        state: whose public holidays are kept.
    """
    closes = at + max(lasts, URGENT_LASTS)
    try:
        off_peak = next_window(at, lasts, levels, state)
    except NeverFits:
        return Window(at, closes)
    return Window(at, min(closes, off_peak.closes) if off_peak.opens <= at else closes)


def is_untouched(
    facts: SystemFacts, versions: Collection[str], old: Mapping[str, str], removals: Collection[str]
) -> bool:
    """Whether an update has changed nothing yet: every package is as it was, none is half done.

    Args:
        facts: of the server now.
        versions: the names of what is installed, as apt tells them.
        old: the versions before it, by such a name; new packages are not in it.
        removals: the names of what is removed.
    """
    now = {name: facts.packages.get(name.partition(":")[0], "") for name in (*versions, *removals)}
    as_before = all(now[name] == old.get(name, "") for name in versions) and all(now[name] for name in removals)
    return as_before and not facts.half_done


def grown_ill(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """What was well before an update and is not after it: by name, what is wrong with it.

    Args:
        before: what was wrong with each instance or unit; "" where it was well.
        after: likewise; one that is missing counts as gone.
    """
    ill = {name: after.get(name, "It is gone.") for name, wrong in before.items() if not wrong}
    return {name: wrong for name, wrong in ill.items() if wrong}
