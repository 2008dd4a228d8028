"""The letter after a move: the new address, the old one that stays, and how long nobody was served (P10, P24)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hosting.policy.terms import LANGUAGES
from hosting.templates.letters import compose
from hosting.templates.wording import moment

AT = datetime(2026, 12, 1, 22, 30, tzinfo=UTC)
MOVED = {
    "name": "Erika Muster", "order": "A-1001", "url": "https://app2.phlymail.test/k3v9q2/",
    "old_url": "https://app1.phlymail.test/k3v9q2/", "stop_seconds": 2,
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_letter_tells_both_addresses_and_the_stop_in_text_and_html(language: str) -> None:
    letter = compose("moved", language, MOVED | {"at": moment(AT, language)})
    for value in (*MOVED.values(), moment(AT, language)):
        assert str(value) in letter.text + letter.subject
        assert str(value) in letter.html + letter.subject
    assert max(map(len, letter.text.splitlines())) <= 78


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_stop_that_nobody_saw_is_not_told(language: str) -> None:
    letter = compose("moved", language, MOVED | {"at": moment(AT, language), "stop_seconds": 0})
    for text in (letter.text, letter.html):
        assert "Sekunden" not in text
        assert "seconds" not in text
