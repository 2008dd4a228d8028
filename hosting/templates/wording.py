"""Moments as people read them, in the languages of the letters and the zone of the service."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hosting.policy.terms import TIME_ZONE

if TYPE_CHECKING:
    from datetime import date, datetime

WEEKDAYS = {
    "de": ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
MONTHS = {
    "de": ("Januar", "Februar", "März", "April", "Mai", "Juni",
           "Juli", "August", "September", "Oktober", "November", "Dezember"),
    "en": ("January", "February", "March", "April", "May", "June",
           "July", "August", "September", "October", "November", "December"),
}  # fmt: skip
FORMS = {
    "de": "{weekday}, {local.day}. {month} {local.year}, {local:%H:%M} Uhr",
    "en": "{weekday}, {local.day} {month} {local.year}, {local:%H:%M} ({local:%Z})",
}


DAYS = {"de": "{day.day}. {month} {day.year}", "en": "{day.day} {month} {day.year}"}


def day(at: date, language: str) -> str:
    """A day: "6. März 2026", "6 March 2026"."""
    return DAYS[language].format(day=at, month=MONTHS[language][at.month - 1])


SPANS = {
    "de": "{weekday}, {local.day}. {month} {local.year}, {local:%H:%M} bis {until} Uhr",
    "en": "{weekday}, {local.day} {month} {local.year}, {local:%H:%M} to {until} ({local:%Z})",
}
STOPS = {
    "de": ("wenige Sekunden", "weniger als eine Minute", "etwa {minutes} Minuten"),
    "en": ("a few seconds", "less than a minute", "about {minutes} minutes"),
}
A_FEW_SECONDS, A_MINUTE = 10, 60
GIGA = 1024


def span(opens: datetime, closes: datetime, language: str) -> str:
    """A time to the minute: "Freitag, 6. März 2026, 22:00 bis 24:00 Uhr"; the day is the one on which it opens.

    Raises:
        ValueError: a naive datetime.
    """
    if opens.tzinfo is None or closes.tzinfo is None:
        raise ValueError("A moment needs its time zone.")
    local, end = opens.astimezone(ZoneInfo(TIME_ZONE)), closes.astimezone(ZoneInfo(TIME_ZONE))
    weekday, month = WEEKDAYS[language][local.weekday()], MONTHS[language][local.month - 1]
    until = f"{end:%H:%M}".replace("00:00", "24:00")
    return SPANS[language].format(weekday=weekday, month=month, local=local, until=until)


def stop(seconds: float, language: str) -> str:
    """How long something will be closed, as people say it: "wenige Sekunden", "about 4 minutes"."""
    few, short, longer = STOPS[language]
    if seconds <= A_FEW_SECONDS:
        return few
    return short if seconds <= A_MINUTE else longer.format(minutes=math.ceil(seconds / A_MINUTE))


def moment(at: datetime, language: str) -> str:
    """A moment to the minute: "Freitag, 6. März 2026, 18:30 Uhr", "Friday, 6 March 2026, 18:30 (CET)".

    Raises:
        ValueError: a naive datetime.
    """
    if at.tzinfo is None:
        raise ValueError("A moment needs its time zone.")
    local = at.astimezone(ZoneInfo(TIME_ZONE))
    weekday, month = WEEKDAYS[language][local.weekday()], MONTHS[language][local.month - 1]
    return FORMS[language].format(weekday=weekday, month=month, local=local)


def size(count: int, language: str) -> str:
    """So many bytes as people say it: "3,4 MB", "12.0 GB"; a MB is a MiB, as with what is booked (P04)."""
    value, unit = count / 2**20, "MB"
    if value >= GIGA:
        value, unit = value / GIGA, "GB"
    said = f"{max(value, 0.1):.1f} {unit}"
    return said.replace(".", ",") if language == "de" else said
