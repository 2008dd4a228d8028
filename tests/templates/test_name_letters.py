"""Letters about names say the same in both languages, in text and HTML, whatever the name is written in (P28)."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from jinja2 import UndefinedError

from hosting.policy.terms import LANGUAGES
from hosting.templates.letters import Letter, compose

VALUES: dict[str, Any] = {
    "name": "Erika Muster",
    "order": "A-1001",
    "wished": "Bücher-Müller",
    "host": "bücher-müller.phlymail.net",
    "dns_host": "xn--bcher-mller-thbe.phlymail.net",
    "reasons": ["Der Name ist vergeben.", "Der Name hat 51 Zeichen; höchstens 48 sind möglich, also 3 weniger. " * 2],
    "least": 4,
    "most": 48,
}
LETTERS = ("name_received", "name_approved", "name_refused")


@pytest.mark.parametrize("name", LETTERS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_text_and_html_say_the_same_and_fit_a_screen(name: str, language: str) -> None:
    letter = compose(name, language, VALUES)
    assert words(letter.text) == words(plain(letter))
    assert max(map(len, letter.text.splitlines())) <= 78
    assert "\n\n\n" not in letter.text
    assert "A-1001" in letter.subject
    assert "Erika Muster" in letter.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_tells_each_reason_and_what_is_possible(language: str) -> None:
    letter = compose("name_refused", language, VALUES)
    assert letter.text.count("\n  - ") == letter.html.count("<li>") == 2
    assert "Bücher-Müller" in letter.text
    assert "48" in letter.text
    long = compose("name_refused", language, VALUES | {"wished": "x" * 191})
    assert max(map(len, long.text.splitlines())) <= 78


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_form_that_dns_has_is_told_where_it_is_another_one(language: str) -> None:
    assert "xn--" in compose("name_approved", language, VALUES).text
    plain_name = VALUES | {"host": "muster.phlymail.net", "dns_host": "muster.phlymail.net"}
    letter = compose("name_approved", language, plain_name)
    assert "https://muster.phlymail.net/" in letter.text
    assert letter.text.count("muster.phlymail.net") == 1


@pytest.mark.parametrize("name", LETTERS)
def test_what_a_customer_wrote_is_no_markup(name: str) -> None:
    values = VALUES | {"wished": "<b>x</b>", "host": "<b>x</b>", "reasons": ["<b>x</b>"]}
    assert "<b>" not in compose(name, "de", values).html


@pytest.mark.parametrize("missing", ["name", "order"])
def test_each_value_is_needed(missing: str) -> None:
    with pytest.raises(UndefinedError, match=missing):
        compose("name_refused", "de", {key: value for key, value in VALUES.items() if key != missing})


def plain(letter: Letter) -> str:
    """What a reader of the HTML letter sees."""
    body = letter.html.split("</h1>", 1)[1]
    return unescape(re.sub(r"<[^>]+>", " ", body))


def words(text: str) -> list[str]:
    """The words of a text, without the signs of a list."""
    return [word for word in text.split() if word != "-"]
