"""The letters about names: what the customer has to enter, where he reaches his instance (P29 to P32)."""

from __future__ import annotations

import pytest

from hosting.policy.terms import LANGUAGES
from hosting.templates.letters import compose

VALUES = {
    "name": "Erika Muster", "order": "A-1001", "host": "Post.müller-söhne.example",
    "url": "https://post.xn--mller-shne-9db3c.example/", "long_form": "https://app1.phlymail.test/k3v9q2/",
}  # fmt: skip
RECORD = {"server": "app1.phlymail.test", "address": "192.0.2.7"}
LETTERS = {
    "domain_waiting": ("host", "long_form", "server", "address"),
    "name_live": ("host", "url", "long_form"),
    "name_gone": ("host", "long_form"),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("letter", LETTERS)
def test_a_letter_tells_what_it_is_about_in_text_and_html(letter: str, language: str) -> None:
    values = VALUES | (RECORD if letter == "domain_waiting" else {})
    made = compose(letter, language, values)
    for key in ("name", *LETTERS[letter]):
        assert values[key] in made.text, key
        assert values[key] in made.html, key
    assert VALUES["order"] in made.subject
    assert VALUES["host"] in made.subject  # exactly as it was ordered
    assert max(map(len, made.text.splitlines())) <= 78


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_record_to_enter_is_told_in_both_forms(language: str) -> None:
    text = compose("domain_waiting", language, VALUES | RECORD).text
    assert "CNAME  app1.phlymail.test\n" in text
    assert "A      192.0.2.7\n" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_customer_is_called_can_not_break_out_of_a_letter(language: str) -> None:
    html = compose("name_live", language, VALUES | {"name": "<script>alert(1)</script>"}).html
    assert "<script>" not in html
