from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hosting.policy.business_hours import ServiceCalendar, ServiceHours, promised_by
from hosting.policy.open_promises import EXPECTED, Outlook, standing
from hosting.policy.states import WorkState
from hosting.policy.terms import STANDARD

BERLIN = ZoneInfo("Europe/Berlin")
CALENDAR = ServiceCalendar(ServiceHours.of_terms(STANDARD, BERLIN), "BE")
PAID = datetime(2026, 11, 23, 10, 0, tzinfo=BERLIN)
PROMISED = promised_by(PAID, CALENDAR, STANDARD.setup_within)


@pytest.mark.parametrize(
    ("at", "work", "outlook", "left"),
    [
        ("2026-11-23T10:00", WorkState.OPEN, Outlook.IN_TIME, timedelta(hours=8)),
        ("2026-11-23T17:58", WorkState.DISPATCHED, Outlook.IN_TIME, timedelta(minutes=2)),
        ("2026-11-23T17:59", WorkState.OPEN, Outlook.WILL_MISS, timedelta(minutes=1)),
        ("2026-11-23T18:30", WorkState.OPEN, Outlook.MISSED, -timedelta(minutes=30)),
        ("2026-11-23T18:30", WorkState.FAILED, Outlook.MISSED, -timedelta(minutes=30)),
        ("2026-11-23T12:00", WorkState.FAILED, Outlook.NEEDS_A_PERSON, timedelta(hours=6)),
        ("2026-11-23T12:00", None, Outlook.NEEDS_A_PERSON, timedelta(hours=6)),
    ],
)
def test_outlook(at: str, work: WorkState | None, outlook: Outlook, left: timedelta) -> None:
    now = datetime.fromisoformat(at).replace(tzinfo=BERLIN)
    stands = standing(PAID, now, CALENDAR, promised_by=PROMISED, within=STANDARD.setup_within, work=work)
    assert (stands.outlook, stands.time_left) == (outlook, left)
    waits = work in {WorkState.FAILED, None}
    assert stands.ready_at == (None if waits else CALENDAR.add(now, EXPECTED))
