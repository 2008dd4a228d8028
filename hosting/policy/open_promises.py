"""How an open promise stands: time left, forecast, and whether a person is needed (P08, P09)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from hosting.policy.business_hours import forecast_setup
from hosting.policy.states import WorkState

if TYPE_CHECKING:
    from hosting.policy.business_hours import ServiceCalendar

EXPECTED = timedelta(minutes=2)
"""How long a set-up is expected to take at most: a run that can't end inside the service hours waits for the next."""


class Outlook(StrEnum):
    """What is to be expected of an open promise."""

    IN_TIME = "in time"
    WILL_MISS = "will miss"
    MISSED = "missed"
    NEEDS_A_PERSON = "needs a person"


@dataclass(frozen=True)
class PromiseStanding:
    """An open promise at a moment.

    Args:
        time_left: service time until it is due; negative by what has passed since.
        ready_at: when it will be ready; None where that depends on a person.
        outlook: in one word.
    """

    time_left: timedelta
    ready_at: datetime | None
    outlook: Outlook


def standing(
    paid_at: datetime,
    now: datetime,
    calendar: ServiceCalendar,
    *,
    promised_by: datetime,
    within: timedelta,
    work: WorkState | None,
) -> PromiseStanding:
    """How the promise of a paid order that isn't open yet stands.

    Args:
        paid_at: the payment's arrival.
        now: the moment of the question.
        calendar: of the order's service level.
        promised_by: as it was recorded when the order was paid.
        within: service time, `setup_within` of the order's terms.
        work: the state of its set-up's work; failed work waits for a person, and so does work that isn't there.
    """
    left = calendar.time_left(now, promised_by)
    forecast = forecast_setup(paid_at, now, EXPECTED, calendar, within)
    waits = work not in {WorkState.OPEN, WorkState.DISPATCHED}
    ready_at = None if waits else forecast.ready_at
    if now > promised_by:
        outlook = Outlook.MISSED
    elif waits:
        outlook = Outlook.NEEDS_A_PERSON
    else:
        outlook = Outlook.WILL_MISS if forecast.ready_at > promised_by else Outlook.IN_TIME
    return PromiseStanding(left, ready_at, outlook)
