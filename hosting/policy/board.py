"""The board: what an operator has to see at a glance, what of it needs a hand, and how much of it is shown.

A part of the board is a section of lines. Each line says what it is about and how it stands, and names the command that
deals with it, and the run where one is at it. Most urgent lines come first; what does not fit is counted, never lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hosting.policy.findings import shown
from hosting.policy.terms import TIME_ZONE

if TYPE_CHECKING:
    from collections.abc import Iterable

LINES_MOST = 8
"""So many lines of a section are shown; the command of the section lists all."""

TOLD_MOST = 240
"""Characters of a line's sentence: what customers and programs wrote may be long."""

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Urgency(StrEnum):
    """Whether something waits for a person, may soon, or goes its way."""

    HAND = "needs a hand"
    WATCH = "watch"
    CALM = "in order"


RANK = {urgency: place for place, urgency in enumerate(Urgency)}


@dataclass(frozen=True)
class Line:
    """One thing on the board.

    Args:
        what: it is about: an order's reference, an instance's name, a case's number.
        word: how it stands, in a word or two.
        told: the same in a sentence.
        urgency: whether a person is needed.
        do: the console's command that shows or settles it.
        run: the id of its run in Prefect; empty where there is none.
        at: the moment by which lines of the same urgency are put in order, the earliest first.
    """

    what: str
    word: str
    told: str
    urgency: Urgency
    do: str
    run: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Section:
    """A part of the board.

    Args:
        key: stable; the page's anchor, and the key in JSON.
        title: its heading.
        command: lists all of it.
        lines: the most urgent ones.
        more: so many lines are not shown.
        hands: so many of all need a hand.
        watched: so many of all are to be watched.
        note: a sentence about the whole.
        error: why it could not be read; nothing is known of it then.
    """

    key: str
    title: str
    command: str
    lines: tuple[Line, ...] = ()
    more: int = 0
    hands: int = 0
    watched: int = 0
    note: str = ""
    error: str = ""

    @property
    def urgency(self) -> Urgency:
        """The gravest of its lines; what could not be read needs a hand."""
        if self.error or self.hands:
            return Urgency.HAND
        return Urgency.WATCH if self.watched else Urgency.CALM


@dataclass(frozen=True)
class Board:
    """All parts as they stood at a moment."""

    at: datetime
    sections: tuple[Section, ...]

    @property
    def waiting(self) -> tuple[Section, ...]:
        """The parts in which something needs a hand."""
        return tuple(one for one in self.sections if one.urgency is Urgency.HAND)

    @property
    def needs_a_hand(self) -> bool:
        """Whether a person is needed anywhere."""
        return bool(self.waiting)

    @property
    def sentence(self) -> str:
        """The whole in one sentence."""
        if not self.needs_a_hand:
            return "Nothing needs a hand."
        said = (f"{one.title} ({'not read' if one.error else one.hands})" for one in self.waiting)
        return f"Needs a hand: {', '.join(said)}."


def section(key: str, title: str, command: str, lines: Iterable[Line], *, note: str = "", beyond: int = 0) -> Section:
    """A section of these lines: the most urgent ones first, the others counted.

    Args:
        key: as `Section.key`.
        title: its heading.
        command: lists all.
        lines: all of them, or the most urgent ones.
        note: about the whole.
        beyond: so many more there are which all need a hand, and were not even read.
    """
    ordered = sorted(lines, key=lambda one: (RANK[one.urgency], one.at or datetime.max.replace(tzinfo=ZoneInfo("UTC"))))
    hands = sum(one.urgency is Urgency.HAND for one in ordered) + beyond
    watched = sum(one.urgency is Urgency.WATCH for one in ordered)
    more = max(0, len(ordered) - LINES_MOST) + beyond
    return Section(key, title, command, tuple(ordered[:LINES_MOST]), more, hands, watched, note)


def unread(key: str, title: str, command: str, sentence: str) -> Section:
    """A section that could not be read, with the reason in one sentence."""
    return Section(key, title, command, error=clipped(sentence))


def clipped(text: str) -> str:
    """A text for the board: one line, printable, of bounded length."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= TOLD_MOST else line[: TOLD_MOST - 1] + "…"


def named(text: str) -> str:
    """A name that others chose, as the board shows it."""
    return shown(text) or "(no name)"


def length(time: timedelta) -> str:
    """A duration as people say it: its two largest units, down to the minute."""
    minutes = int(abs(time) / MINUTE)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {rest:02d} min"
    return f"{rest} min"


def ago(moment: datetime, now: datetime) -> str:
    """How long something has been so: "3 h 05 min ago"."""
    return "just now" if now - moment < MINUTE else f"{length(now - moment)} ago"


def clock(moment: datetime) -> str:
    """A moment on the service's own wall clock, with its weekday: "Fri 27 Nov, 18:00"."""
    local = moment.astimezone(ZoneInfo(TIME_ZONE))
    return f"{local:%a} {local.day} {local:%b, %H:%M}"


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 instance", "2 instances"."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def gravest(*found: Urgency) -> Urgency:
    """The gravest of these."""
    return min(found, key=RANK.__getitem__, default=Urgency.CALM)
