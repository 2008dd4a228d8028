"""Figures of availability as people read them, in the languages of the reports (P11)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hosting.policy.availability_year import shown_percent
from hosting.policy.outage_causes import Cause
from hosting.policy.terms import TIME_ZONE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime


ZONE = ZoneInfo(TIME_ZONE)
NONE = "\N{EN DASH}"
"""Where there is no figure."""

CAUSES: Mapping[str, Mapping[Cause, str]] = {
    "de": {
        Cause.SUSPENDED: "gesperrt",
        Cause.RESTORE: "Wiederherstellung aus der Sicherung",
        Cause.MOVE: "Umzug auf einen anderen Server",
        Cause.IMPORT: "Übernahme Ihrer Daten",
        Cause.UPDATE: "Aktualisierung von phlyMail",
        Cause.PLANNED: "Wartung des Servers",
        Cause.OURS: "Störung des Servers",
        Cause.CUSTOMERS_DNS: "DNS-Eintrag Ihrer Domain",
        Cause.WAY_OUT: "Weg von außen zum Rechenzentrum",
        Cause.UNKNOWN: "nicht bekannt",
    },
    "en": {
        Cause.SUSPENDED: "suspended",
        Cause.RESTORE: "restored from its backup",
        Cause.MOVE: "move to another server",
        Cause.IMPORT: "your data were taken over",
        Cause.UPDATE: "update of phlyMail",
        Cause.PLANNED: "maintenance of the server",
        Cause.OURS: "fault of the server",
        Cause.CUSTOMERS_DNS: "DNS record of your domain",
        Cause.WAY_OUT: "way from outside to the data centre",
        Cause.UNKNOWN: "not known",
    },
}
"""What a cause is called to a customer."""

SHORT_DAYS = {"de": "{at:%d.%m.%Y}", "en": "{at:%Y-%m-%d}"}
SHORT_MONTHS = {
    "de": ("Jan", "Feb", "Mär", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}


def percent(share: float | None, language: str) -> str:
    """A share, rounded down: "99,987 %", "99.987 %"; a dash where there is none."""
    shown = shown_percent(share)
    return NONE if share is None else f"{decimal(shown, language)} %"


def promised(share: float, language: str) -> str:
    """What is promised, as it was agreed: "99,6 %"."""
    return f"{decimal(f'{round(share, 6):g}', language)} %"


def unmeasured(share: float, language: str) -> str:
    """A share of time without measurement; more than nothing is never shown as nothing."""
    return f"{decimal(f'{max(share, 0.01) if share else 0:.2f}', language)} %"


def decimal(number: str, language: str) -> str:
    """A number with the mark of its language."""
    return number.replace(".", ",") if language == "de" else number


def duration(length: timedelta) -> str:
    """A time to the second: "35 h 2 min 24 s", "45 s"; alike in both languages."""
    seconds = round(abs(length).total_seconds())
    parts = [(seconds // 3600, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    told = " ".join(f"{number} {unit}" for number, unit in parts if number)
    return ("\N{MINUS SIGN}" if length < timedelta(0) else "") + (told or "0 s")


def short_day(day: date, language: str) -> str:
    """A day in a table: "06.03.2026", "2026-03-06"."""
    return SHORT_DAYS[language].format(at=day)


def short_moment(at: datetime, language: str) -> str:
    """A moment in a table, to the second, in Berlin; the hour that comes twice in autumn says which one it is."""
    local = at.astimezone(ZONE)
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return f"{short_day(local, language)}, {local:%H:%M:%S}{f' {local:%Z}' if twice else ''}"
