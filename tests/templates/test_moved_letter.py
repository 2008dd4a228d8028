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
RECORD = {"server": "app2.phlymail.test", "address": "192.0.2.2"}
RIGHT = RECORD | {"domains": []}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_letter_tells_both_addresses_and_the_stop_in_text_and_html(language: str) -> None:
    letter = compose("moved", language, MOVED | RIGHT | {"at": moment(AT, language)})
    for value in (*MOVED.values(), moment(AT, language)):
        assert str(value) in letter.text + letter.subject
        assert str(value) in letter.html + letter.subject
    assert max(map(len, letter.text.splitlines())) <= 78


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_stop_that_nobody_saw_is_not_told(language: str) -> None:
    letter = compose("moved", language, MOVED | RIGHT | {"at": moment(AT, language), "stop_seconds": 0})
    for text in (letter.text, letter.html):
        assert "Sekunden" not in text
        assert "seconds" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_whose_own_domain_leads_to_the_old_server_reads_which_record_to_set(language: str) -> None:
    at = {"at": moment(AT, language)}
    right = compose("moved", language, MOVED | RIGHT | at)
    astray = compose("moved", language, MOVED | RECORD | at | {"domains": ["mail.müller.example"]})
    for text in (astray.text, astray.html):
        assert "mail.müller.example" in text
        assert "CNAME" in text
        assert RECORD["server"] in text
        assert RECORD["address"] in text
    assert "CNAME" not in right.text + right.html
    assert max(map(len, astray.text.splitlines())) <= 78
    assert "\n\n\n" not in astray.text + right.text


@pytest.mark.parametrize(("language", "number"), [(language, number) for language in LANGUAGES for number in (1, 2, 3)])
def test_reminders_tell_the_record_and_which_of_them_is_the_last(language: str, number: int) -> None:
    values = RECORD | {
        "name": "Erika Muster", "order": "A-1001", "host": "mail.müller.example", "url": "https://mail.müller.example/",
        "long_form": "https://app2.phlymail.test/k3v9q2/", "number": number, "last": number == 3,
    }  # fmt: skip
    letter = compose("domain_moved", language, values)
    for text in (letter.text, letter.html):
        for key in ("host", "server", "address", "long_form"):
            assert str(values[key]) in text
        assert (("letzte Erinnerung" in text) or ("last reminder" in text)) is (number == 3)
    assert letter.subject.startswith(
        {1: ("Ihre", "Your"), 2: ("Erinnerung", "Reminder"), 3: ("Letzte", "Last")}[number]
    )
    assert max(map(len, letter.text.splitlines())) <= 78
    assert "\n\n\n" not in letter.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_earlier_state_is_told_with_its_moment_and_how_long_the_rest_is_kept(language: str) -> None:
    given = MOVED | RECORD | {
        "at": moment(AT, language), "domains": ["mail.müller.example"], "days": 7,
        "state_of": moment(AT.replace(hour=9), language),
    }  # fmt: skip
    letter = compose("moved_to_kept", language, given)
    for text in (letter.text, letter.html):
        for key in ("url", "old_url", "at", "state_of", "server", "address"):
            assert str(given[key]) in text
        assert "mail.müller.example" in text
        assert "7 " in text
    assert max(map(len, letter.text.splitlines())) <= 78
    assert "\n\n\n" not in letter.text
