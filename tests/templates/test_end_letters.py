"""Letters about the end of a contract say the same in both languages, in text and HTML, and how data go along (P41)."""

from __future__ import annotations

import re
from datetime import date
from html import unescape
from typing import Any

import pytest

from hosting.policy.terms import LANGUAGES
from hosting.templates import render
from hosting.templates.letters import compose
from hosting.templates.wording import day

COMMON = {"name": "Erika Muster", "order": "A-1001"}
DAYS = COMMON | {
    "ends_on": date(2027, 3, 1), "last_day": date(2027, 2, 28), "delete_on": date(2027, 3, 31), "kept_days": 30,
}  # fmt: skip
BACK = COMMON | {
    "was_closed": True,
    "back": ["anna.phlymail.test"],
    "lost": [],
    "url": "https://app1.phlymail.test/k3/",
}
LETTERS: list[tuple[str, dict[str, Any]]] = [
    ("end_noticed", DAYS),
    ("end_reminder", DAYS | {"days": 7}),
    ("end_reminder", DAYS | {"days": 1}),
    ("end_ended", DAYS | {"names": []}),
    ("end_ended", DAYS | {"names": ["anna.phlymail.test", "mail.kunde.test"]}),
    ("end_called_off", BACK),
    ("end_called_off", BACK | {"was_closed": False, "back": []}),
    ("end_called_off", BACK | {"back": [], "lost": ["mail.kunde.test", "post.kunde.test"]}),
    ("end_deleted", COMMON | {"contract": 71, "address_goes": True}),
    ("end_deleted", COMMON | {"contract": 71, "address_goes": False}),
    ("product_ends", COMMON | {"kept_days": 30}),
]
ids = [f"{number} {name}" for number, (name, _) in enumerate(LETTERS)]


def words(text: str) -> list[str]:
    return re.findall(r"[\w.:/-]+", text)


def plain(html: str) -> str:
    body = html.partition("<h1>")[2].partition("</h1>")[2]
    return unescape(re.sub(r"<[^>]+>", " ", body))


@pytest.mark.parametrize(("name", "values"), LETTERS, ids=ids)
@pytest.mark.parametrize("language", LANGUAGES)
def test_text_and_html_say_the_same_word_for_word_and_fit_a_screen(
    name: str, values: dict[str, Any], language: str
) -> None:
    letter = compose(name, language, values)
    assert words(letter.text) == words(plain(letter.html))
    assert max(map(len, letter.text.splitlines())) <= 78
    assert "\n\n\n" not in letter.text
    assert letter.text.count("\n\n") >= 3
    assert "Erika Muster" in letter.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_leaves_reads_his_last_day_the_day_of_the_deletion_and_how_his_data_go_along(language: str) -> None:
    for name, more in (("end_noticed", {}), ("end_reminder", {"days": 7})):
        said = " ".join(compose(name, language, DAYS | more).text.split())
        for at in (DAYS["last_day"], DAYS["ends_on"], DAYS["delete_on"]):
            assert day(at, language) in said
        assert "IMAP" in said
        assert ("offenen Formaten" if language == "de" else "open formats") in said


def test_the_page_of_an_instance_whose_contract_is_over_says_so_and_is_gone_for_good() -> None:
    page = render("apache/ended.conf.j2", name="k3v9q2", host_name="app1.phlymail.test")
    assert 'Redirect 410 "%path%"' in page
    assert "Der Vertrag für diese phlyMail-Instanz ist beendet." in page
    assert "Define phm-k3v9q2" in page
