"""At which moments an operator may have an instance moved: off-peak, and no sooner than was agreed on (P15, P24)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hosting.errors import Refused
from hosting.policy.maintenance import Window, next_window
from hosting.policy.terms import STANDARD, TIME_ZONE

if TYPE_CHECKING:
    from datetime import datetime

    from hosting.policy.terms import Terms

AGREED_ANEW = "Take another moment, or say with --because how the customer agreed to this one, or why it can't wait."


class NotOffPeak(Refused):
    """A move would not begin and end off-peak."""

    def __init__(self, opens: datetime, following: datetime) -> None:
        message = f"{_local(opens)} is not off-peak, up to the end of its time; {_local(following)} would be."
        super().__init__(message, AGREED_ANEW)


class EarlierThanAgreed(Refused):
    """A move would come sooner than was agreed on with the customer."""

    def __init__(self, opens: datetime, agreed: datetime) -> None:
        super().__init__(f"{_local(opens)} is earlier than {_local(agreed)}, which was agreed on.", AGREED_ANEW)


def move_window(
    opens: datetime, terms: Terms = STANDARD, *, agreed: datetime | None = None, because: str = "",
    state: str | None = None,
) -> Window:  # fmt: skip
    """The time that a move has which an operator wants at a moment: it begins within it, or not at all.

    Args:
        opens: the moment.
        terms: of the instance's contract.
        agreed: the moment that stands so far, where one does.
        because: why it may be at any other moment too; how the customer agreed to it, for example.
        state: whose public holidays are off-peak where the terms say so; None keeps none.

    Raises:
        EarlierThanAgreed: it is sooner than what stands.
        NotOffPeak: not all of it is off-peak.
        NeverFits: the terms leave no time that is.
    """
    window = Window(opens, opens + terms.move_window)
    if because.strip():
        return window
    if agreed is not None and opens < agreed:
        raise EarlierThanAgreed(opens, agreed)
    following = next_window(opens, terms.move_window, (terms,), state).opens
    if following > opens:
        raise NotOffPeak(opens, following)
    return window


def _local(moment: datetime) -> str:
    """On the service's own wall clock."""
    return f"{moment.astimezone(ZoneInfo(TIME_ZONE)):%Y-%m-%d %H:%M}"
