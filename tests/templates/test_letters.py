from __future__ import annotations

import re
from datetime import UTC, datetime
from email.message import EmailMessage
from html import unescape

import pytest
from jinja2 import UndefinedError

from hosting.policy.terms import LANGUAGES
from hosting.templates import render
from hosting.templates.letters import compose
from hosting.templates.wording import moment

READY = {
    "name": "Jürgen <b>Groß</b>",
    "order": "A-1001",
    "url": "https://app1.phlymail.test/k3v9/",
    "administration_url": "https://app1.phlymail.test/k3v9/config.php",
    "webdav_url": "https://app1.phlymail.test/k3v9/webdav.php/",
    "administrator": "admin",
    "access_url": "https://shop.phlymail.test/access/TOKEN",
    "access_days": 14,
    "accounts": 3,
    "storage_gib": 25,
}
FAILED = {
    "job": "set-up failed",
    "subject": "order A-1001",
    "what": "app1 does not answer.",
    "do": "Look at the server.",
    "run": "1f0c",
    "at": "2026-03-02 10:15:00 CET",
}
MENTIONED = (
    "url",
    "administration_url",
    "webdav_url",
    "administrator",
    "access_url",
    "access_days",
    "accounts",
    "storage_gib",
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_letter_tells_everything_a_customer_needs_in_text_and_html(language: str) -> None:
    letter = compose("ready", language, READY)
    for name in MENTIONED:
        assert str(READY[name]) in letter.text
        assert str(READY[name]) in unescape(letter.html)
    assert "A-1001" in letter.subject


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_value_is_needed(language: str) -> None:
    for missing in READY:
        with pytest.raises(UndefinedError, match=missing):
            compose("ready", language, {name: value for name, value in READY.items() if name != missing})


def test_a_name_is_text_in_the_html_letter_and_stays_as_it_is_in_the_other() -> None:
    letter = compose("ready", "de", READY)
    assert "<b>Groß" not in letter.html
    assert "&lt;b&gt;Groß" in letter.html
    assert "Guten Tag Jürgen <b>Groß</b>," in letter.text


def test_the_german_letter_has_umlauts_and_no_makeshifts() -> None:
    letter = compose("ready", "de", READY | {"name": "Anna"})
    for text in (letter.text, letter.html):
        assert "für" in text
        assert "Grüße" in text
        assert not re.search(r"\b(fuer|koennen|Gruesse|oeffnen|Kennwoerter)\b", text)


def test_a_line_break_never_gets_into_a_subject() -> None:
    letter = compose("operator_step_failed", "en", FAILED | {"subject": "order A\r\nBcc: all@example.org"})
    message = EmailMessage()
    message["Subject"] = letter.subject
    assert "\n" not in letter.subject


def test_the_operators_letter_says_what_is_wrong_and_what_to_do() -> None:
    letter = compose("operator_step_failed", "en", FAILED)
    for value in FAILED.values():
        assert value in letter.text
        assert value in letter.html
    assert letter.subject == "set-up failed: order A-1001"


def test_a_letter_of_findings_tells_each_with_its_way_out() -> None:
    findings = [
        {"subject": "instance k3v9", "sentence": "No <good> backup.", "do": "phm backup k3v9"},
        {"subject": "store", "sentence": "It does not answer.", "do": "Look at it."},
    ]
    values = {"title": "Backups: 2 findings", "findings": findings, "run": "1f0c", "at": "2026-03-02 07:15:00 CET"}
    letter = compose("operator_findings", "en", values)
    for said in ("1f0c", *(value for one in findings for value in one.values())):
        assert said in letter.text
        assert said in unescape(letter.html)
    assert "<good>" not in letter.html
    assert letter.subject == "Backups: 2 findings"


def test_the_operators_letter_has_a_way_out_also_where_none_is_told() -> None:
    assert "Look at the run." in compose("operator_step_failed", "en", FAILED | {"do": ""}).text


def test_lines_of_text_letters_fit_a_screen_of_78_columns() -> None:
    short = READY | {"name": "Anna"}
    for language in LANGUAGES:
        assert max(map(len, compose("ready", language, short).text.splitlines())) <= 78


@pytest.mark.parametrize(
    ("at", "german", "english"),
    [
        (
            datetime(2026, 3, 6, 17, 30, tzinfo=UTC),
            "Freitag, 6. März 2026, 18:30 Uhr",
            "Friday, 6 March 2026, 18:30 (CET)",
        ),
        (
            datetime(2026, 7, 1, 22, 5, tzinfo=UTC),
            "Donnerstag, 2. Juli 2026, 00:05 Uhr",
            "Thursday, 2 July 2026, 00:05 (CEST)",
        ),
    ],
)
def test_moments_are_told_in_the_service_zone(at: datetime, german: str, english: str) -> None:
    assert moment(at, "de") == german
    assert moment(at, "en") == english


def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        moment(datetime(2026, 3, 6), "de")  # noqa: DTZ001  # on purpose


def test_only_html_is_escaped() -> None:
    assert render("letters/en/operator_step_failed.subject.j2", job="<a>", subject="&") == "<a>: &\n"
