"""The letters about names: what the customer has to enter, where he reaches his instance (P29 to P32)."""

from __future__ import annotations

from datetime import date

import pytest

from hosting.policy.terms import LANGUAGES
from hosting.templates.letters import compose

VALUES = {
    "name": "Erika Muster", "order": "A-1001", "host": "Post.müller-söhne.example",
    "url": "https://post.xn--mller-shne-9db3c.example/", "long_form": "https://app1.phlymail.test/k3v9q2/",
}  # fmt: skip
RECORD = {"server": "app1.phlymail.test", "address": "192.0.2.7"}
DAYS = {"ordered": date(2027, 2, 4), "until": date(2027, 3, 6)}
OF_A_RECORD = ("domain_waiting", "domain_reminder")
LETTERS = {
    "domain_waiting": ("host", "long_form", "server", "address"),
    "domain_reminder": ("host", "long_form", "server", "address"),
    "name_live": ("host", "url", "long_form"),
    "name_gone": ("host", "long_form"),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("letter", LETTERS)
def test_a_letter_tells_what_it_is_about_in_text_and_html(letter: str, language: str) -> None:
    values = VALUES | (RECORD | DAYS if letter in OF_A_RECORD else {})
    made = compose(letter, language, values)
    for key in ("name", *LETTERS[letter]):
        assert values[key] in made.text, key
        assert values[key] in made.html, key
    assert VALUES["order"] in made.subject
    assert VALUES["host"] in made.subject  # exactly as it was ordered
    assert max(map(len, made.text.splitlines())) <= 78


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("letter", OF_A_RECORD)
def test_the_record_to_enter_is_told_in_both_forms(letter: str, language: str) -> None:
    text = compose(letter, language, VALUES | RECORD | DAYS).text
    assert "CNAME  app1.phlymail.test\n" in text
    assert "A      192.0.2.7\n" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_customer_is_called_can_not_break_out_of_a_letter(language: str) -> None:
    html = compose("name_live", language, VALUES | {"name": "<script>alert(1)</script>"}).html
    assert "<script>" not in html


def test_a_reminder_tells_since_when_and_until_when_the_domain_waits() -> None:
    made = compose("domain_reminder", "de", VALUES | RECORD | DAYS)
    assert all("4. Februar 2027" in text and "6. März 2027" in text for text in (made.text, made.html))
