"""The letters before a move: times and link, what was agreed on, that it is off; text and HTML say the same (P24)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import unescape
from itertools import product

import pytest

from hosting.policy.terms import LANGUAGES
from hosting.templates.letters import compose
from hosting.templates.wording import moment, span, stop

AT = datetime(2026, 12, 31, 21, 0, tzinfo=UTC)
WINDOW = (AT, AT + timedelta(hours=2))
URL = "https://service.phlymail.test/agreement/17-1764610200-" + "x" * 43


def values(language: str, **changes: object) -> dict[str, object]:
    return {
        "name": "Erika & Muster", "order": "A-1001", "windows": [span(*WINDOW, language), span(AT, AT, language)],
        "window": span(*WINDOW, language), "stop": stop(3, language), "url": URL, "answer_by": moment(AT, language),
        "moves_without_answer": False, "reminder": False, "again": False, "by_silence": False, **changes,
    }  # fmt: skip


@pytest.mark.parametrize(("language", "letter"), [*product(LANGUAGES, ("move_offer", "move_agreed", "move_off"))])
def test_text_and_html_tell_the_same(language: str, letter: str) -> None:
    for reminder, silent in product((False, True), (False, True)):
        given = values(language, reminder=reminder, by_silence=silent, moves_without_answer=silent)
        made = compose(letter, language, given)
        told = [
            "name",
            *{"move_offer": ["stop", "url", "answer_by"], "move_agreed": ["stop", "window"], "move_off": ["window"]}[
                letter
            ],
        ]
        for key in told:
            assert str(given[key]) in made.text
            assert str(given[key]) in unescape(made.html)
        assert "A-1001" in made.subject
        assert max(len(line) for line in made.text.splitlines() if URL not in line) <= 78
        assert "\n\n\n" not in made.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_offer_says_what_happens_without_an_answer(language: str) -> None:
    waits = compose("move_offer", language, values(language))
    moves = compose("move_offer", language, values(language, moves_without_answer=True))
    first = str(span(*WINDOW, language))
    assert (waits.text.count(first), moves.text.count(first)) == (1, 2)
    assert compose("move_offer", language, values(language, reminder=True)).subject != waits.subject


def test_times_and_stops_are_told_as_people_say_them() -> None:
    assert span(*WINDOW, "de") == "Donnerstag, 31. Dezember 2026, 22:00 bis 24:00 Uhr"
    assert span(*WINDOW, "en") == "Thursday, 31 December 2026, 22:00 to 24:00 (CET)"
    assert [stop(seconds, "en") for seconds in (0.5, 10, 11, 60, 61, 600)] == [
        "a few seconds", "a few seconds", "less than a minute", "less than a minute", "about 2 minutes", "about 10 minutes",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="time zone"):
        span(datetime(2026, 1, 1), AT, "de")  # noqa: DTZ001  # on purpose
