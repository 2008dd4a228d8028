"""What is agreed on with a customer before his instance moves: times, how long he may answer, what if he doesn't (P24).

An offer's link lives until the notice is over, and no window opens before that: whenever he answers, every window that
was offered still lies ahead.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hosting.errors import Refused
from hosting.policy.fresh_backups import FRESH
from hosting.policy.maintenance import Window, is_off_peak_day, off_peak_windows
from hosting.policy.months import day_of, start_of
from hosting.policy.move_turns import TURN
from hosting.policy.terms import STANDARD, TIME_ZONE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date

    from hosting.policy.terms import Terms

DAYTIME_OPENS, DAYTIME_CLOSES = time(10, 0), time(16, 0)
"""On days that are wholly off-peak one window that opens between is offered, for those who work in the evening."""

SEARCH_DAYS = 60
"""How far ahead windows are looked for."""

WORDS_MOST = 500
"""So many characters a customer may say with his answer."""

HARMFUL = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Signs that nobody sees, or that turn and break what is read."""


class WithoutAnswer(StrEnum):
    """What happens where a customer does not answer; in both cases the operator is told."""

    NOTHING = "nothing"
    MOVE = "move"


class Answer(StrEnum):
    """What a customer can say to an offer."""

    ACCEPT = "accept"
    OTHERS = "others"
    DECLINE = "decline"


class Due(StrEnum):
    """What is to be done about an offer that nobody has answered."""

    WAIT = "wait"
    REMIND = "remind"
    CLOSE = "close"


class NoWindow(Refused):
    """There is no off-peak time in which a move could be offered."""


@dataclass(frozen=True)
class Times:
    """What is offered, and when.

    Args:
        windows: at least one, the first first.
        remind_at: when somebody who has not answered is reminded.
        answer_by: the end of the link; no window opens before it.
    """

    windows: tuple[Window, ...]
    remind_at: datetime
    answer_by: datetime


def times_to_offer(
    now: datetime, terms: Terms = STANDARD, not_before: datetime | None = None,
    is_free: Callable[[datetime], bool] = lambda _: True, state: str | None = None,
) -> Times:  # fmt: skip
    """The windows that a customer is offered: the next evenings, and the next day by day that is wholly off-peak.

    Args:
        now: when the offer is made.
        terms: of his contract.
        not_before: no window opens before this, as for somebody who has asked for other times.
        is_free: whether a move that begins at a moment does not meet too many others on a server.
        state: whose public holidays are off-peak where the terms say so; None keeps none.

    Raises:
        NoWindow: the terms, and what others were offered, leave none within 60 days.
    """
    now = now.astimezone(UTC).replace(microsecond=0)
    answer_by = now + terms.move_notice
    earliest = max(answer_by, not_before or answer_by).astimezone(UTC)
    by_day_at, at_night = (
        _each_turn(DAYTIME_OPENS, DAYTIME_CLOSES),
        _each_turn(terms.off_peak_opens, terms.backup_opens),
    )
    offered = partial(_fitting, earliest, terms, state, is_free)
    by_day = next(offered(openings=by_day_at, suits=lambda day: is_off_peak_day(day, terms, state)), None)
    evenings = offered(openings=at_night, suits=_has_a_fresh_backup)
    found = list(islice(evenings, terms.move_windows_offered - (by_day is not None))) + ([by_day] if by_day else [])
    if not found:
        message = f"The terms, and what others were offered, leave no off-peak time of {terms.move_window} for a move."
        raise NoWindow(message, "Correct the service level's off-peak times, or agree on a time by phone.")
    return Times(tuple(sorted(found, key=lambda one: one.opens)), now + terms.move_reminder_after, answer_by)


def window_at(opens: datetime, terms: Terms = STANDARD) -> Window:
    """The window that begins at a moment which was agreed on in another way, by phone for example."""
    opens = opens.astimezone(UTC)
    return Window(opens, opens + terms.move_window)


def is_wholly_off_peak(window: Window, terms: Terms = STANDARD, state: str | None = None) -> bool:
    """Whether every moment of a window is off-peak; `state` as in `times_to_offer`."""
    found = next(off_peak_windows(window.opens, terms, state))
    return found.holds(window.opens) and window.closes <= found.closes


def keeps_notice(windows: Sequence[Window], now: datetime, terms: Terms = STANDARD) -> bool:
    """Whether windows still lie as far ahead as the notice asks: else they are chosen anew before they are told."""
    return all(window.opens >= now + terms.move_notice for window in windows)


def due_now(remind_at: datetime, answer_by: datetime, now: datetime) -> Due:
    """What is to be done about an open offer; at the end of its life it is closed."""
    if now >= answer_by:
        return Due.CLOSE
    return Due.REMIND if now >= remind_at else Due.WAIT


def window_without_answer(windows: Sequence[Window], without_answer: WithoutAnswer, now: datetime) -> Window | None:
    """The window that holds where nobody answered: the first one ahead if that was told so, else none."""
    if without_answer is WithoutAnswer.NOTHING:
        return None
    return next((window for window in windows if window.opens >= now), None)


def plain_words(text: str) -> str:
    """A customer's own words in one line, as letters and the console show them; cut where too long."""
    shown = "".join(" " if unicodedata.category(sign) in HARMFUL else sign for sign in text)
    return " ".join(shown.split())[:WORDS_MOST]


def _fitting(
    earliest: datetime, terms: Terms, state: str | None, is_free: Callable[[datetime], bool],
    *, openings: Sequence[time], suits: Callable[[date], bool],
) -> Iterator[Window]:  # fmt: skip
    """Of each day that suits and lies wholly after a moment the first window that is free, wholly off-peak."""
    for ahead in range(SEARCH_DAYS):
        day = day_of(earliest) + timedelta(days=ahead)
        windows = [window_at(datetime.combine(day, opens, ZoneInfo(TIME_ZONE)), terms) for opens in openings]
        if suits(day) and windows[0].opens >= earliest:
            free = (one for one in windows if is_wholly_off_peak(one, terms, state) and is_free(one.opens))
            yield from islice(free, 1)


def _each_turn(opens: time, closes: time) -> list[time]:
    """From a time of the day to before another, turn by turn; the first in any case."""
    day = datetime(2000, 1, 1)  # noqa: DTZ001  # times on the wall of any day
    first, last = datetime.combine(day, opens), datetime.combine(day, closes)
    return [opens, *((first + at * TURN).time() for at in range(1, max(1, -(-(last - first) // TURN))))]


def _has_a_fresh_backup(day: date) -> bool:
    """Whether last night's backup still lets a move begin in a day's evening: not where the day has 25 hours."""
    return start_of(day + timedelta(days=1)) - start_of(day) <= FRESH
