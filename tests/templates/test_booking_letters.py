"""Letters about bookings and storage say the same in both languages, in text and HTML (P04 to P07, P25)."""

from __future__ import annotations

import re
from datetime import date
from html import unescape
from typing import Any

import pytest
from jinja2 import UndefinedError

from hosting.policy.booking_changes import ChangeKind
from hosting.policy.terms import LANGUAGES
from hosting.templates.letters import Letter, compose
from hosting.templates.wording import day

COMMON = {"name": "Erika Muster", "order": "A-1001"}
CHANGED = COMMON | {
    "kind": "book accounts",
    "accounts_before": 1,
    "accounts_after": 3,
    "pool_gib_before": 5,
    "pool_gib_after": 15,
    "takes_effect_on": date(2027, 3, 10),
    "bound_until": date(2027, 4, 10),
    "ends": [],
}
LESS = CHANGED | {
    "kind": "cancel accounts",
    "accounts_before": 3,
    "accounts_after": 1,
    "pool_gib_before": 15,
    "pool_gib_after": 5,
    "bound_until": None,
    "ends": [(date(2027, 3, 9), 1), (date(2027, 3, 10), 2)],
}
OVER = COMMON | {"kind": "account", "day": date(2027, 3, 10), "accounts": 2, "pool_gib": 10}
RUNS_ON = OVER | {"users": 2, "used": "7.3 GB"}
FULL = COMMON | {"threshold": 900, "used": "4.6 GB", "pool_gib": 5, "step_gib": 5, "users": [("anna", "3.1 GB")]}
USERS = COMMON | {"users": 4, "accounts": 3}
LETTERS: list[tuple[str, dict[str, Any]]] = [
    ("booking_changed", CHANGED),
    ("booking_changed", LESS),
    ("booking_changed", LESS | {"kind": "cancel contract", "ends": [(date(2027, 3, 10), 1)]}),
    ("booking_changed", CHANGED | {"kind": "withdraw", "bound_until": None}),
    ("booking_ended", OVER),
    ("booking_ended", OVER | {"kind": "storage"}),
    ("booking_runs_on", RUNS_ON),
    ("booking_runs_on", RUNS_ON | {"kind": "storage"}),
    ("storage_warning", FULL),
    ("storage_warning", FULL | {"threshold": 1000, "users": []}),
    ("more_users", USERS),
]
ids = [f"{name} {values.get('kind', values.get('threshold', ''))}".strip() for name, values in LETTERS]


@pytest.mark.parametrize(("name", "values"), LETTERS, ids=ids)
@pytest.mark.parametrize("language", LANGUAGES)
def test_text_and_html_say_the_same_and_fit_a_screen(name: str, values: dict[str, Any], language: str) -> None:
    letter = compose(name, language, values)
    assert numbers(letter.text) == numbers(plain(letter))
    assert max(map(len, letter.text.splitlines())) <= 78
    assert "\n\n\n" not in letter.text.replace("\n\n\n  ", "")
    assert "A-1001" in letter.subject
    assert "Erika Muster" in letter.text


@pytest.mark.parametrize(("name", "values"), LETTERS, ids=ids)
def test_each_value_is_needed(name: str, values: dict[str, Any]) -> None:
    used = {"name", "order"}
    for missing in used:
        with pytest.raises(UndefinedError, match=missing):
            compose(name, "de", {key: value for key, value in values.items() if key != missing})


def test_a_confirmation_tells_before_and_after_and_the_minimum_term() -> None:
    for language, term in (("de", "10. April 2027"), ("en", "10 April 2027")):
        letter = compose("booking_changed", language, CHANGED)
        for told in ("1", "3", "5 GB", "15 GB", term):
            assert told in letter.text


def test_a_cancellation_tells_each_day_and_that_it_is_looked_at_again() -> None:
    german = compose("booking_changed", "de", LESS).text
    assert "1 zum 9. März 2027" in german
    assert "2 zum 10. März 2027" in german
    assert "zurücknehmen" in german
    assert "take the\ncancellation back" in compose("booking_changed", "en", LESS).text


@pytest.mark.parametrize("kind", list(ChangeKind))
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_change_has_its_letter(kind: ChangeKind, language: str) -> None:
    assert compose("booking_changed", language, CHANGED | {"kind": kind.value}).text


def test_a_full_storage_is_told_as_full_and_before_that_in_percent() -> None:
    assert compose("storage_warning", "de", FULL).subject == "Ihr Speicher ist zu 90 Prozent belegt (A-1001)"
    assert compose("storage_warning", "en", FULL | {"threshold": 1000}).subject == "Your storage is full (A-1001)"
    assert "3.1 GB" in compose("storage_warning", "en", FULL).text


def test_days_are_told_as_people_write_them() -> None:
    assert (day(date(2028, 2, 29), "de"), day(date(2028, 2, 29), "en")) == ("29. Februar 2028", "29 February 2028")


def plain(letter: Letter) -> str:
    """What a reader of the HTML letter sees."""
    body = letter.html.split("<h1>", 1)[1].split("</h1>", 1)[1]
    return unescape(re.sub(r"<[^>]+>", " ", body))


def numbers(text: str) -> set[str]:
    """The figures and days of a text."""
    return set(re.findall(r"\d+(?:\.\d+)?", text))
