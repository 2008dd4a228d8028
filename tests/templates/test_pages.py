"""The customers' pages as a browser and a screen reader meet them: structure, labels, contrast."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from itertools import pairwise, product

import pytest

from deployments.web.agreement import Stand
from hosting.policy.terms import LANGUAGES
from hosting.templates import render
from hosting.templates.wording import span

VOID = {"meta", "input", "br", "hr", "img", "link"}


@dataclass(frozen=True)
class Access:
    url: str = "https://app1.phlymail.test/k3v9/"
    admin: str = "admin"
    expires_at: datetime = datetime(2026, 3, 16, 9, 0, tzinfo=UTC)


class Outline(HTMLParser):
    """The tags of a page with their attributes; fails where one isn't closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(html: str) -> Outline:
    read = Outline()
    read.feed(html)
    read.close()
    assert read.open == []
    return read


def pages() -> dict[str, str]:
    form = {"access": Access(), "least": 12, "most": 128}
    made = {}
    for language in LANGUAGES:
        for objection in (None, "too_short", "not_the_same"):
            made[f"{language} form {objection}"] = page(language, "first_access", **form, objection=objection)
        made[f"{language} set"] = page(language, "password_set", access=Access())
        made[f"{language} later"] = page(language, "try_later")
        for reason in ("unknown", "used", "expired"):
            made[f"{language} {reason}"] = page(language, "link_gone", reason=reason)
        made |= agreement_pages(language)
        made |= certificate_pages(language)
    return made


def agreement_pages(language: str) -> dict[str, str]:
    at = datetime(2026, 12, 1, 21, 0, tzinfo=UTC)
    windows = [(at.isoformat(), span(at, at, language)), ("2026-12-02T21:00:00+00:00", "<another>")]
    offered = {
        "url": Access.url, "windows": windows, "stop": "3 s", "answer_by": at, "seal": "x" * 43, "words": "<b>", "most": 500,
    }  # fmt: skip
    made = {}
    for objection, moves in product((None, "none_chosen", "send_again", "not_offered"), (False, True)):
        given = {**offered, "objection": objection, "moves_without_answer": moves}
        made[f"{language} times {objection} {moves}"] = page(language, "agreement", **given)
    for stand, words, again in product(Stand, ("", "<i>"), (False, True)):
        if stand not in {Stand.OPEN, Stand.WITHDRAWN}:
            told = {"stand": stand.value, "window": "when", "url": Access.url, "words": words, "again": again}
            made[f"{language} told {stand} {words} {again}"] = page(language, "agreement_told", **told)
    for reason in ("unknown", "expired", "withdrawn"):
        made[f"{language} times {reason}"] = page(language, "agreement_gone", reason=reason)
    made[f"{language} times later"] = page(language, "agreement_later")
    return made


@dataclass(frozen=True)
class Upload:
    host: str = "Post.Müller.example"
    url: str = Access.url
    server: str = "app1.phlymail.test"
    expires_at: datetime = Access.expires_at


def certificate_pages(language: str) -> dict[str, str]:
    made = {}
    for objection, findings, names in (
        ("", [], []), ("", ["Wrong <b>.", "More."], ["<i>.pem", ""]), ("too_large", [], []), ("too_slow", [], []),
        ("unreadable", [], []), ("busy", [], []), ("too_many", [], []),
    ):  # fmt: skip
        given = {"findings": findings, "names": names, "objection": objection}
        made[f"{language} certificate {objection} {len(names)}"] = page(
            language, "certificate", upload=Upload(), most_kib=768, **given
        )
    for renews, warnings in product((False, True), ([], ["Soon <b>."])):
        told = {"upload": Upload(), "until": date(2027, 3, 6), "renews": renews, "warnings": warnings}
        made[f"{language} certificate taken {renews} {len(warnings)}"] = page(language, "certificate_taken", **told)
    for reason in ("unknown", "used", "expired"):
        made[f"{language} certificate {reason}"] = page(language, "certificate_gone", reason=reason)
    made[f"{language} certificate later"] = page(language, "certificate_later")
    return made


def page(language: str, name: str, **values: object) -> str:
    return render(f"pages/{language}/{name}.html.j2", language=language, **values)


ALL = pages()


@pytest.mark.parametrize("html", ALL.values(), ids=ALL.keys())
def test_every_page_is_well_formed_and_readable_for_all(html: str) -> None:
    read = outline(html)
    names = [tag for tag, _ in read.tags]
    assert html.startswith("<!DOCTYPE html>")
    assert next(attributes["lang"] for tag, attributes in read.tags if tag == "html") in LANGUAGES
    assert names.count("main") == names.count("h1") == names.count("title") == 1
    assert "script" not in names
    levels = [int(name[1]) for name in names if re.fullmatch("h[1-6]", name)]
    assert min(levels) == 1
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = {attributes["for"] for tag, attributes in read.tags if tag == "label"}
    for tag, attributes in read.tags:
        if tag in {"input", "textarea"} and attributes.get("type") != "hidden":
            assert attributes["id"] in labelled
            assert "autocomplete" in attributes or attributes["type"] == "radio"
        if attributes.get("type") == "radio":
            assert names.count("fieldset") == names.count("legend") == 1
        for reference in ("aria-describedby", "aria-labelledby"):
            assert attributes.get(reference) is None or attributes[reference] in ids
        if tag == "a" and (attributes["href"] or "").startswith("#"):
            assert (attributes["href"] or "")[1:] in ids


@pytest.mark.parametrize("html", ALL.values(), ids=ALL.keys())
def test_no_page_asks_another_host_for_anything(html: str) -> None:
    assert not re.search(r"""(src|action)=|url\(|@import""", html)


@pytest.mark.parametrize(("scheme", "start"), [("light", 0), ("dark", 1)])
@pytest.mark.parametrize(("ink", "ground"), [
    ("ink", "ground"), ("ink", "sheet"), ("quiet", "sheet"), ("accent", "sheet"), ("on-accent", "accent"),
    ("wrong", "wrong-ground"), ("ink", "wrong-ground"), ("right", "sheet"),
])  # fmt: skip
def test_texts_stand_out_from_their_ground_by_at_least_the_aa_contrast(
    scheme: str, start: int, ink: str, ground: str
) -> None:
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", render("pages/page.css").split("@media")[start]))
    assert contrast(colours[ink], colours[ground]) >= 4.5, scheme


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours as WCAG 2 defines it."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at:end], 16) / 255 for at, end in pairwise((1, 3, 5, 7))]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_what_customers_and_operators_typed_is_shown_and_not_run() -> None:
    assert not [name for name, html in ALL.items() if "<b>" in html or "<i>" in html or "<another>" in html]


def test_german_and_english_pages_say_the_same_things() -> None:
    for name, german in ALL.items():
        if name.startswith("de "):
            english = ALL[name.replace("de ", "en ", 1)]
            assert [tag for tag, _ in outline(german).tags] == [tag for tag, _ in outline(english).tags]
