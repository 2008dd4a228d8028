"""The letter after a restore on another server: the new address, what became of the old one, of when the state is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hosting.policy.terms import LANGUAGES
from hosting.templates.letters import compose
from hosting.templates.wording import moment

AT = datetime(2026, 12, 1, 2, 30, tzinfo=UTC)
RESTORED = {
    "name": "Erika Muster", "order": "A-1001", "url": "https://app2.phlymail.test/k3v9q2/",
    "old_url": "https://app1.phlymail.test/k3v9q2/",
}  # fmt: skip
LOST = {"de": "ausgefallen", "en": "lost"}
KEPT = {"de": "gilt weiter", "en": "goes on working"}


@pytest.mark.parametrize("passed_on", [True, False])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_letter_tells_the_moment_and_what_became_of_the_old_address(language: str, passed_on: bool) -> None:
    letter = compose("restored", language, RESTORED | {"at": moment(AT, language), "passed_on": passed_on})
    for text in (letter.text, letter.html):
        for value in (*RESTORED.values(), moment(AT, language)):
            assert str(value) in text + letter.subject
        assert (KEPT[language] in text, LOST[language] in text) == (passed_on, not passed_on)
    assert max(map(len, letter.text.splitlines())) <= 78
