"""What customers read of a service level: its terms in words, of each what it was and what it will be (P40)."""

from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING, Any

from hosting.templates.wording import WEEKDAYS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hosting.policy.service_levels import TermChange

LABELS = {
    "de": {
        "setup_within": "Bereitstellung innerhalb von",
        "setup_opens": "Bereitstellung ab",
        "setup_closes": "Bereitstellung bis",
        "setup_weekdays": "Bereitstellung an diesen Tagen",
        "setup_on_holidays": "Bereitstellung auch an Feiertagen",
        "availability_percent": "Verfügbarkeit im Jahresmittel",
        "probe_every": "Die Verfügbarkeit wird gemessen alle",
        "backup_every": "Eine Sicherung alle",
        "backup_opens": "Sicherungen beginnen ab",
        "backup_closes": "Nächtliche Sicherungen bis",
        "backup_full_weekday": "Vollsicherung in der Nacht, die beginnt am",
        "backup_weeks_kept": "Sicherungen werden aufbewahrt (Wochen)",
        "rehearse_within_days": "Jede Sicherung wird erprobt innerhalb von (Tagen)",
        "restored_aside_days": "Nach einer Rücksicherung bleibt der alte Stand (Tage)",
        "moved_kept_days": "Nach einem Umzug bleibt der alte Stand (Tage)",
        "move_notice": "Vorlauf bei einem Umzug",
        "move_window": "Dauer eines Umzugsfensters",
        "move_windows_offered": "Vorgeschlagene Umzugstermine",
        "update_notice": "Vorlauf bei Aktualisierungen",
        "update_untold": "Ohne Ankündigung nur Unterbrechungen bis",
        "off_peak_opens": "Nebenzeit beginnt um",
        "off_peak_closes": "Nebenzeit endet um",
        "off_peak_days": "Ganz zur Nebenzeit gehören",
        "off_peak_on_holidays": "Feiertage gehören ganz zur Nebenzeit",
    },
    "en": {
        "setup_within": "Set-up within",
        "setup_opens": "Set-up from",
        "setup_closes": "Set-up until",
        "setup_weekdays": "Set-up on these days",
        "setup_on_holidays": "Set-up on public holidays, too",
        "availability_percent": "Availability, as a yearly mean",
        "probe_every": "Availability is measured every",
        "backup_every": "A backup every",
        "backup_opens": "Backups begin from",
        "backup_closes": "Nightly backups until",
        "backup_full_weekday": "Full backup in the night that begins on",
        "backup_weeks_kept": "Backups are kept (weeks)",
        "rehearse_within_days": "Each backup is rehearsed within (days)",
        "restored_aside_days": "After a restore the old state stays (days)",
        "moved_kept_days": "After a move the old state stays (days)",
        "move_notice": "Notice before a move",
        "move_window": "Length of a window for a move",
        "move_windows_offered": "Times offered for a move",
        "update_notice": "Notice before updates",
        "update_untold": "Unannounced are only interruptions up to",
        "off_peak_opens": "Off-peak time begins at",
        "off_peak_closes": "Off-peak time ends at",
        "off_peak_days": "Wholly off-peak are",
        "off_peak_on_holidays": "Public holidays are wholly off-peak",
    },
}
"""What is not named here is the service's own affair: from which size on a person looks at a backup, and the like."""

YES = {"de": ("nein", "ja"), "en": ("no", "yes")}
NONE = {"de": "keine", "en": "none"}
SPANS = {
    "de": ((86400, "Tag", "Tage"), (3600, "Stunde", "Stunden"), (60, "Minute", "Minuten"), (1, "Sekunde", "Sekunden")),
    "en": ((86400, "day", "days"), (3600, "hour", "hours"), (60, "minute", "minutes"), (1, "second", "seconds")),
}
TWO_DAYS = timedelta(days=2)


def told_changes(changes: Iterable[TermChange], language: str) -> list[tuple[str, str, str]]:
    """Of each term that concerns the customer its words, what it was, and what it will be."""
    labels = LABELS[language]
    return [
        (labels[one.term], shown(one.term, one.before, language), shown(one.term, one.after, language))
        for one in changes
        if one.term in labels
    ]


def shown(term: str, value: Any, language: str) -> str:
    """A term's value in words: "4 Stunden", "24:00 Uhr", "Montag bis …" by their names."""
    match value:
        case bool():
            return YES[language][value]
        case timedelta():
            return span_of(value, language)
        case time():
            return clock(value, language, ends=term.endswith("closes"))
        case tuple():
            return days_of(value, language)
        case float():
            return f"{value:g} %".replace(".", "," if language == "de" else ".")
        case _:
            return WEEKDAYS[language][value] if term.endswith("weekday") else str(value)


def days_of(days: Iterable[int], language: str) -> str:
    """Weekdays by their names."""
    return ", ".join(WEEKDAYS[language][day] for day in days) or NONE[language]


def span_of(value: timedelta, language: str) -> str:
    """A duration in the largest unit in which it is whole; a day is told in hours ("24 Stunden")."""
    seconds = round(value.total_seconds())
    for size, one, many in SPANS[language]:
        if seconds % size == 0 and (size < SPANS[language][0][0] or value >= TWO_DAYS):
            return f"{seconds // size} {one if seconds == size else many}"
    return f"{seconds} s"


def clock(value: time, language: str, *, ends: bool) -> str:
    """A time of the day; 00:00 as an end is 24:00."""
    told = "24:00" if ends and value == time.min else f"{value:%H:%M}"
    return f"{told} Uhr" if language == "de" else told
