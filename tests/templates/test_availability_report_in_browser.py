"""The report as people have it: read by a screen reader, by keyboard, on a phone, in the dark, on paper (P11)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from hosting.policy.terms import LANGUAGES
from tests.service.agreement_page import PHONE, SIZE, chromium
from tests.service.availability_page import take_pictures, write_report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

FIGURES = {"de": "Ausfallzeit", "en": "Downtime"}
MONTHS = {"de": "Nach Monaten", "en": "By month"}
OUTAGES = {"de": "Alle Ausfälle", "en": "All outages"}
READABLE = 4.5
"""The contrast that WCAG 2 asks for (AA)."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def report(tmp_path: Path, language: str) -> str:
    """The address of a report on two instances, one of which broke its promise."""
    return write_report(tmp_path, language)


def opened(browser: Browser, address: str, viewport: dict[str, int] = SIZE, scheme: str = "light") -> Page:
    page = browser.new_context(viewport=viewport, color_scheme=scheme).new_page()  # type: ignore[arg-type]
    page.goto(address)
    return page


def test_a_screen_reader_finds_headings_pictures_and_tables_by_their_names(
    browser: Browser, report: str, language: str
) -> None:
    page = opened(browser, report)
    assert page.locator("html").get_attribute("lang") == language
    assert page.get_by_role("heading", level=1).count() == 1
    for name in ("k3v9q2", "m7p4xw"):
        assert page.get_by_role("heading", name=re.compile(name), level=2).count() == 1
        assert page.get_by_role("img", name=re.compile(f"{FIGURES[language]}.*{name}")).count() == 1
    assert page.get_by_role("table", name=MONTHS[language]).count() == 2
    months = page.get_by_role("table", name=MONTHS[language]).first
    assert months.get_by_role("rowheader").count() == 8
    assert months.get_by_role("columnheader").count() == 4
    assert page.get_by_role("table", name=re.compile(OUTAGES[language])).first.get_by_role("row").count() == 3


def test_no_id_is_there_twice_and_every_name_leads_somewhere(browser: Browser, report: str) -> None:
    page = opened(browser, report)
    ids = page.eval_on_selector_all("[id]", "all => all.map(one => one.id)")
    assert len(ids) == len(set(ids))
    named = page.eval_on_selector_all(
        "[aria-labelledby]", "all => all.flatMap(one => one.getAttribute('aria-labelledby').split(' '))"
    )
    assert set(named) <= set(ids)


def test_nothing_is_cut_off_on_a_narrow_phone(browser: Browser, report: str) -> None:
    page = opened(browser, report, PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_stands_out_from_its_ground(browser: Browser, report: str, scheme: str) -> None:
    page = opened(browser, report, scheme=scheme)
    faint = page.evaluate(
        """least => {
          const bright = colour => {
            const [r, g, b] = colour.match(/[0-9.]+/g).map(Number).map(v => v / 255)
              .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const ground = one => {
            for (; one; one = one.parentElement) {
              const colour = getComputedStyle(one).backgroundColor;
              if (!/, 0\\)$/.test(colour)) return colour;
            }
            return 'rgb(255, 255, 255)';
          };
          return [...document.querySelectorAll('main *')].filter(one =>
            [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())
          ).filter(one => !['TITLE', 'DESC', 'title', 'desc'].includes(one.tagName)).filter(one => {
            const style = getComputedStyle(one);
            const [a, b] = [bright(one.closest('svg') ? style.fill : style.color), bright(ground(one))].sort((x, y) => y - x);
            return (a + 0.05) / (b + 0.05) < least;
          }).map(one => one.tagName + ': ' + one.textContent.trim().slice(0, 40));
        }""",
        READABLE,
    )
    assert faint == []


def test_wide_tables_are_reached_and_scrolled_by_keyboard(browser: Browser, report: str) -> None:
    page = opened(browser, report, PHONE)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "region"
    before = page.evaluate("document.activeElement.scrollLeft")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(400)
    wide = page.evaluate("document.activeElement.scrollWidth > document.activeElement.clientWidth")
    assert not wide or page.evaluate("document.activeElement.scrollLeft") > before


def test_the_picture_is_drawn(browser: Browser, report: str) -> None:
    page = opened(browser, report)
    box = page.locator("svg .used").first.bounding_box()
    frame = page.locator("svg").first.bounding_box()
    assert box is not None
    assert frame is not None
    assert box["width"] > 0.5 * frame["width"]
    assert 0 < box["height"] <= frame["height"]
    assert len(page.locator("svg").first.screenshot()) > 3_000


def test_on_paper_each_instance_has_a_page_of_its_own_on_white(browser: Browser, report: str) -> None:
    page = opened(browser, report, scheme="dark")
    printed = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 3
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.querySelector('main')).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(0, 0, 0)"


def test_the_browser_asks_for_nothing_else(browser: Browser, report: str) -> None:
    page = browser.new_context().new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report, wait_until="load")
    assert asked == [report]


def test_the_picture_of_the_documentation_can_be_taken(browser: Browser, report: str) -> None:
    taken: dict[str, bytes] = {}
    take_pictures(browser, report, lambda page, name: taken.update({name: page.screenshot()}))
    assert list(taken) == ["availability-report"]
    assert len(taken["availability-report"]) > 20_000
