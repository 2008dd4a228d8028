"""The letters about certificates of domains: when, where the next is handed over, where the instance is reached (P31)."""

from __future__ import annotations

from datetime import date

import pytest

from hosting.policy.terms import LANGUAGES
from hosting.templates.letters import compose

VALUES = {
    "name": "Erika Muster", "order": "A-1001", "host": "Post.müller-söhne.example",
    "url": "https://post.xn--mller-shne-9db3c.example/", "long_form": "https://app1.phlymail.test/k3v9q2/",
    "upload_url": "https://service.phlymail.test/certificate/TOKEN", "until": date(2027, 3, 6),
    "expires": date(2027, 2, 4), "server": "app1.phlymail.test", "address": "192.0.2.7",
}  # fmt: skip
LETTERS = {
    "domain_invited": ("host", "long_form", "upload_url"),
    "certificate_ends": ("host", "long_form", "upload_url"),
    "certificate_ended": ("host", "long_form", "upload_url"),
    "certificate_renewed": ("url", "long_form"),
    "certificate_not_renewed": ("host", "long_form", "upload_url"),
    "domain_astray": ("host", "long_form", "server", "address"),
}
DATED = ("certificate_ends", "certificate_ended", "certificate_renewed", "certificate_not_renewed")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("letter", LETTERS)
def test_a_letter_tells_what_it_is_about_in_text_and_html(letter: str, language: str) -> None:
    made = compose(letter, language, VALUES)
    for key in ("name", *LETTERS[letter]):
        assert str(VALUES[key]) in made.text, key
        assert str(VALUES[key]) in made.html, key
    assert "A-1001" in made.subject
    assert VALUES["host"] in made.subject  # exactly as it was ordered
    assert max(map(len, made.text.splitlines())) <= 78


@pytest.mark.parametrize("letter", DATED)
def test_the_end_of_the_certificate_is_told(letter: str) -> None:
    assert "6. März 2027" in compose(letter, "de", VALUES).text
    assert "6 March 2027" in compose(letter, "en", VALUES).html


@pytest.mark.parametrize(
    "letter", ["domain_invited", "certificate_ends", "certificate_ended", "certificate_not_renewed"]
)
def test_how_long_the_link_lives_is_told(letter: str) -> None:
    assert "4. Februar 2027" in compose(letter, "de", VALUES).html
    assert "4 February 2027" in compose(letter, "en", VALUES).text
