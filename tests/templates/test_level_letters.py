"""Letters about service levels say the same in both languages, in text and HTML (P40)."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, time, timedelta
from typing import Any

import pytest

from hosting.policy.service_levels import changes
from hosting.policy.terms import LANGUAGES, STANDARD, Terms, terms_with
from hosting.templates.letters import compose
from hosting.templates.level_wording import LABELS, shown, told_changes
from tests.templates.test_booking_letters import numbers, plain

GOLD = terms_with({
    "availability_percent": 99.95, "backup_every": 4, "probe_every": "30s", "setup_closes": "00:00",
    "setup_weekdays": [0, 5], "setup_on_holidays": True, "update_notice": "7d", "backup_small_grown_mib": 7,
})  # fmt: skip
HOUR = timedelta(hours=1)


def values(language: str, after: Terms = GOLD, **more: Any) -> dict[str, Any]:
    told = told_changes(changes(STANDARD, after), language)
    return {
        "name": "Erika Muster", "order": "A-1001", "from_day": date(2027, 1, 1), "level": "gold", "changes": told, **more,
    }  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("level", ["gold", None])
@pytest.mark.parametrize("letter", ["level_agreed", "level_off"])
def test_text_and_html_say_the_same_and_fit_a_screen(letter: str, level: str | None, language: str) -> None:
    made = compose(letter, language, values(language, level=level))
    assert numbers(made.text) == numbers(plain(made))
    assert max(map(len, made.text.splitlines())) <= 78
    assert "\n\n\n" not in made.text
    assert "A-1001" in made.subject


def test_what_changes_is_told_in_the_customers_words_and_nothing_of_what_is_ours() -> None:
    german = " ".join(compose("level_agreed", "de", values("de")).text.split())
    assert "Ab dem 1. Januar 2027 gilt für Ihren Vertrag A-1001 die Service-Stufe gold." in german
    assert "Verfügbarkeit im Jahresmittel: bisher 99,6 %, dann 99,95 %" in german
    assert "Eine Sicherung alle: bisher 24 Stunden, dann 4 Stunden" in german
    assert "Die Verfügbarkeit wird gemessen alle: bisher 1 Minute, dann 30 Sekunden" in german
    assert "Bereitstellung bis: bisher 19:00 Uhr, dann 24:00 Uhr" in german
    assert "Bereitstellung auch an Feiertagen: bisher nein, dann ja" in german
    assert "Vorlauf bei Aktualisierungen: bisher 3 Tage, dann 7 Tage" in german
    assert "dann Montag, Samstag" in german
    assert "MiB" not in german
    english = " ".join(compose("level_agreed", "en", values("en")).text.split())
    assert "A backup every: so far 24 hours, then 4 hours" in english
    assert "as a yearly mean: so far 99.6 %, then 99.95 %" in english


def test_back_to_the_standard_level_names_the_service_description() -> None:
    assert "was in der Leistungsbeschreibung steht" in compose("level_agreed", "de", values("de", level=None)).text


def test_a_level_that_changes_only_what_is_ours_says_so() -> None:
    ours = values("de", replace(STANDARD, backup_small_grown_mib=7))
    assert "ändert sich dadurch nichts" in compose("level_agreed", "de", ours).text


def test_both_languages_name_the_same_terms_and_only_such_as_there_are() -> None:
    assert set(LABELS["de"]) == set(LABELS["en"]) <= {field.name for field in fields(Terms)}
    for name in LABELS["de"]:
        assert shown(name, getattr(STANDARD, name), "en")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (HOUR, "1 hour"),
        (48 * HOUR, "2 days"),
        (36 * HOUR, "36 hours"),
        (90 * HOUR / 60, "90 minutes"),
        (HOUR / 3600, "1 second"),
    ],
)
def test_durations_are_told_in_the_largest_unit_in_which_they_are_whole(value: timedelta, told: str) -> None:
    assert shown("update_notice", value, "en") == told


def test_midnight_as_an_end_is_twenty_four_hours() -> None:
    assert (shown("setup_closes", time(0), "de"), shown("setup_opens", time(0), "de")) == ("24:00 Uhr", "00:00 Uhr")
    assert shown("off_peak_days", (), "en") == "none"
