"""Letters about rents and suspensions say the same in both languages, in text and HTML (P41)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from hosting.policy.terms import LANGUAGES
from hosting.templates.letters import compose
from tests.templates.test_booking_letters import numbers, plain

COMMON = {"name": "Erika Muster", "order": "A-1001"}
FIRST = COMMON | {"owed": [date(2026, 12, 1)], "again": False, "suspends_at": None}
AGAIN = FIRST | {"again": True, "owed": [date(2026, 12, 1), date(2027, 1, 1)]}
NAMED = AGAIN | {"suspends_at": datetime(2026, 12, 23, 9, tzinfo=UTC)}
LETTERS: list[tuple[str, dict[str, Any]]] = [
    ("rent_overdue", FIRST),
    ("rent_overdue", AGAIN),
    ("rent_overdue", NAMED),
    ("suspended", COMMON | {"for_rent": True}),
    ("suspended", COMMON | {"for_rent": False}),
    ("resumed", COMMON | {"for_rent": True}),
    ("resumed", COMMON | {"for_rent": False}),
]


@pytest.mark.parametrize(("name", "values"), LETTERS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_text_and_html_say_the_same_and_fit_a_screen(name: str, values: dict[str, Any], language: str) -> None:
    letter = compose(name, language, values)
    assert numbers(letter.text) == numbers(plain(letter))
    assert max(map(len, letter.text.splitlines())) <= 78
    assert "\n\n\n" not in letter.text
    assert letter.subject.endswith("(A-1001)")
    assert "Erika Muster" in letter.text


def test_each_rung_has_a_subject_of_its_own_and_only_the_last_one_names_a_moment() -> None:
    subjects = [compose("rent_overdue", "de", values).subject for values in (FIRST, AGAIN, NAMED)]
    assert len(set(subjects)) == 3
    assert "Mittwoch, 23. Dezember 2026, 10:00 Uhr" in compose("rent_overdue", "de", NAMED).text
    assert "fällig am 1. Januar 2027" in compose("rent_overdue", "de", AGAIN).text
    assert "sperren" not in compose("rent_overdue", "de", AGAIN).text
    assert "Wednesday, 23 December 2026, 10:00 (CET)" in compose("rent_overdue", "en", NAMED).text


def test_who_is_suspended_for_another_reason_reads_nothing_of_a_rent() -> None:
    for language, word in (("de", "Miete"), ("en", "rent")):
        assert word in compose("suspended", language, COMMON | {"for_rent": True}).text
        assert word not in compose("suspended", language, COMMON | {"for_rent": False}).text
